//! Frames of any dtype but complex in double precision.

use sandpipe_kernel::{Failure, Number, View, elementwise::map, match_real};

/// Writes the elements from `start` on, as many as `doubles` has room for.
///
/// # Errors
/// A dtype failure when the frame consists of complex numbers.
///
/// # Panics
/// The frame has fewer elements.
pub fn widen(frame: View, start: usize, doubles: &mut [f64]) -> Result<(), Failure> {
    match_real!(frame.dtype(), T => {
        let elements = &frame.slice::<T>()?[start..start + doubles.len()];
        map(elements, doubles, T::to_f64);
        Ok(())
    })
}
