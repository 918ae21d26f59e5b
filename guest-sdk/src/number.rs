//! Arithmetic that formulas can rely on.

use std::cmp::Ordering;

use crate::Element;

/// A real number. Arithmetic is that of the type itself, but never wraps or traps: an integer that would leave its
/// range becomes the nearest bound.
pub trait Number: Element + PartialOrd {
    /// The value as an `f64`; 64-bit integers are rounded.
    fn to_f64(self) -> f64;

    /// The value from an `f64`. Floats are rounded to nearest. Integers are truncated toward zero, values out
    /// of range become the nearest bound, and NaN becomes 0.
    fn from_f64(value: f64) -> Self;

    /// Whether it is NaN; integers never are.
    fn is_nan(self) -> bool;

    /// `self + other`.
    fn sum(self, other: Self) -> Self;

    /// `self - other`.
    fn difference(self, other: Self) -> Self;

    /// `self × other`.
    fn product(self, other: Self) -> Self;

    /// `self / other`. Integers are truncated toward zero; what is divided by 0 becomes the bound on its side,
    /// and 0 / 0 is 0, as if computed in floats and converted.
    fn quotient(self, other: Self) -> Self;
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

            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                self.saturating_add(other)
            }

            #[inline(always)]
            fn difference(self, other: Self) -> Self {
                self.saturating_sub(other)
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                self.saturating_mul(other)
            }

            #[inline(always)]
            fn quotient(self, other: Self) -> Self {
                match (other, self.cmp(&0)) {
                    (0, Ordering::Less) => Self::MIN,
                    (0, Ordering::Equal) => 0,
                    (0, Ordering::Greater) => Self::MAX,
                    _ => self.saturating_div(other),
                }
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

            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            fn difference(self, other: Self) -> Self {
                self - other
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            fn quotient(self, other: Self) -> Self {
                self / other
            }
        }
    )*};
}

floats! { f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_saturate_truncate_and_have_no_nan() {
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
    fn integer_arithmetic_saturates_and_divides_by_zero() {
        assert_eq!(200u8.sum(100), 255);
        assert_eq!(1u32.difference(2), 0);
        assert_eq!(i64::MIN.product(2), i64::MIN);
        assert_eq!((-7i16).quotient(2), -3);
        assert_eq!(i32::MIN.quotient(-1), i32::MAX);
        assert_eq!(5i8.quotient(0), 127);
        assert_eq!((-5i8).quotient(0), -128);
        assert_eq!(0u64.quotient(0), 0);
        assert_eq!(1.0f32.quotient(0.0), f32::INFINITY);
    }
}
