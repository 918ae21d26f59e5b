//! Truth in streams.

use std::cmp::Ordering;
use std::fmt;

use crate::{Arithmetic, Number};

/// A `bool` of a stream: one byte, of which 0 is false and all else is true, since another process may have written any. What is
/// computed is 0 or 1.
///
/// It computes as an integer of one bit that saturates: a sum is "or", a product "and".
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// Whether it is true.
    #[inline(always)]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    #[inline(always)]
    fn from(value: bool) -> Self {
        Bool(value.into())
    }
}

impl From<Bool> for bool {
    #[inline(always)]
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl PartialEq for Bool {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl PartialOrd for Bool {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

impl fmt::Debug for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Arithmetic for Bool {
    #[inline(always)]
    fn sum(self, other: Self) -> Self {
        (self.get() | other.get()).into()
    }

    #[inline(always)]
    fn difference(self, other: Self) -> Self {
        (self.get() & !other.get()).into()
    }

    #[inline(always)]
    fn product(self, other: Self) -> Self {
        (self.get() & other.get()).into()
    }

    #[inline(always)]
    fn quotient(self, _: Self) -> Self {
        self.get().into()
    }
}

impl Number for Bool {
    /// 0 or 1.
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self.get()))
    }

    /// Whether it is not 0; NaN is not.
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        (value != 0.0).into()
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_but_0_is_true() {
        let (no, yes) = (Bool(0), Bool(1));
        assert_eq!(Bool(7), yes);
        assert!(Bool(7) > no && Bool(7) <= Bool(2));
        assert_eq!(format!("{:?}", Bool(7)), "true");
        assert_eq!(Bool(7).to_f64(), 1.0);
        assert_eq!(Bool(7).sum(no).0, 1);
        assert_eq!(Bool(7).product(Bool(8)).0, 1);
    }

    #[test]
    fn it_is_an_integer_of_one_bit() {
        let (no, yes) = (Bool::from(false), Bool::from(true));
        assert_eq!([no.sum(no), no.sum(yes), yes.sum(yes)], [no, yes, yes]);
        assert_eq!([no.product(yes), yes.product(yes)], [no, yes]);
        assert_eq!([no.difference(yes), yes.difference(yes)], [no, no]);
        assert_eq!([yes.difference(no), no.quotient(no)], [yes, no]);
        assert_eq!([yes.quotient(no), yes.quotient(yes)], [yes, yes]);
    }

    #[test]
    fn a_float_is_true_unless_it_is_0() {
        for (value, expected) in [
            (0.0, false),
            (-0.0, false),
            (0.1, true),
            (-3.0, true),
            (f64::NAN, true),
        ] {
            assert_eq!(Bool::from_f64(value).get(), expected, "{value}");
        }
    }
}
