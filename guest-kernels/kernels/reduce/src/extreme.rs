//! The largest or smallest of all elements.

use std::array;

use sandpipe_kernel::Number;

/// Candidates that are kept side by side.
const LANES: usize = 16;

/// The first element that is better than all others; NaN if there is one.
pub(crate) fn extreme<T: Number>(values: &[T], better: impl Fn(T, T) -> bool) -> T {
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
