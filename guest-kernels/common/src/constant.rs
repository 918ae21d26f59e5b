//! Sums and products with a constant, element by element.

use std::ops::{Add, Mul};

use sandpipe_kernel::{
    Dtype, Failure, Number, Part, View, ViewMut,
    elementwise::{BLOCK, map},
    match_number,
};

use crate::double::{self, Doubles};

/// A sum or a product, in any precision.
pub trait Operation {
    /// One element of the output.
    fn apply<T: Add<Output = T> + Mul<Output = T>>(x: T, constant: T) -> T;
}

/// Writes the sum or the product of each element and a constant, computed in double precision. Only the elements of `part` are
/// computed.
///
/// # Errors
/// A dtype failure when the two frames are not of one dtype of numbers.
pub fn apply<O: Operation>(
    input: View,
    output: ViewMut,
    constant: f64,
    part: Part,
) -> Result<(), Failure> {
    let range = part.blocks(input.array().elements(), BLOCK);
    if input.dtype() == Dtype::F32 {
        let (input, output) = (&input.slice()?[range.clone()], output.slice()?);
        let output = &mut output[range];
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
    match_number!(input.dtype(), T => {
        let (input, output) = (&input.slice::<T>()?[range.clone()], output.slice()?);
        map(input, &mut output[range], |x| T::from_f64(O::apply(x.to_f64(), constant)));
        Ok(())
    })
}
