//! Sums and products with a constant, element by element.

use sandpipe_kernel::{Dtype, Failure, Number, View, ViewMut, elementwise::map, match_number};

/// Writes `x + constant` or `x × constant`, computed in double precision. The formula is given twice, for both
/// widths of float.
///
/// # Errors
/// A dtype failure when the two frames are not of one dtype of numbers.
pub fn apply(
    input: View,
    output: ViewMut,
    constant: f64,
    narrow: impl Fn(f32, f32) -> f32,
    wide: impl Fn(f64, f64) -> f64,
) -> Result<(), Failure> {
    let short = constant as f32;
    if input.dtype() == Dtype::F32 && f64::from(short) == constant {
        // Four times as fast, and the same to the bit: f64 has more than twice the digits of f32 and two, so
        // rounding a sum or a product of two f32 first to f64 and then to f32 is the same as rounding it once
        // (Figueroa, "When is double rounding innocuous?", 1995).
        map(input.slice()?, output.slice()?, |x| narrow(x, short));
        return Ok(());
    }
    match_number!(input.dtype(), T => {
        map(input.slice::<T>()?, output.slice()?, |x| T::from_f64(wide(x.to_f64(), constant)));
        Ok(())
    })
}
