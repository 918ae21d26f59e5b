//! Any dtype to any other, by way of blocks of f64 that stay in the nearest cache.

use sandpipe_kernel::{Failure, Number, View, ViewMut, elementwise::map, match_real};
use sandpipe_kernel_common::widen::widen;

/// Elements of a block.
const BLOCK: usize = 512;

/// Writes `in × gain + offset`.
pub(crate) fn convert(input: View, output: ViewMut, gain: f64, offset: f64) -> Result<(), Failure> {
    match_real!(output.dtype(), T => each_block(input, output.slice::<T>()?, |out, block| {
        map(block, out, |x| Number::from_f64(x * gain + offset));
    }))
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
        widen(input, index * BLOCK, block)?;
        write(output, block);
    }
    Ok(())
}
