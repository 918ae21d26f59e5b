//! The largest or smallest of all elements.

use std::array;

use sandpipe_kernel::{Bool, Element, Number, f16};

/// Elements of which one may be better than another.
pub(crate) trait Extreme: Element + PartialOrd {
    /// The first element that is better than all others; the first NaN if there is one.
    fn extreme(values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self;
}

macro_rules! extremes {
    ($extreme:ident: $($type:ty)*) => {$(
        impl Extreme for $type {
            fn extreme(values: &[Self], better: impl Fn(Self, Self) -> bool) -> Self {
                $extreme(values, better)
            }
        }
    )*};
}

extremes! { side_by_side: Bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 }
// What cannot be added, or compared, in a vector. Complex numbers are in the order of their real parts, then of their imaginary ones.
extremes! { one_by_one: f16 [f32; 2] [f64; 2] }

fn one_by_one<T: Extreme + Default>(values: &[T], better: impl Fn(T, T) -> bool) -> T {
    let is_nan = |x: &T| x.partial_cmp(x).is_none();
    let choose = |best: T, x: T| {
        if is_nan(&best) || !is_nan(&x) && !better(x, best) {
            best
        } else {
            x
        }
    };
    values.iter().copied().reduce(choose).unwrap_or_default()
}

/// Candidates that are kept side by side.
const LANES: usize = 16;

fn side_by_side<T: Number>(values: &[T], better: impl Fn(T, T) -> bool) -> T {
    let Some(&first) = values.first() else {
        return T::from_f64(0.0);
    };
    let choose = |best: T, x: T| if better(x, best) { x } else { best };
    let (turns, rest) = values.as_chunks();
    let (best, sums) = lanes(first, turns, choose);
    // NaN is never better, so it is lost there. But it makes its sum NaN, which costs less than to compare. So may infinities.
    let suspicious = sums.iter().chain(rest).any(|sum| sum.is_nan());
    if suspicious && let Some(&nan) = values.iter().find(|x| x.is_nan()) {
        return nan;
    }
    let best = best.into_iter().fold(first, choose);
    rest.iter().copied().fold(best, choose)
}

/// Candidates and sums. By itself, so that the loop has the processor's registers to itself.
#[inline(never)]
fn lanes<T: Number>(
    first: T,
    turns: &[[T; 2 * LANES]],
    choose: impl Fn(T, T) -> T,
) -> ([T; LANES], [T; LANES]) {
    let mut best = [first; LANES];
    let mut sums = [T::from_f64(0.0); LANES];
    for turn in turns {
        let (parts, _) = turn.as_chunks::<LANES>();
        for part in parts {
            best = array::from_fn(|lane| choose(best[lane], part[lane]));
            sums = array::from_fn(|lane| sums[lane].sum(part[lane]));
        }
    }
    (best, sums)
}
