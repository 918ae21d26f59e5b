//! Numbers that have an order, and become one another.

use crate::{Arithmetic, f16};

/// A real number, or a [`Bool`](crate::Bool).
pub trait Number: Arithmetic + PartialOrd {
    /// The value as an `f64`; 64-bit integers are rounded.
    fn to_f64(self) -> f64;

    /// The value from an `f64`. Floats are rounded to nearest. Integers are truncated toward zero, values out
    /// of range become the nearest bound, and NaN becomes 0.
    fn from_f64(value: f64) -> Self;

    /// Whether it is NaN; integers never are.
    fn is_nan(self) -> bool;
}

macro_rules! conversions {
    (|$value:ident| $from:expr) => {
        #[inline(always)]
        fn to_f64(self) -> f64 {
            self as f64
        }

        #[inline(always)]
        fn from_f64($value: f64) -> Self {
            $from as Self
        }
    };
}

macro_rules! integers {
    ($($type:ty)*, |$value:ident| $from:expr) => {$(
        impl Number for $type {
            conversions! { |$value| $from }

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
        }
    )*};
}

integers! { i32 i64 u32 u64, |value| value }
// The same as the direct conversion, but in instructions that WebAssembly has for vectors.
integers! { i8, |value| (value as i32).clamp(-0x80, 0x7f) }
integers! { i16, |value| (value as i32).clamp(-0x8000, 0x7fff) }
integers! { u8, |value| (value as i32).clamp(0, 0xff) }
integers! { u16, |value| (value as i32).clamp(0, 0xffff) }

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Number for $type {
            conversions! { |value| value }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    )*};
}

floats! { f32 f64 }

impl Number for f16 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.to_f64()
    }

    /// Rounded once. `f16::from_f64` drops the lower half of the bits, which is wrong just beside the middle between two numbers. So
    /// whether that half was empty is kept in the bit above it.
    #[inline]
    fn from_f64(value: f64) -> Self {
        const LOWER: u64 = 0xffff_ffff;
        let bits = value.to_bits();
        let sticky = u64::from(bits & LOWER != 0) << 32;
        f16::from_f64(f64::from_bits(bits & !LOWER | sticky))
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_truncate_saturate_and_have_no_nan() {
        assert_eq!(u8::from_f64(400.0), 255);
        assert_eq!(u8::from_f64(-0.9), 0);
        for value in [
            -1e300,
            -32768.9,
            -129.0,
            -0.5,
            127.9,
            255.0,
            1e5,
            f64::INFINITY,
            f64::NAN,
        ] {
            assert_eq!(i8::from_f64(value), value as i8);
            assert_eq!(i16::from_f64(value), value as i16);
            assert_eq!(u8::from_f64(value), value as u8);
            assert_eq!(u16::from_f64(value), value as u16);
        }
        assert_eq!(i32::from_f64(-3.9), -3);
        assert_eq!(i32::from_f64(1e300), i32::MAX);
        assert_eq!(i64::from_f64(f64::NAN), 0);
        assert_eq!(u64::from_f64(f64::INFINITY), u64::MAX);
    }

    #[test]
    fn halves_are_rounded_once() {
        // Just above the middle between two of them, by a bit that an f32 does not have.
        let middle = 1.0 + 1.0 / 2048.0;
        let half = |value| <f16 as Number>::from_f64(value).to_f64();
        assert_eq!(half(middle), 1.0);
        assert_eq!(half(middle + f64::EPSILON), 1.0 + 1.0 / 1024.0);
        assert_eq!(half(1e300), f64::INFINITY);
        assert!(half(f64::NAN).is_nan());
        assert!(Number::is_nan(f16::NAN) && !Number::is_nan(f16::INFINITY));
    }
}
