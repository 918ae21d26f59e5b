//! Any dtype to any other, by way of blocks of f64 that stay in the nearest cache.

use sandpipe_kernel::{Dtype, Failure, Number, View, ViewMut, elementwise::map, f16, match_number};

/// Elements of a block.
const BLOCK: usize = 512;

/// Writes `in × gain + offset`.
pub(crate) fn convert(input: View, output: ViewMut, gain: f64, offset: f64) -> Result<(), Failure> {
    match output.dtype() {
        Dtype::Bool => each_block(input, output.bytes(), |out, block| {
            map(block, out, |x| u8::from(x * gain + offset != 0.0));
        }),
        Dtype::F16 => each_block(input, output.slice::<f16>()?, |out, block| {
            map(block, out, |x| half(x * gain + offset));
        }),
        other => match_number!(other, T => each_block(input, output.slice::<T>()?, |out, block| {
            map(block, out, |x| T::from_f64(x * gain + offset));
        })),
    }
}

/// `value` rounded once. `f16::from_f64` drops the lower half of the bits, which is wrong just beside the middle
/// between two numbers. So whether that half was empty is kept in the bit above it.
#[inline]
fn half(value: f64) -> f16 {
    const LOWER: u64 = 0xffff_ffff;
    let bits = value.to_bits();
    let sticky = u64::from(bits & LOWER != 0) << 32;
    f16::from_f64(f64::from_bits(bits & !LOWER | sticky))
}

/// Hands over the output in blocks, each with its input.
fn each_block<T>(
    input: View,
    output: &mut [T],
    write: impl Fn(&mut [T], &[f64]),
) -> Result<(), Failure> {
    let mut block = [0.0; BLOCK];
    for (index, output) in output.chunks_mut(BLOCK).enumerate() {
        let block = &mut block[..output.len()];
        read(input, index * BLOCK, block)?;
        write(output, block);
    }
    Ok(())
}

/// Reads the elements from `start` on.
fn read(input: View, start: usize, block: &mut [f64]) -> Result<(), Failure> {
    match input.dtype() {
        Dtype::Bool => map(&input.bytes()[start..], block, |x| f64::from(x != 0)),
        Dtype::F16 => map(&input.slice::<f16>()?[start..], block, f16::to_f64),
        other => match_number!(other, T => {
            map(&input.slice::<T>()?[start..], block, T::to_f64);
            Ok(())
        })?,
    }
    Ok(())
}
