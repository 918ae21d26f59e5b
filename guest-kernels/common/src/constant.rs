//! Sums and products with a constant, element by element.

use std::ops::{Add, Mul};

use sandpipe_kernel::{
    Dtype, Failure, Number, Part, View, ViewMut,
    elementwise::{BLOCK, map},
    match_real,
};

use crate::double::{self, Doubles};

/// A sum or a product, in any precision.
pub trait Operation {
    /// One element of the output.
    fn apply<T: Add<Output = T> + Mul<Output = T>>(x: T, constant: T) -> T;
}

/// Writes the sum or the product of each element and a constant, computed in double precision; of complex numbers, that of both their
/// parts. Only the elements of `part` are computed.
///
/// # Errors
/// A dtype failure when the two frames are not of one dtype.
pub fn apply<O: Operation>(
    input: View,
    output: ViewMut,
    constant: f64,
    part: Part,
) -> Result<(), Failure> {
    if input.dtype().part() == Dtype::F32 {
        let input = input.parts()?;
        let range = part.blocks(input.len(), BLOCK);
        let (input, output) = (&input[range.clone()], &mut output.parts()?[range]);
        let short = constant as f32;
        if f64::from(short) == constant {
            // Faster, and the same to the bit: f64 has more than twice the digits of f32 and two, so rounding a sum or a
            // product of two f32 first to f64 and then to f32 is the same as rounding it once (Figueroa, "When is double
            // rounding innocuous?", 1995).
            map(input, output, |x| O::apply(x, short));
        } else {
            let constant = Doubles::splat(constant);
            double::compute([input], output, |[x]| O::apply(x, constant));
        }
        return Ok(());
    }
    match_real!(input.dtype().part(), T => {
        let input = input.parts::<T>()?;
        let range = part.blocks(input.len(), BLOCK);
        map(&input[range.clone()], &mut output.parts::<T>()?[range], |x| {
            Number::from_f64(O::apply(x.to_f64(), constant))
        });
        Ok(())
    })
}
