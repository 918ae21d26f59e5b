//! `cpu.scale_offset`: out = gain × in − offset.

use sandpipe_kernel::{
    Context, Dtype, Failure, Inputs, Kernel, Number, Part, View, ViewMut,
    elementwise::{BLOCK, zip},
    export, match_real,
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
        "summary": "Scales the input and subtracts the auxiliary stream: out = gain × in − offset, computed in double precision. Integers are truncated toward zero and saturate; bool is false for 0 and true for all else; of complex numbers, each part is computed by itself.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
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
        if input.dtype().part() == Dtype::F32 {
            let input = input.parts()?;
            let range = self.part.blocks(input.len(), BLOCK);
            let (input, offset) = (&input[range.clone()], &offset.parts()?[range.clone()]);
            let output = &mut output.parts()?[range];
            if gain == 1.0 {
                // A difference of two f32, rounded to f64 and then to f32, is that of f32 itself.
                zip(input, offset, output, |x: f32, offset: f32| x - offset);
            } else {
                let gain = Doubles::splat(gain);
                double::compute([input, offset], output, |[x, offset]| gain * x - offset);
            }
            return Ok(());
        }
        match_real!(input.dtype().part(), T => {
            let input = input.parts::<T>()?;
            let range = self.part.blocks(input.len(), BLOCK);
            let (input, offset) = (&input[range.clone()], &offset.parts::<T>()?[range.clone()]);
            zip(input, offset, &mut output.parts::<T>()?[range], |x, offset| {
                Number::from_f64(gain * x.to_f64() - offset.to_f64())
            });
            Ok(())
        })
    }
}

export!(ScaleOffset);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::{Arithmetic, Bool, Element, f16, testing::Stage};

    use super::*;

    fn compute<T: Element>(
        gain: f64,
        input: &[T],
        offset: &[T],
        part: [u32; 2],
    ) -> Result<Vec<T>, Failure> {
        let shape = [input.len() as u32];
        let mut stage = Stage::<ScaleOffset>::new()
            .part(part[0], part[1])
            .parameter("gain", gain)
            .trigger_input("x", &shape, input)
            .auxiliary("b", &shape, offset)
            .output::<T>("y", &shape)
            .build()?;
        stage.compute()?;
        Ok(stage.output::<T>(0).to_vec())
    }

    #[test]
    fn each_part_of_complex_numbers_is_computed_by_itself() -> Result<(), Failure> {
        for gain in [1.0, 0.5] {
            let input: Vec<[f32; 2]> = (0..100).map(|k| [k as f32, f32::INFINITY]).collect();
            let offset = [[3.0, 1.0]; 100];
            let mut sum = vec![[0.0; 2]; 100];
            for index in 0..3 {
                for (sum, part) in sum
                    .iter_mut()
                    .zip(compute(gain, &input, &offset, [index, 3])?)
                {
                    *sum = sum.sum(part);
                }
            }
            let expected: Vec<_> = (0..100)
                .map(|k| [gain as f32 * k as f32 - 3.0, f32::INFINITY])
                .collect();
            assert_eq!(sum, expected);
        }
        Ok(())
    }

    #[test]
    fn halves_and_bool_are_computed_in_double_precision() -> Result<(), Failure> {
        let half = f16::from_f32;
        let y = compute(1e5, &[half(1.0)], &[half(60000.0)], [0, 1])?;
        assert_eq!(y, [half(40000.0)], "though 1e5 is none");
        let [no, yes] = [false, true].map(Bool::from);
        let y = compute(2.0, &[no, no, yes, yes], &[no, yes, no, yes], [0, 1])?;
        assert_eq!(y, [no, yes, yes, yes]);
        let y = compute(1.0, &[yes], &[yes], [0, 1])?;
        assert_eq!(y, [no]);
        Ok(())
    }
}
