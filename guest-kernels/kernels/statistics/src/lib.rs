//! `cpu.statistics`: a sink. Looks at what comes in: its mean and spread, and whether all of it are numbers.

use sandpipe_kernel::{Context, Failure, Frame, Kernel, Number, export, match_real};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct Statistics {
    fail_on_nan: bool,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    fail_on_nan: bool,
}

impl Kernel for Statistics {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.statistics",
        "version": "0.1.0",
        "summary": "A sink: the mean and the standard deviation of every frame, in double precision, to its output, if it has one. On request a frame with a NaN is a fault.",
        "output_arity": null,
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "fail_on_nan": { "type": "boolean", "default": false, "description": "Whether a frame with a NaN is a fault." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.parameters::<Parameters>()?;
        match &context.outputs[..] {
            [] => Ok(()),
            [output] => output.require_shape(&[2], "for the mean and the standard deviation"),
            more => Err(Failure::arity(format!(
                "publishes on one stream, or none, got {}",
                more.len()
            ))),
        }
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let Parameters { fail_on_nan } = context.parameters()?;
        Ok(Statistics { fail_on_nan })
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let input = frame.trigger_inputs.get(0)?;
        let (mean, deviation) = match_real!(input.dtype(), T => {
            let values = input.slice::<T>()?;
            if self.fail_on_nan && let Some(place) = values.iter().position(|value| value.is_nan()) {
                return Err(Failure::failed(format!("element {place} of frame {} is no number", frame.id)));
            }
            Ok(statistics(values))
        })?;
        if frame.outputs.is_empty() {
            return Ok(());
        }
        let output = frame.outputs.get(0)?;
        match_real!(output.dtype(), T => {
            output.slice::<T>()?.copy_from_slice(&[mean, deviation].map(Number::from_f64));
            Ok(())
        })
    }
}

/// Mean and standard deviation.
fn statistics<T: Number>(values: &[T]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|value| value.to_f64()).sum::<f64>() / count;
    let squares = values.iter().map(|value| (value.to_f64() - mean).powi(2));
    (mean, (squares.sum::<f64>() / count).sqrt())
}

export!(Statistics);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    #[test]
    fn mean_and_deviation_go_to_the_output() -> Result<(), Failure> {
        let mut stage = Stage::<Statistics>::new()
            .trigger_input("x", &[2, 2], &[1u8, 3, 5, 7])
            .output::<f64>("y", &[2])
            .build()?;
        stage.compute()?;
        assert_eq!(stage.output::<f64>(0), [4.0, 5f64.sqrt()]);
        Ok(())
    }

    #[test]
    fn a_nan_is_a_fault_on_request_and_no_output_is_needed() -> Result<(), Failure> {
        for fail_on_nan in [false, true] {
            let mut stage = Stage::<Statistics>::new()
                .parameter("fail_on_nan", fail_on_nan)
                .trigger_input("x", &[3], &[1f32, f32::NAN, 2.0])
                .build()?;
            let failure = stage.compute().err();
            assert_eq!(failure.is_some(), fail_on_nan);
            let said = |failure: &Failure| {
                failure
                    .message
                    .contains("element 1 of frame 1 is no number")
            };
            assert!(failure.as_ref().is_none_or(said), "{failure:?}");
        }
        Ok(())
    }
}
