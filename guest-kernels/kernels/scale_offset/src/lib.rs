//! `cpu.scale_offset`: out = gain × in − offset.

use sandpipe_kernel::{
    Context, Dtype, Failure, Inputs, Kernel, Number, Part, View, ViewMut,
    elementwise::{BLOCK, zip},
    export, match_number,
};
use sandpipe_kernel_common::double::{self, Doubles};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct ScaleOffset {
    gain: f64,
    #[serde(skip)]
    part: Part,
}

impl Kernel for ScaleOffset {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.scale_offset",
        "version": "0.1.0",
        "summary": "Scales the input and subtracts the auxiliary stream: out = gain × in − offset, computed in double precision. Integers are truncated toward zero and saturate.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "gain": { "type": "number", "description": "What every element of the input is multiplied by." }
            },
            "required": ["gain"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        ScaleOffset::new(context)?;
        let input = context.trigger_input()?;
        context.auxiliary_input(0)?.require_like(input)?;
        context.output()?.require_like(input)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(ScaleOffset {
            part: context.part,
            ..context.parameters()?
        })
    }

    fn compute_into(
        &mut self,
        input: View,
        output: ViewMut,
        auxiliary: Inputs,
    ) -> Result<(), Failure> {
        let gain = self.gain;
        let offset = auxiliary.get(0)?;
        let range = self.part.blocks(input.array().elements(), BLOCK);
        if input.dtype() == Dtype::F32 {
            let (input, offset) = (
                &input.slice()?[range.clone()],
                &offset.slice()?[range.clone()],
            );
            let output = &mut output.slice()?[range];
            if gain == 1.0 {
                // A difference of two f32, rounded to f64 and then to f32, is that of f32 itself.
                zip(input, offset, output, |x: f32, offset: f32| x - offset);
            } else {
                let gain = Doubles::splat(gain);
                double::compute([input, offset], output, |[x, offset]| gain * x - offset);
            }
            return Ok(());
        }
        match_number!(input.dtype(), T => {
            let (input, offset) = (&input.slice::<T>()?[range.clone()], &offset.slice::<T>()?[range.clone()]);
            zip(input, offset, &mut output.slice()?[range], |x, offset| {
                T::from_f64(gain * x.to_f64() - offset.to_f64())
            });
            Ok(())
        })
    }
}

export!(ScaleOffset);
