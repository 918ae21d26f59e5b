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
        "summary": "Multiplies every element by a constant: out = in × factor, computed in double precision. Integers are truncated toward zero and saturate; bool is false for 0 and true for all else; of complex numbers, both parts are multiplied.",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
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
    use sandpipe_kernel::{Arithmetic, Bool, Element, f16, testing::Stage};

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

    fn scale<T: Element>(values: &[T], factor: f64, part: [u32; 2]) -> Result<Vec<T>, Failure> {
        let shape = [values.len() as u32];
        let mut stage = Stage::<Scale>::new()
            .part(part[0], part[1])
            .parameter("factor", factor)
            .trigger_input("x", &shape, values)
            .output::<T>("y", &shape)
            .build()?;
        stage.compute()?;
        Ok(stage.output::<T>(0).to_vec())
    }

    #[test]
    fn both_parts_of_complex_numbers_are_multiplied_by_all_parts_of_a_stage() -> Result<(), Failure>
    {
        let values: Vec<[f64; 2]> = (0..150).map(|k| [f64::from(k), -1.0]).collect();
        let mut sum = vec![[0.0; 2]; 150];
        for index in 0..3 {
            for (sum, part) in sum.iter_mut().zip(scale(&values, 2.0, [index, 3])?) {
                *sum = sum.sum(part);
            }
        }
        let doubled: Vec<_> = values.iter().map(|x| x.map(|x| 2.0 * x)).collect();
        assert_eq!(sum, doubled);
        let infinite = scale(&[[f32::INFINITY, 1.0]], 0.1, [0, 1])?;
        assert_eq!(infinite, [[f32::INFINITY, 0.1]], "no NaN of the other part");
        Ok(())
    }

    #[test]
    fn halves_are_rounded_once_and_bool_is_what_is_not_0() -> Result<(), Failure> {
        let half = f16::from_f32;
        // Just above the middle between 1 and the next half, by less than an f32 can tell.
        let factor = 1.0 + 1.0 / 2048.0 + f64::EPSILON;
        assert_eq!(scale(&[half(1.0)], factor, [0, 1])?, [half(1.000_976_6)]);
        let values = [false, true, true].map(Bool::from);
        assert_eq!(scale(&values, -0.5, [0, 1])?, values);
        assert_eq!(scale(&values, 0.0, [0, 1])?, [Bool::from(false); 3]);
        Ok(())
    }
}
