//! Numbers written in an operation, and what becomes of them among themselves.
//!
//! They are Python's: an integer stays one until it meets a float, and neither has a dtype of its own; they take
//! that of the array they meet (NEP 50).

use crate::expression::{Binary, Unary};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Constant {
    Integer(i128),
    Float(f64),
}

use Constant::{Float, Integer};

impl Constant {
    /// Reads a number as Python writes it: `12`, `1_000`, `0x1f`, `.5`, `1e-3`.
    pub(crate) fn read(text: &str) -> Option<Constant> {
        let bytes = text.as_bytes();
        let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_hexdigit);
        let underscores_separate = (0..bytes.len())
            .filter(|&index| bytes[index] == b'_')
            .all(|index| digit(index + 1) && index.checked_sub(1).is_some_and(digit));
        if !underscores_separate {
            return None;
        }
        let plain = text.replace('_', "").to_ascii_lowercase();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if let Some(digits) = plain.strip_prefix(prefix) {
                let unsigned = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
                return i128::from_str_radix(digits, radix)
                    .ok()
                    .filter(|_| unsigned)
                    .map(Integer);
            }
        }
        if plain.bytes().all(|byte| byte.is_ascii_digit()) {
            // Python refuses leading zeros, which C takes for octal.
            let leading_zero = plain.starts_with('0') && plain.bytes().any(|byte| byte != b'0');
            return plain.parse().ok().filter(|_| !leading_zero).map(Integer);
        }
        // Rust also reads "inf" and "nan", which begin with a letter and so never come here.
        plain.parse().ok().map(Float)
    }

    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Integer(value) => value as f64,
            Float(value) => value,
        }
    }

    /// `None` for an integer beyond 128 bits.
    pub(crate) fn unary(self, operator: Unary) -> Option<Constant> {
        Some(match (operator, self) {
            (Unary::Positive, value) => value,
            (Unary::Negative, Integer(value)) => Integer(value.checked_neg()?),
            (Unary::Negative, Float(value)) => Float(-value),
            (Unary::Absolute, Integer(value)) => Integer(value.checked_abs()?),
            (Unary::Absolute, Float(value)) => Float(value.abs()),
        })
    }

    /// `None` for an integer beyond 128 bits, and for the matrix product, which numbers do not have.
    pub(crate) fn binary(self, operator: Binary, other: Constant) -> Option<Constant> {
        if let (Integer(a), Integer(b)) = (self, other) {
            match operator {
                Binary::Add => return a.checked_add(b).map(Integer),
                Binary::Subtract => return a.checked_sub(b).map(Integer),
                Binary::Multiply => return a.checked_mul(b).map(Integer),
                Binary::Minimum => return Some(Integer(a.min(b))),
                Binary::Maximum => return Some(Integer(a.max(b))),
                Binary::Divide | Binary::Product => {}
            }
        }
        let (a, b) = (self.to_f64(), other.to_f64());
        Some(Float(match operator {
            Binary::Add => a + b,
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            Binary::Divide => a / b,
            _ if a.is_nan() || b.is_nan() => f64::NAN,
            Binary::Minimum => a.min(b),
            Binary::Maximum => a.max(b),
            Binary::Product => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("0", Integer(0)),
            ("00", Integer(0)),
            ("1_000", Integer(1000)),
            ("0xFF", Integer(255)),
            ("0b1_0", Integer(2)),
            ("0o17", Integer(15)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            ("1e3", Float(1000.0)),
            ("1_0.5E-1", Float(1.05)),
            ("1e400", Float(f64::INFINITY)),
        ] {
            assert_eq!(Constant::read(text), Some(expected), "{text}");
        }
        for text in [
            "", ".", "1j", "0x", "0x+1", "1_", "_1", "01", "1e", "0b2", "1.5f",
        ] {
            assert_eq!(Constant::read(text), None, "{text}");
        }
    }

    #[test]
    fn division_leaves_the_integers_and_overflow_is_noticed() {
        assert_eq!(
            Integer(1).binary(Binary::Divide, Integer(2)),
            Some(Float(0.5))
        );
        let quotient = Integer(1).binary(Binary::Divide, Integer(0));
        assert_eq!(quotient, Some(Float(f64::INFINITY)));
        assert_eq!(Integer(i128::MAX).binary(Binary::Add, Integer(1)), None);
        assert_eq!(
            Integer(1).binary(Binary::Maximum, Float(0.5)),
            Some(Float(1.0))
        );
    }
}
