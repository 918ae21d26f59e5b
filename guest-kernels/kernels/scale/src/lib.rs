//! `cpu.scale`: out = in × factor.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Number, View, ViewMut, elementwise::map, export, match_number,
};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct Scale {
    factor: f64,
}

impl Kernel for Scale {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.scale",
        "version": "0.1.0",
        "summary": "Multiplies every element by a constant: out = in × factor, computed in double precision. Integers are truncated toward zero and saturate.",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
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
        context.parameters()
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let factor = self.factor;
        match_number!(input.dtype(), T => {
            map(input.slice::<T>()?, output.slice()?, |x| T::from_f64(x.to_f64() * factor));
            Ok(())
        })
    }
}

export!(Scale);
