//! `cpu.add_constant`: out = in + constant.

use std::ops::{Add, Mul};

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, Part, View, ViewMut, export};
use sandpipe_kernel_common::constant::{Operation, apply};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct AddConstant {
    constant: f64,
    #[serde(skip)]
    part: Part,
}

struct Plus;

impl Operation for Plus {
    fn apply<T: Add<Output = T> + Mul<Output = T>>(x: T, constant: T) -> T {
        x + constant
    }
}

impl Kernel for AddConstant {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.add_constant",
        "version": "0.1.0",
        "summary": "Adds a constant to every element: out = in + constant, computed in double precision. Integers are truncated toward zero and saturate.",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "split": "rows",
        "parameters": {
            "type": "object",
            "properties": {
                "constant": { "type": "number", "description": "What is added to every element." }
            },
            "required": ["constant"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        AddConstant::new(context)?;
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(AddConstant {
            part: context.part,
            ..context.parameters()?
        })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        apply::<Plus>(input, output, self.constant, self.part)
    }
}

export!(AddConstant);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sandpipe_kernel::testing::Stage;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_rounds_like_the_long_one(x: f32, constant: f32) {
            prop_assume!(constant.is_finite() && !x.is_nan());
            let stage = Stage::<AddConstant>::new()
                .parameter("constant", f64::from(constant))
                .trigger_input("x", &[1], &[x])
                .output::<f32>("y", &[1])
                .build();
            let mut stage = stage.map_err(|failure| TestCaseError::fail(failure.message))?;
            prop_assert_eq!(stage.compute(), Ok(()));
            let expected = (f64::from(x) + f64::from(constant)) as f32;
            let y = stage.output::<f32>(0)[0];
            prop_assert!(y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan());
        }
    }

    #[test]
    fn integers_are_computed_in_f64_truncated_and_saturated() -> Result<(), Failure> {
        let mut stage = Stage::<AddConstant>::new()
            .parameter("constant", -2.5)
            .trigger_input("x", &[4], &[7i8, -1, 127, -128])
            .output::<i8>("y", &[4])
            .build()?;
        stage.compute()?;
        assert_eq!(stage.output::<i8>(0), [4, -3, 124, -128]);
        Ok(())
    }
}
