//! Numbers to the bytes of elements.

use half::f16;

use crate::array::Dtype;
use crate::config::Number;

/// Fills `frame` with `values`, as far as both go.
///
/// Integers truncate toward zero and saturate, and NaN is 0 there; of complex elements the value is the real part;
/// a boolean is whether the value differs from 0.
pub(super) fn fill(dtype: Dtype, frame: &mut [u8], values: impl Iterator<Item = f64>) {
    match dtype {
        Dtype::Bool => each(frame, values, |v| [u8::from(v != 0.0)]),
        Dtype::S8 => each(frame, values, |v| (v as i8).to_le_bytes()),
        Dtype::S16 => each(frame, values, |v| (v as i16).to_le_bytes()),
        Dtype::S32 => each(frame, values, |v| (v as i32).to_le_bytes()),
        Dtype::S64 => each(frame, values, |v| (v as i64).to_le_bytes()),
        Dtype::U8 => each(frame, values, |v| (v as u8).to_le_bytes()),
        Dtype::U16 => each(frame, values, |v| (v as u16).to_le_bytes()),
        Dtype::U32 => each(frame, values, |v| (v as u32).to_le_bytes()),
        Dtype::U64 => each(frame, values, |v| (v as u64).to_le_bytes()),
        Dtype::F16 => each(frame, values, |v| half(v).to_le_bytes()),
        Dtype::F32 => each(frame, values, |v| (v as f32).to_le_bytes()),
        Dtype::F64 => each(frame, values, f64::to_le_bytes),
        // The imaginary part is the upper half.
        Dtype::C64 => each(frame, values, |v| {
            u64::from((v as f32).to_bits()).to_le_bytes()
        }),
        Dtype::C128 => each(frame, values, |v| u128::from(v.to_bits()).to_le_bytes()),
    }
}

/// As [`fill`], with integers of 64 bits exact.
pub(super) fn fill_exact(dtype: Dtype, frame: &mut [u8], values: impl Iterator<Item = Number>) {
    let whole = |value| match value {
        Number::Integer(value) => value,
        Number::Float(value) => value as i128,
    };
    match dtype {
        Dtype::S64 => each(frame, values, |value| {
            (whole(value).clamp(i64::MIN.into(), i64::MAX.into()) as i64).to_le_bytes()
        }),
        Dtype::U64 => each(frame, values, |value| {
            (whole(value).clamp(0, u64::MAX.into()) as u64).to_le_bytes()
        }),
        _ => fill(dtype, frame, values.map(Number::as_f64)),
    }
}

/// `value` rounded once. `f16::from_f64` rounds by way of f32, or drops the lower half of the bits: either is wrong
/// just beside the middle between two numbers. So whether that half was empty is kept in the bit above it.
fn half(value: f64) -> f16 {
    const LOWER: u64 = 0xffff_ffff;
    let bits = value.to_bits();
    let sticky = u64::from(bits & LOWER != 0) << 32;
    f16::from_f64(f64::from_bits(bits & !LOWER | sticky))
}

fn each<T, const N: usize>(
    frame: &mut [u8],
    values: impl Iterator<Item = T>,
    encode: impl Fn(T) -> [u8; N],
) {
    for (element, value) in frame.as_chunks_mut().0.iter_mut().zip(values) {
        *element = encode(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(dtype: Dtype, values: &[f64]) -> Vec<u8> {
        let mut frame = vec![0xaa; values.len() * dtype.size()];
        fill(dtype, &mut frame, values.iter().copied());
        frame
    }

    #[test]
    fn integers_truncate_and_saturate() {
        let values = [-1e9, -1.9, 1.9, 1e9, f64::NAN, f64::INFINITY];
        assert_eq!(filled(Dtype::U8, &values), [0, 0, 1, 255, 0, 255]);
        assert_eq!(filled(Dtype::S8, &values), [0x80, 0xff, 1, 127, 0, 127]);
        assert_eq!(filled(Dtype::Bool, &[0.0, -0.0, 0.5, -3.0]), [0, 0, 1, 1]);
    }

    #[test]
    fn the_real_part_comes_first() {
        assert_eq!(
            filled(Dtype::C64, &[1.5]),
            [1.5f32.to_le_bytes(), [0; 4]].concat()
        );
        assert_eq!(
            filled(Dtype::C128, &[1.5]),
            [1.5f64.to_le_bytes(), [0; 8]].concat()
        );
        assert_eq!(filled(Dtype::F16, &[1.5]), [0x00, 0x3e]);
    }

    #[test]
    fn half_precision_is_rounded_once() {
        // The middle between 1 and the next number, and beside it by the last bit of an f64.
        let middle = 1.0 + (-11f64).exp2();
        let cases = [
            (middle.next_down(), 0x3c00),
            (middle, 0x3c00),
            (middle.next_up(), 0x3c01),
        ];
        for (value, expected) in cases {
            assert_eq!(
                filled(Dtype::F16, &[value]),
                u16::to_le_bytes(expected),
                "{value:?}"
            );
        }
        assert!(half(f64::NAN).is_nan());
        assert_eq!(half(-1e9), f16::NEG_INFINITY);
    }

    #[test]
    fn wide_integers_are_exact() {
        let mut frame = [0; 16];
        let values = [
            Number::Integer(u64::MAX.into()),
            Number::Integer((1 << 53) + 1),
        ];
        fill_exact(Dtype::U64, &mut frame, values.into_iter());
        assert_eq!(frame[..8], u64::MAX.to_le_bytes());
        assert_eq!(frame[8..], ((1u64 << 53) + 1).to_le_bytes());
    }
}
