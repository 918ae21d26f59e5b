//! Integers, which are computed in floats, against wider integers.

use sandpipe_kernel::Failure;

use super::{compute, vector};

/// Compares what comes of every pair of values with the same in 64 bits, brought within the dtype's bounds.
macro_rules! every_pair {
    ($type:ident, $values:expr) => {{
        let values: Vec<$type> = $values.collect();
        let pairs = values
            .iter()
            .flat_map(|&a| values.iter().map(move |&b| (a, b)));
        let (a, b): (Vec<_>, Vec<_>) = pairs.unzip();
        let operations: [(&str, fn(i64, i64) -> i64); 6] = [
            ("input + b", |a, b| a + b),
            ("input - b", |a, b| a - b),
            ("input * b", |a, b| a * b),
            ("min(input, b)", |a, b| a.min(b)),
            ("max(input, b)", |a, b| a.max(b)),
            ("abs(input)", |a, _| a.abs()),
        ];
        for (operation, exact) in operations {
            let stage = vector(&a).auxiliary("b", &[b.len() as u32], &b);
            let found = compute::<$type>(stage, operation, &[a.len() as u32])?;
            for ((&a, &b), found) in a.iter().zip(&b).zip(found) {
                let expected =
                    exact(a.into(), b.into()).clamp($type::MIN.into(), $type::MAX.into());
                assert_eq!(i64::from(found), expected, "{operation} of {a} and {b}");
            }
        }
    }};
}

/// The integers around those where something changes: each power of two and of ten, and the square roots of the bounds.
fn turns(low: i64, high: i64) -> impl Iterator<Item = i64> {
    let powers = (0..32).map(|power| 1 << power);
    let centres = powers.chain([0, 10, 100, 181, 255, 1000, 10_000, 46_340, 65_535]);
    let values = centres.flat_map(|x: i64| [x - 1, x, x + 1, 1 - x, -x, -x - 1]);
    values.filter(move |x| (low..=high).contains(x))
}

#[test]
fn every_pair_of_bytes_is_computed_exactly() -> Result<(), Failure> {
    every_pair!(u8, 0..=u8::MAX);
    every_pair!(i8, i8::MIN..=i8::MAX);
    Ok(())
}

#[test]
fn wider_integers_are_computed_exactly_at_every_turn() -> Result<(), Failure> {
    every_pair!(u16, turns(0, u16::MAX.into()).map(|x| x as u16));
    every_pair!(
        i16,
        turns(i16::MIN.into(), i16::MAX.into()).map(|x| x as i16)
    );
    every_pair!(u32, turns(0, u32::MAX.into()).map(|x| x as u32));
    every_pair!(
        i32,
        turns(i32::MIN.into(), i32::MAX.into()).map(|x| x as i32)
    );
    Ok(())
}

#[test]
fn a_sum_of_products_keeps_the_small_ones_among_the_large() -> Result<(), Failure> {
    let stage = || {
        vector(&[30_000i16, 1, 30_000])
            .auxiliary("m", &[1, 3], &[30_000i16, 7, -30_000])
            .auxiliary("wide", &[1], &[100_000i32])
    };
    assert_eq!(compute::<i16>(stage(), "m @ input", &[1])?, [7]);
    assert_eq!(
        compute::<i16>(stage(), "(m - 0) @ (input + 0) * 2", &[1])?,
        [14]
    );
    assert_eq!(
        compute::<i32>(stage(), "(m @ input + 30000) * wide", &[1])?,
        [2_147_483_647]
    );
    assert_eq!(
        compute::<i32>(stage(), "m @ input * wide", &[1])?,
        [700_000]
    );
    Ok(())
}
