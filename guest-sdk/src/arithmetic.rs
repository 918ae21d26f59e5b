//! The four operations, on everything that has them.

use std::cmp::Ordering;

use crate::{Element, f16};

/// A real or complex number, or a [`Bool`](crate::Bool). Arithmetic is that of the type itself, but never wraps or traps: an integer
/// that would leave its range becomes the nearest bound. An [`f16`](struct@f16) is computed as an `f32` and rounded, which gives what is
/// nearest. Complex numbers are computed as NumPy computes them.
pub trait Arithmetic: Element {
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

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Arithmetic for $type {
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

integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

macro_rules! floats {
    ($($type:ty, |$value:ident| $wide:expr, $narrow:expr;)*) => {$(
        impl Arithmetic for $type {
            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                let wide = |$value: Self| $wide;
                $narrow(wide(self) + wide(other))
            }

            #[inline(always)]
            fn difference(self, other: Self) -> Self {
                let wide = |$value: Self| $wide;
                $narrow(wide(self) - wide(other))
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                let wide = |$value: Self| $wide;
                $narrow(wide(self) * wide(other))
            }

            #[inline(always)]
            fn quotient(self, other: Self) -> Self {
                let wide = |$value: Self| $wide;
                $narrow(wide(self) / wide(other))
            }
        }
    )*};
}

floats! {
    f32, |value| value, f32::from;
    f64, |value| value, f64::from;
    // An f32 has more than twice an f16's digits and two more, so to round twice is to round once.
    f16, |value| value.to_f32(), f16::from_f32;
}

macro_rules! complex {
    ($($type:ty)*) => {$(
        impl Arithmetic for [$type; 2] {
            #[inline(always)]
            fn sum(self, other: Self) -> Self {
                [self[0] + other[0], self[1] + other[1]]
            }

            #[inline(always)]
            fn difference(self, other: Self) -> Self {
                [self[0] - other[0], self[1] - other[1]]
            }

            #[inline(always)]
            fn product(self, other: Self) -> Self {
                let ([a, b], [c, d]) = (self, other);
                [a * c - b * d, a * d + b * c]
            }

            /// By Smith's method: R. L. Smith, "Algorithm 116: Complex division", Communications of the ACM 5 (1962).
            #[inline(always)]
            fn quotient(self, other: Self) -> Self {
                let ([a, b], [c, d]) = (self, other);
                if c == 0.0 && d == 0.0 {
                    [a / c.abs(), b / c.abs()]
                } else if c.abs() >= d.abs() {
                    let ratio = d / c;
                    let scale = 1.0 / (c + d * ratio);
                    [(a + b * ratio) * scale, (b - a * ratio) * scale]
                } else {
                    let ratio = c / d;
                    let scale = 1.0 / (d + c * ratio);
                    [(a * ratio + b) * scale, (b * ratio - a) * scale]
                }
            }
        }
    )*};
}

complex! { f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn halves_are_rounded_once() {
        let half = f16::from_f32;
        assert_eq!(half(1.0).sum(half(0.000_5)), half(1.000_976_6));
        assert_eq!(half(60000.0).sum(half(10000.0)), f16::INFINITY);
        assert_eq!(half(3.0).quotient(half(2.0)), half(1.5));
        assert_eq!(
            half(3.0).product(half(0.5)).difference(half(1.0)),
            half(0.5)
        );
    }

    #[test]
    fn complex_numbers_divide_what_they_multiply() {
        let (a, b) = ([1.0f64, 2.0], [3.0, -4.0]);
        assert_eq!(a.sum(b), [4.0, -2.0]);
        assert_eq!(a.difference(b), [-2.0, 6.0]);
        assert_eq!(a.product(b), [11.0, 2.0]);
        for divisor in [b, [-4.0, 3.0], [0.0, 2.0], [2.0, 0.0]] {
            let back = a.product(divisor).quotient(divisor);
            assert!(
                (back[0] - 1.0).abs() + (back[1] - 2.0).abs() < 1e-15,
                "{divisor:?}"
            );
        }
        // Where the sum of squares would be too large, and where there is nothing to divide by.
        assert_eq!([1e300f64, 1e300].quotient([1e300, 1e300]), [1.0, 0.0]);
        assert_eq!(
            [1.0f32, -1.0].quotient([0.0, 0.0]),
            [f32::INFINITY, f32::NEG_INFINITY]
        );
    }
}
