//! `cpu.concatenate`: several arrays, joined along an axis.

use sandpipe_kernel::{Context, Failure, Frame, Kernel, export};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct Concatenate {
    /// Bytes of each input that stand together in the output.
    runs: Vec<usize>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    axis: i64,
}

impl Kernel for Concatenate {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.concatenate",
        "version": "0.1.0",
        "summary": "Joins two or more trigger inputs along an axis, in the order in which the stage lists them. Their other extents are equal; the output's extent along the axis is their sum. Any dtype, the same everywhere.",
        "input_arity": null,
        "parameters": {
            "type": "object",
            "properties": {
                "axis": { "type": "integer", "default": 0, "description": "The axis to join along, counted from 0, or from the end if negative." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let inputs = &context.trigger_inputs;
        let [first, others @ ..] = inputs.as_slice() else {
            return Err(too_few(0));
        };
        if others.is_empty() {
            return Err(too_few(1));
        }
        let axis = axis(context)?;
        for input in others {
            input.require_dtype_of(first)?;
            input.require_rank(first.shape().len())?;
            let mut expected = first.shape().to_vec();
            expected[axis] = input.shape()[axis];
            input.require_shape(&expected, &format!("like {first} except along axis {axis}"))?;
        }
        let sum = inputs
            .iter()
            .map(|input| u64::from(input.shape()[axis]))
            .sum::<u64>();
        let mut expected = first.shape().to_vec();
        expected[axis] = u32::try_from(sum)
            .map_err(|_| Failure::shape(format!("the inputs together are too long: {sum}")))?;
        let output = context.output()?;
        output.require_shape(&expected, &format!("to hold the inputs along axis {axis}"))?;
        output.require_dtype_of(first)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let axis = axis(context)?;
        let run = |shape: &[u32], size: usize| {
            shape[axis..]
                .iter()
                .fold(size, |bytes, &extent| bytes * extent as usize)
        };
        Ok(Concatenate {
            runs: (context.trigger_inputs.iter())
                .map(|input| run(input.shape(), input.dtype().size()))
                .collect(),
        })
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let output = frame.outputs.get(0)?.bytes();
        let stride = self.runs.iter().sum::<usize>();
        let mut start = 0;
        for (input, &run) in frame.trigger_inputs.iter().zip(&self.runs) {
            let output = &mut output[start..];
            match run {
                // Short runs of a known length are plain loads and stores, not calls.
                4 => interleave::<4>(input.bytes(), output, stride),
                8 => interleave::<8>(input.bytes(), output, stride),
                _ => {
                    for (row, from) in output.chunks_mut(stride).zip(input.bytes().chunks(run)) {
                        row[..run].copy_from_slice(from);
                    }
                }
            }
            start += run;
        }
        Ok(())
    }
}

/// Writes runs of `RUN` bytes to the begin of every `stride` bytes.
fn interleave<const RUN: usize>(input: &[u8], output: &mut [u8], stride: usize) {
    for (row, run) in output.chunks_mut(stride).zip(input.as_chunks::<RUN>().0) {
        if let Some(start) = row.first_chunk_mut::<RUN>() {
            *start = *run;
        }
    }
}

/// The axis, counted from 0.
fn axis(context: &Context) -> Result<usize, Failure> {
    let Parameters { axis } = context.parameters()?;
    let shape = context.trigger_input()?.shape();
    let rank = shape.len() as i64;
    usize::try_from(if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    })
    .ok()
    .filter(|&axis| axis < shape.len())
    .ok_or_else(|| {
        Failure::parameter(format!(
            "parameter 'axis': {axis} is out of bounds for inputs of shape {shape:?}"
        ))
    })
}

fn too_few(count: usize) -> Failure {
    Failure::arity(format!(
        "expects at least 2 trigger input streams, got {count}"
    ))
}

export!(Concatenate);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    #[test]
    fn inputs_are_joined_along_any_axis() -> Result<(), Failure> {
        let stage = |axis: i64| {
            Stage::<Concatenate>::new()
                .parameter("axis", axis)
                .trigger_input("a", &[2, 2], &[1u16, 2, 3, 4])
                .trigger_input("b", &[2, 2], &[5u16, 6, 7, 8])
        };
        for (axis, shape, expected) in [
            (0, [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
            (1, [2, 4], [1, 2, 5, 6, 3, 4, 7, 8]),
            (-1, [2, 4], [1, 2, 5, 6, 3, 4, 7, 8]),
            (-2, [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            let mut stage = stage(axis).output::<u16>("y", &shape).build()?;
            stage.compute()?;
            assert_eq!(stage.output::<u16>(0), expected);
        }
        for axis in [2, -3, i64::MAX, i64::MIN] {
            assert!(stage(axis).output::<u16>("y", &[4, 2]).validate().is_err());
        }
        Ok(())
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let refuse = |b: &[u32], out: &[u32]| {
            let frame = vec![0f32; b.iter().product::<u32>() as usize];
            let stage = Stage::<Concatenate>::new()
                .trigger_input("a", &[2, 3], &[0f32; 6])
                .trigger_input("b", b, &frame)
                .output::<f32>("y", out);
            stage.validate().err().map(|failure| failure.message)
        };
        assert_eq!(refuse(&[1, 3], &[3, 3]), None);
        let message = refuse(&[1, 4], &[3, 3]).unwrap_or_default();
        assert!(message.ends_with(
            "input 'b' must have shape [1, 3] like input 'a' except along axis 0, got [1, 4]"
        ));
        let message = refuse(&[1, 3], &[4, 3]).unwrap_or_default();
        assert!(message.ends_with(
            "output 'y' must have shape [3, 3] to hold the inputs along axis 0, got [4, 3]"
        ));
        assert!(refuse(&[3], &[3, 3]).is_some());
    }
}
