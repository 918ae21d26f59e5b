//! `cpu.convert`: out = in × gain + offset, from one dtype to another.

mod blocks;

use sandpipe_kernel::{
    Context, Dtype, Element, Failure, Inputs, Kernel, View, ViewMut, elementwise::map, export,
};
use sandpipe_kernel_common::double::{self, Doubles};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct Convert {
    #[serde(default = "one")]
    gain: f64,
    #[serde(default)]
    offset: f64,
}

fn one() -> f64 {
    1.0
}

impl Kernel for Convert {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.convert",
        "version": "0.1.0",
        "summary": "Converts from one dtype to another: out = in × gain + offset, computed in double precision (so integers beyond 2^53 are rounded). Floats are rounded to nearest; integers are truncated toward zero and saturate, NaN becomes 0; bool is false for 0 and true for all else. The shape stays.",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "gain": { "type": "number", "default": 1, "description": "What every element is multiplied by." },
                "offset": { "type": "number", "default": 0, "description": "What is added to every product." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        Convert::new(context)?;
        context.output()?.require_shape_of(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        context.parameters()
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let same = self.gain == 1.0 && self.offset == 0.0 && input.dtype() == output.dtype();
        if same && input.dtype() != Dtype::Bool {
            output.bytes().copy_from_slice(input.bytes());
            return Ok(());
        }
        match (input.dtype(), output.dtype()) {
            (Dtype::U8, Dtype::F32) => self.short_to_f32::<u8>(input, output),
            (Dtype::U16, Dtype::F32) => self.short_to_f32::<u16>(input, output),
            (Dtype::F32, Dtype::F32) => {
                let (gain, offset) = (Doubles::splat(self.gain), Doubles::splat(self.offset));
                double::compute([input.slice()?], output.slice()?, |[x]| x * gain + offset);
                Ok(())
            }
            _ => blocks::convert(input, output, self.gain, self.offset),
        }
    }
}

impl Convert {
    /// What cameras deliver, in one go.
    fn short_to_f32<T: Element + Into<f32> + Into<f64>>(
        &self,
        input: View,
        output: ViewMut,
    ) -> Result<(), Failure> {
        let (input, output) = (input.slice::<T>()?, output.slice::<f32>()?);
        let &Convert { gain, offset } = self;
        if self.is_exact_in_f32() {
            let (gain, offset) = (gain as f32, offset as f32);
            map(input, output, |x| Into::<f32>::into(x) * gain + offset);
        } else {
            map(input, output, |x| {
                (Into::<f64>::into(x) * gain + offset) as f32
            });
        }
        Ok(())
    }

    /// Whether 16-bit integers can be converted to f32 in f32 arithmetic (four times as fast) with the same
    /// result, bit for bit, as in f64.
    ///
    /// Without an offset, both round the exact product once. With one, both add it to the exact product, if that
    /// needs at most 24 digits: 16 of the element and 8 of the gain. Rounding such a sum to f64 first changes
    /// nothing (Figueroa, "When is double rounding innocuous?", 1995).
    fn is_exact_in_f32(&self) -> bool {
        let (gain, offset) = (self.gain as f32, self.offset as f32);
        let short = gain.to_bits().trailing_zeros() >= 16;
        // Far enough from both ends of the range that no product leaves it.
        let moderate = (1e-9..=1e9).contains(&gain.abs());
        f64::from(gain) == self.gain
            && f64::from(offset) == self.offset
            && (offset == 0.0 || short && moderate)
    }
}

export!(Convert);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sandpipe_kernel::{Bool, Role, f16, testing::Stage};

    use super::*;

    fn convert<T: Element, U: Element>(
        values: &[T],
        gain: f64,
        offset: f64,
    ) -> Result<Vec<U>, Failure> {
        let shape = [values.len() as u32];
        let mut stage = Stage::<Convert>::new()
            .parameter("gain", gain)
            .parameter("offset", offset)
            .trigger_input("x", &shape, values)
            .output::<U>("y", &shape)
            .build()?;
        stage.compute()?;
        Ok(stage.output::<U>(0).to_vec())
    }

    #[test]
    fn integers_truncate_saturate_and_have_no_nan() -> Result<(), Failure> {
        let values = [1.9, -1.9, 300.0, -300.0, f64::NAN, f64::INFINITY];
        assert_eq!(convert::<_, u8>(&values, 1.0, 0.0)?, [1, 0, 255, 0, 0, 255]);
        assert_eq!(
            convert::<_, i8>(&values, 1.0, 0.0)?,
            [1, -1, 127, -128, 0, 127]
        );
        assert_eq!(convert::<_, i16>(&[40000u16, 7], 1.0, 0.0)?, [32767, 7]);
        assert_eq!(convert::<_, u16>(&[-5i32, 3], 2.0, 1.0)?, [0, 7]);
        Ok(())
    }

    #[test]
    fn every_length_is_converted_to_its_end() -> Result<(), Failure> {
        for length in [1usize, 511, 512, 513, 1500] {
            let values: Vec<u32> = (0..length as u32).collect();
            let expected: Vec<f64> = (0..length).map(|x| x as f64 * 0.5 - 1.0).collect();
            assert_eq!(convert::<_, f64>(&values, 0.5, -1.0)?, expected);
        }
        Ok(())
    }

    #[test]
    fn half_precision_and_booleans() -> Result<(), Failure> {
        let halves = convert::<_, f16>(&[1.5f32, 1e6], 1.0, 0.0)?;
        assert_eq!(halves, [f16::from_f32(1.5), f16::INFINITY]);
        assert_eq!(convert::<_, f64>(&halves[..1], 2.0, 0.0)?, [3.0]);

        // By a bit above the middle between two halves.
        let above = 1.0 + 1.0 / 2048.0 + f64::EPSILON;
        let rounded = convert::<_, f16>(&[above], 1.0, 0.0)?;
        assert_eq!(rounded, [f16::from_f32(1.000_976_6)]);

        let truths = convert::<_, Bool>(&[0.0f32, -0.5, f32::NAN, 7.0], 1.0, 0.0)?;
        assert_eq!(truths, [false, true, true, true].map(Bool::from));
        assert_eq!(convert::<_, u8>(&truths, 2.0, 1.0)?, [1, 3, 3, 3]);

        // What another process has written as true becomes 1.
        let mut stage = Stage::<Convert>::new()
            .bytes(Role::TriggerInput, "x", Dtype::Bool, &[3], &[0, 7, 1])
            .output::<Bool>("y", &[3])
            .build()?;
        stage.compute()?;
        assert_eq!(stage.output_bytes(0), [0, 1, 1]);
        Ok(())
    }

    proptest! {
        #[test]
        fn the_short_way_equals_the_long_one(
            values in prop::collection::vec(any::<u16>(), 1..40),
            gain in prop_oneof![any::<i8>().prop_map(f32::from), any::<f32>(), Just(0.5)],
            offset in prop_oneof![any::<i16>().prop_map(f32::from), any::<f32>(), Just(0.0)],
        ) {
            prop_assume!(gain.is_finite() && offset.is_finite());
            let (gain, offset) = (f64::from(gain), f64::from(offset));
            let result = convert::<_, f32>(&values, gain, offset);
            for (y, x) in result.iter().flatten().zip(&values) {
                let expected = (f64::from(*x) * gain + offset) as f32;
                prop_assert_eq!(y.to_bits(), expected.to_bits());
            }
            prop_assert!(result.is_ok());
        }
    }
}
