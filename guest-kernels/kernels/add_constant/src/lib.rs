//! `cpu.add_constant`: out = in + constant.

use std::ops::{Add, Mul};

use sandpipe_kernel::{
    Context, Dtype, Element, Failure, Inputs, Kernel, Number, Part, View, ViewMut,
    elementwise::{BLOCK, map},
    export,
};
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
        "summary": "Adds a constant to every element: out = in + constant, computed in double precision. Integers are truncated toward zero and saturate; bool is false for 0 and true for all else; of complex numbers, it is added to the real part.",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
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
        match input.dtype() {
            Dtype::C64 => self.add_to_real_parts::<f32>(input, output),
            Dtype::C128 => self.add_to_real_parts::<f64>(input, output),
            _ => apply::<Plus>(input, output, self.constant, self.part),
        }
    }
}

impl AddConstant {
    fn add_to_real_parts<T: Number>(&self, input: View, output: ViewMut) -> Result<(), Failure>
    where
        [T; 2]: Element,
    {
        let range = self.part.blocks(input.array().elements(), BLOCK);
        let (input, output) = (&input.slice()?[range.clone()], output.slice()?);
        map(input, &mut output[range], |[real, imaginary]: [T; 2]| {
            [T::from_f64(real.to_f64() + self.constant), imaginary]
        });
        Ok(())
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

    #[test]
    fn of_complex_numbers_the_real_part_is_added_to() -> Result<(), Failure> {
        let mut stage = Stage::<AddConstant>::new()
            .parameter("constant", 0.1)
            .trigger_input("x", &[2], &[[1.0f32, -2.0], [f32::NAN, 3.0]])
            .output::<[f32; 2]>("y", &[2])
            .build()?;
        stage.compute()?;
        let [first, second] = stage.output::<[f32; 2]>(0) else {
            return Err(Failure::failed("two elements"));
        };
        assert_eq!(*first, [1.1, -2.0]);
        assert!(second[0].is_nan() && second[1] == 3.0);
        Ok(())
    }
}
