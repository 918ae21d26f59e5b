//! 32-bit floats computed in double precision.
//!
//! The compiler does not know that WebAssembly has vector instructions for both conversions where it sees what becomes of the rounded
//! halves, and takes 1.7 times as long.

use sandpipe_kernel::elementwise::BLOCK;

/// Some elements, as many as suit the processor.
pub use vectors::Doubles;
use vectors::Vectors;

/// Elements that are computed together.
const LANES: usize = 4;

/// Elements computed in one turn of the loop, at which the host can interrupt it.
const TURN: usize = 16;

const _: () = assert!(BLOCK.is_multiple_of(TURN));

/// Writes `f` of the elements of each place, rounded to nearest. Elements beyond the shortest slice are left alone.
#[inline(never)]
pub fn compute<const N: usize>(
    inputs: [&[f32]; N],
    output: &mut [f32],
    f: impl Fn([Doubles; N]) -> Doubles,
) {
    let count = inputs
        .iter()
        .fold(output.len(), |count, input| count.min(input.len()));
    let inputs = inputs.map(|input| input[..count].as_chunks::<TURN>());
    let (output, rest) = output[..count].as_chunks_mut::<TURN>();
    let vectors = Vectors::new();
    for (turn, output) in output.iter_mut().enumerate() {
        let inputs = inputs.map(|(input, _)| input[turn].as_chunks::<LANES>().0);
        let (output, _) = output.as_chunks_mut::<LANES>();
        for (index, output) in output.iter_mut().enumerate() {
            *output = vectors.compute(inputs.map(|input| input[index]), &f);
        }
    }
    for (index, output) in rest.iter_mut().enumerate() {
        let elements = inputs.map(|(_, rest)| Doubles::splat(f64::from(rest[index])));
        *output = f(elements).to_array()[0] as f32;
    }
}

#[cfg(not(target_family = "wasm"))]
mod vectors {
    use super::LANES;

    pub use wide::f64x4 as Doubles;

    pub(super) struct Vectors;

    impl Vectors {
        pub(super) fn new() -> Self {
            Vectors
        }

        #[inline(always)]
        pub(super) fn compute<const N: usize>(
            &self,
            inputs: [[f32; LANES]; N],
            f: &impl Fn([Doubles; N]) -> Doubles,
        ) -> [f32; LANES] {
            let inputs = inputs.map(|input| Doubles::from(input.map(f64::from)));
            f(inputs).to_array().map(|x| x as f32)
        }
    }
}

#[cfg(target_family = "wasm")]
mod vectors {
    use std::{arch::wasm32::*, hint::black_box};

    use super::LANES;

    pub use wide::f64x2 as Doubles;

    pub(super) struct Vectors {
        /// Moves the lower half of a vector to the upper one and clears the lower: an index that is out of range gives 0.
        up: v128,
    }

    impl Vectors {
        pub(super) fn new() -> Self {
            let lower = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7]);
            // Were it known to the compiler, elements would be rounded one by one.
            let up = black_box(u64x2(u64::MAX, lower));
            Vectors { up }
        }

        #[inline(always)]
        pub(super) fn compute<const N: usize>(
            &self,
            inputs: [[f32; LANES]; N],
            f: &impl Fn([Doubles; N]) -> Doubles,
        ) -> [f32; LANES] {
            let inputs = inputs.map(|[a, b, c, d]| f32x4(a, b, c, d));
            let low = lower_half(inputs, f);
            let high = lower_half(inputs.map(|x| i32x4_shuffle::<2, 3, 0, 0>(x, x)), f);
            let both = v128_or(low, i8x16_swizzle(high, self.up));
            [
                f32x4_extract_lane::<0>(both),
                f32x4_extract_lane::<1>(both),
                f32x4_extract_lane::<2>(both),
                f32x4_extract_lane::<3>(both),
            ]
        }
    }

    /// The results of the first two elements, and two zeros.
    #[inline(always)]
    fn lower_half<const N: usize>(inputs: [v128; N], f: &impl Fn([Doubles; N]) -> Doubles) -> v128 {
        let [first, second] = f(inputs.map(|x| {
            let x = f64x2_promote_low_f32x4(x);
            Doubles::from([f64x2_extract_lane::<0>(x), f64x2_extract_lane::<1>(x)])
        }))
        .to_array();
        f32x4_demote_f64x2_zero(f64x2(first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_computed_once_whatever_the_length() {
        for length in [0, 1, 4, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..length).map(|k| k as f32 * 0.3).collect();
            let b: Vec<f32> = (0..length).map(|k| 1e9 - k as f32).collect();
            let mut output = vec![0.0; length + 1];
            compute([&a, &b], &mut output, |[a, b]| a * Doubles::splat(0.1) - b);
            for (index, (a, b)) in a.iter().zip(&b).enumerate() {
                let expected = (f64::from(*a) * 0.1 - f64::from(*b)) as f32;
                assert_eq!(output[index].to_bits(), expected.to_bits());
            }
            assert_eq!(output[length], 0.0, "left alone");
        }
    }
}
