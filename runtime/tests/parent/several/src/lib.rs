//! A kernel of several trigger inputs and several outputs: how the parent's `compute_into_multiple` is written here.
//!
//! `kernels/several.py` is the same kernel in Python.

use sandpipe_kernel::{Context, Failure, Frame, Kernel, elementwise::map, export};

/// The mean of the inputs, their spread, and how many frames there were.
#[derive(Debug)]
pub struct Statistics;

impl Kernel for Statistics {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "test.statistics",
        "version": "0.1.0",
        "summary": "Writes the mean of its inputs, the spread of their elements, and the number of frames.",
        "input_arity": null,
        "output_arity": 3,
        "dtypes": ["f64", "s64"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false },
        "state": [{ "alias": "frames", "like": "output:2" }]
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let [mean, spread, frames] = context.outputs.as_slice() else {
            return Err(Failure::arity("expects 3 output streams"));
        };
        let first = context.trigger_input()?;
        for array in &context.trigger_inputs {
            array.require_like(first)?;
        }
        mean.require_like(first)?;
        spread.require_single()?;
        spread.require_dtype_of(first)?;
        frames.require_single()
    }

    fn new(_: &Context) -> Result<Self, Failure> {
        Ok(Statistics)
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let seen = frame.state.previous(0)?.slice::<i64>()?;
        let frames = frame.state.next(0)?.slice::<i64>()?;
        map(seen, frames, |seen| seen + 1);

        let inputs = frame.trigger_inputs;
        let mut outputs = frame.outputs.iter_mut();
        let mut output = || outputs.next().ok_or_else(|| Failure::arity("3 outputs"));
        let mean = output()?.slice::<f64>()?;
        mean.fill(0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for input in inputs.iter() {
            for (mean, &x) in mean.iter_mut().zip(input.slice::<f64>()?) {
                *mean += x;
                least = least.min(x);
                most = most.max(x);
            }
        }
        for mean in mean {
            *mean /= inputs.len() as f64;
        }
        output()?.slice::<f64>()?.fill(most - least);
        output()?.slice::<i64>()?.copy_from_slice(frames);
        Ok(())
    }
}

export!(Statistics);
