//! Sums and products with a constant, element by element.

use sandpipe_kernel::{
    Dtype, Failure, Number, Part, View, ViewMut,
    elementwise::{BLOCK, map},
    match_number,
};

/// Writes `x + constant` or `x × constant`, computed in double precision. The formula is given twice, for both
/// widths of float. Only the elements of `part` are computed.
///
/// # Errors
/// A dtype failure when the two frames are not of one dtype of numbers.
pub fn apply(
    input: View,
    output: ViewMut,
    constant: f64,
    part: Part,
    narrow: impl Fn(f32, f32) -> f32,
    wide: impl Fn(f64, f64) -> f64,
) -> Result<(), Failure> {
    let range = part.blocks(input.array().elements(), BLOCK);
    let short = constant as f32;
    if input.dtype() == Dtype::F32 && f64::from(short) == constant {
        // Four times as fast, and the same to the bit: f64 has more than twice the digits of f32 and two, so
        // rounding a sum or a product of two f32 first to f64 and then to f32 is the same as rounding it once
        // (Figueroa, "When is double rounding innocuous?", 1995).
        let (input, output) = (&input.slice()?[range.clone()], output.slice()?);
        map(input, &mut output[range], |x| narrow(x, short));
        return Ok(());
    }
    match_number!(input.dtype(), T => {
        let (input, output) = (&input.slice::<T>()?[range.clone()], output.slice()?);
        map(input, &mut output[range], |x| T::from_f64(wide(x.to_f64(), constant)));
        Ok(())
    })
}
