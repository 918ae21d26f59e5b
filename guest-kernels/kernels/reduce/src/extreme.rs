//! The largest or smallest of all elements.

use std::array;

use sandpipe_kernel::Number;

/// Candidates that are kept side by side.
const LANES: usize = 16;

/// The first element that is better than all others; NaN if there is one.
pub(crate) fn extreme<T: Number>(values: &[T], better: impl Fn(T, T) -> bool) -> T {
    // NaN is never better and nothing is better than it, so it has to be let in, and then stays.
    let choose = |best: T, x: T| {
        if better(x, best) | x.is_nan() {
            x
        } else {
            best
        }
    };
    let Some(&first) = values.first() else {
        return T::from_f64(0.0);
    };
    let (turns, rest) = values.as_chunks::<32>();
    let mut best = [first; LANES];
    for turn in turns {
        let (parts, _) = turn.as_chunks::<LANES>();
        for part in parts {
            best = array::from_fn(|lane| choose(best[lane], part[lane]));
        }
    }
    let best = best.into_iter().fold(first, choose);
    rest.iter().copied().fold(best, choose)
}
