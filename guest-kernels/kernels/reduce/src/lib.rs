//! `cpu.reduce`: all elements to one: their sum, mean, maximum or minimum.

mod extreme;
mod total;

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, export, match_arithmetic};
use serde::Deserialize;

use crate::{extreme::Extreme, total::Total};

/// The kernel.
#[derive(Debug)]
pub struct Reduce {
    operation: Operation,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Sum,
    #[default]
    Mean,
    Max,
    Min,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    operation: Operation,
}

impl Kernel for Reduce {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.reduce",
        "version": "0.1.0",
        "summary": "Reduces all elements to one of the same dtype: their sum, mean, maximum or minimum. One NaN makes the result NaN. Sums of floats and complex numbers are taken in double precision; sums and means of integers are exact, truncated toward zero, and saturate; those of bool are true unless all elements are false. Complex numbers are compared by their real parts, and by their imaginary parts where those are equal.",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": {
            "type": "object",
            "properties": {
                "operation": { "enum": ["sum", "mean", "max", "min"], "default": "mean", "description": "What is computed of all elements." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        Reduce::new(context)?;
        let output = context.output()?;
        output.require_single()?;
        output.require_dtype_of(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let Parameters { operation } = context.parameters()?;
        Ok(Reduce { operation })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        match_arithmetic!(input.dtype(), T => {
            let values = input.slice::<T>()?;
            let result = match self.operation {
                Operation::Sum => T::sum_of(values),
                Operation::Mean => T::mean_of(values),
                Operation::Max => T::extreme(values, |a, b| a > b),
                Operation::Min => T::extreme(values, |a, b| a < b),
            };
            output.slice()?.fill(result);
            Ok(())
        })
    }
}

export!(Reduce);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::{Bool, Element, f16, testing::Stage};

    use super::*;

    fn reduce<T: Element>(operation: &str, values: &[T]) -> Result<T, Failure> {
        let mut stage = Stage::<Reduce>::new()
            .parameter("operation", operation)
            .trigger_input("x", &[values.len() as u32], values)
            .output::<T>("y", &[1, 1])
            .build()?;
        stage.compute()?;
        Ok(stage.output::<T>(0)[0])
    }

    #[test]
    fn integers_are_exact_truncate_and_saturate() -> Result<(), Failure> {
        assert_eq!(reduce("mean", &[-1i8, -2])?, -1);
        assert_eq!(reduce("mean", &[i32::MAX; 100])?, i32::MAX);
        assert_eq!(reduce("sum", &[i32::MAX, 5, i32::MIN])?, 4);
        assert_eq!(reduce("sum", &[200u8; 40])?, 255);
        assert_eq!(reduce("mean", &[u64::MAX; 70])?, u64::MAX);
        assert_eq!(reduce("sum", &[i64::MIN; 3])?, i64::MIN);
        Ok(())
    }

    #[test]
    fn nan_propagates_from_any_place() -> Result<(), Failure> {
        for length in [1, 31, 32, 33, 100] {
            for place in [0, length / 2, length - 1] {
                let mut values = vec![1.0f32; length];
                values[place] = f32::NAN;
                for operation in ["sum", "mean", "max", "min"] {
                    assert!(reduce(operation, &values)?.is_nan());
                }
            }
        }
        Ok(())
    }

    #[test]
    fn extremes_are_found_in_any_place() -> Result<(), Failure> {
        for length in [1u32, 31, 32, 33, 100] {
            for place in 0..length {
                let mut values = vec![-3i16; length as usize];
                values[place as usize] = -1;
                assert_eq!(reduce("max", &values)?, -1);
                values[place as usize] = -7;
                assert_eq!(reduce("min", &values)?, -7);
            }
        }
        let mut values = [f64::NEG_INFINITY; 40];
        assert_eq!(reduce("max", &values)?, f64::NEG_INFINITY);
        // Their sum is NaN, but none of them.
        values[8] = f64::INFINITY;
        assert_eq!(reduce("max", &values)?, f64::INFINITY);
        assert_eq!(reduce("min", &values)?, f64::NEG_INFINITY);
        Ok(())
    }

    #[test]
    fn sums_of_floats_lose_nothing_that_matters() -> Result<(), Failure> {
        let values = vec![0.1f32; 1_000_003];
        let exact = f64::from(0.1f32) * values.len() as f64;
        assert_eq!(reduce("sum", &values)?, exact as f32);
        assert_eq!(reduce("mean", &values)?, 0.1);
        let values = vec![0.1f64; 1_000_003];
        let exact = 0.1 * values.len() as f64;
        assert!((reduce("sum", &values)? - exact).abs() < 1e-14 * exact);
        assert_eq!(reduce("sum", &[f32::MAX; 3])?, f32::INFINITY);
        assert!(reduce("sum", &[f64::INFINITY, f64::NEG_INFINITY])?.is_nan());
        Ok(())
    }

    #[test]
    fn complex_numbers_are_summed_by_parts() -> Result<(), Failure> {
        for length in [1usize, 15, 16, 17, 1024, 1500, 5000] {
            let values: Vec<[f32; 2]> = (0..length).map(|k| [k as f32, 0.1]).collect();
            let total = (length * (length - 1) / 2) as f64;
            let [real, imaginary] = reduce("sum", &values)?;
            assert_eq!(real, total as f32);
            assert_eq!(imaginary, (f64::from(0.1f32) * length as f64) as f32);
            assert_eq!(
                reduce("mean", &values)?,
                [(total / length as f64) as f32, 0.1]
            );
        }
        assert_eq!(
            reduce("sum", &[[1e300, f64::NAN], [1.0, 2.0]])?[0],
            1e300,
            "one part's NaN is not the other's"
        );
        Ok(())
    }

    #[test]
    fn complex_numbers_have_the_order_of_their_parts() -> Result<(), Failure> {
        let values = [[1.0, 5.0], [2.0, -1.0], [2.0, 3.0], [1.0, -7.0]];
        assert_eq!(reduce("max", &values)?, [2.0, 3.0]);
        assert_eq!(reduce("min", &values)?, [1.0, -7.0]);
        for nan in [[f32::NAN, 1.0], [-9.0, f32::NAN]] {
            for operation in ["max", "min"] {
                let found = reduce(operation, &[[1.0, 5.0], nan, [f32::NAN, 2.0], [3.0, 3.0]])?;
                assert_eq!(format!("{found:?}"), format!("{nan:?}"), "the first");
            }
        }
        Ok(())
    }

    #[test]
    fn halves_are_summed_in_double_precision() -> Result<(), Failure> {
        let half = f16::from_f32;
        assert_eq!(reduce("sum", &[half(1.0); 3000])?, half(3000.0));
        assert_eq!(reduce("mean", &[half(60000.0); 100])?, half(60000.0));
        let values = [half(1.0), half(-2.0), half(0.5)];
        assert_eq!(reduce("max", &values)?, half(1.0));
        assert_eq!(reduce("min", &values)?, half(-2.0));
        for place in 0..3 {
            let mut values = values;
            values[place] = f16::NAN;
            for operation in ["sum", "mean", "max", "min"] {
                assert!(reduce(operation, &values)?.is_nan());
            }
        }
        Ok(())
    }

    #[test]
    fn of_bool_a_minimum_is_all_and_the_rest_is_any() -> Result<(), Failure> {
        for length in [1, 31, 32, 100] {
            for (place, operation) in ["sum", "mean", "max", "min"].into_iter().enumerate() {
                let mut values = vec![Bool::from(operation == "min"); length];
                assert_eq!(reduce(operation, &values)?, values[0]);
                values[(7 * place) % length] = Bool::from(operation != "min");
                assert_eq!(reduce(operation, &values)?, (operation != "min").into());
            }
        }
        Ok(())
    }
}
