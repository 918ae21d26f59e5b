//! `cpu.scale`: out = in × factor.

use std::ops::{Add, Mul};

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, Part, View, ViewMut, export};
use sandpipe_kernel_common::constant::{Operation, apply};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct Scale {
    factor: f64,
    #[serde(skip)]
    part: Part,
}

struct Times;

impl Operation for Times {
    fn apply<T: Add<Output = T> + Mul<Output = T>>(x: T, constant: T) -> T {
        x * constant
    }
}

impl Kernel for Scale {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.scale",
        "version": "0.1.0",
        "summary": "Multiplies every element by a constant: out = in × factor, computed in double precision. Integers are truncated toward zero and saturate.",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "split": "rows",
        "parameters": {
            "type": "object",
            "properties": {
                "factor": { "type": "number", "description": "What every element is multiplied by." }
            },
            "required": ["factor"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        Scale::new(context)?;
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Scale {
            part: context.part,
            ..context.parameters()?
        })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        apply::<Times>(input, output, self.factor, self.part)
    }
}

export!(Scale);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sandpipe_kernel::testing::Stage;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_rounds_like_the_long_one(x: f32, factor: f32) {
            prop_assume!(factor.is_finite() && !x.is_nan());
            let stage = Stage::<Scale>::new()
                .parameter("factor", f64::from(factor))
                .trigger_input("x", &[1], &[x])
                .output::<f32>("y", &[1])
                .build();
            let mut stage = stage.map_err(|failure| TestCaseError::fail(failure.message))?;
            prop_assert_eq!(stage.compute(), Ok(()));
            let expected = (f64::from(x) * f64::from(factor)) as f32;
            let y = stage.output::<f32>(0)[0];
            prop_assert!(y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan());
        }
    }

    #[test]
    fn integers_are_computed_in_f64_truncated_and_saturated() -> Result<(), Failure> {
        let mut stage = Stage::<Scale>::new()
            .parameter("factor", -2.5)
            .trigger_input("x", &[4], &[7i8, -1, 127, -128])
            .output::<i8>("y", &[4])
            .build()?;
        stage.compute()?;
        assert_eq!(stage.output::<i8>(0), [-17, 2, -128, 127]);
        Ok(())
    }
}
