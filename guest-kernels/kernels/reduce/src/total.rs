//! Sums and means.

use std::ops::Add;

use sandpipe_kernel::{Bool, Element, Number, f16};
use wide::f64x2;

/// Elements that can be summed.
pub(crate) trait Total: Element {
    /// The sum, in the type itself.
    fn sum_of(values: &[Self]) -> Self;

    /// The mean, in the type itself; 0 of nothing.
    fn mean_of(values: &[Self]) -> Self;
}

/// Elements that are summed one after the other, in the lanes of vectors.
const RUN: usize = 1024;

/// The sum in double precision, of which `run` sums a part. Runs are summed in pairs, pairs of runs in pairs and so on, so that the
/// error grows with the logarithm of the length only (as NumPy does it). The calls nest at most 22 deep.
fn pairwise<T, S: Add<Output = S>>(values: &[T], run: fn(&[T]) -> S) -> S {
    if values.len() <= RUN {
        return run(values);
    }
    let half = (values.len() / 2).next_multiple_of(RUN);
    let (left, right) = values.split_at(half.min(values.len()));
    pairwise(left, run) + pairwise(right, run)
}

fn run<T: Number>(values: &[T]) -> f64 {
    let (turns, rest) = values.as_chunks::<32>();
    let sum = every_other(turns).reduce_add();
    rest.iter().fold(sum, |sum, x| sum + x.to_f64())
}

/// The sums of the real and the imaginary parts.
fn complex_run<T: Number>(values: &[[T; 2]]) -> f64x2 {
    let (turns, _) = values.as_flattened().as_chunks::<32>();
    let rest = &values[16 * turns.len()..];
    rest.iter().fold(every_other(turns), |sum, parts| {
        sum + f64x2::from(parts.map(T::to_f64))
    })
}

/// The sums of the elements at even and at odd places.
#[inline(always)]
fn every_other<T: Number>(turns: &[[T; 32]]) -> f64x2 {
    let mut sums = [f64x2::ZERO; 4];
    for turn in turns {
        let (pairs, _) = turn.as_chunks::<2>();
        for (place, &[a, b]) in pairs.iter().enumerate() {
            sums[place % 4] += f64x2::from([a.to_f64(), b.to_f64()]);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Total for $type {
            fn sum_of(values: &[Self]) -> Self {
                Number::from_f64(pairwise(values, run))
            }

            fn mean_of(values: &[Self]) -> Self {
                Number::from_f64(pairwise(values, run) / values.len().max(1) as f64)
            }
        }
    )*};
}

floats! { f16 f32 f64 }

macro_rules! complex {
    ($($type:ty)*) => {$(
        impl Total for [$type; 2] {
            fn sum_of(values: &[Self]) -> Self {
                pairwise(values, complex_run).to_array().map(Number::from_f64)
            }

            fn mean_of(values: &[Self]) -> Self {
                let count = f64x2::splat(values.len().max(1) as f64);
                let mean = pairwise(values, complex_run) / count;
                mean.to_array().map(Number::from_f64)
            }
        }
    )*};
}

complex! { f32 f64 }

/// Not 0, and neither is the mean then.
impl Total for Bool {
    fn sum_of(values: &[Self]) -> Self {
        values.iter().any(|x| x.get()).into()
    }

    fn mean_of(values: &[Self]) -> Self {
        Self::sum_of(values)
    }
}

/// The exact sum, in an accumulator that has room for all that memory can hold.
macro_rules! integers {
    ($($type:ty, $sum:ty;)*) => {$(
        impl Total for $type {
            fn sum_of(values: &[Self]) -> Self {
                let sum = exact::<Self, $sum>(values);
                sum.clamp(Self::MIN.into(), Self::MAX.into()) as Self
            }

            fn mean_of(values: &[Self]) -> Self {
                // Between the least and the greatest value, so it fits.
                (exact::<Self, $sum>(values) / values.len().max(1) as $sum) as Self
            }
        }
    )*};
}

integers! { i8, i64; i16, i64; i32, i64; u8, i64; u16, i64; u32, i64; i64, i128; u64, i128; }

fn exact<T: Number, S: From<T> + std::ops::AddAssign + Copy + Default>(values: &[T]) -> S {
    let (turns, rest) = values.as_chunks::<32>();
    let mut sum = S::default();
    for turn in turns {
        for &x in turn {
            sum += x.into();
        }
    }
    for &x in rest {
        sum += x.into();
    }
    sum
}
