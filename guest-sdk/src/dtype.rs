//! The types of elements, by name and as Rust types.

use std::fmt;

pub use half::f16;

use crate::Bool;

/// The type of one element. All are little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// One byte, 0 or 1, [`Bool`].
    Bool,
    /// `i8`.
    S8,
    /// `i16`.
    S16,
    /// `i32`.
    S32,
    /// `i64`.
    S64,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// IEEE 754 half precision, [`f16`](struct@f16).
    F16,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// Complex: `[f32; 2]`, real then imaginary.
    C64,
    /// Complex: `[f64; 2]`, real then imaginary.
    C128,
}

/// Each dtype with its name in manifests, its NumPy name and its size in bytes.
const DTYPES: [(Dtype, &str, &str, usize); 14] = [
    (Dtype::Bool, "bool", "bool", 1),
    (Dtype::S8, "s8", "int8", 1),
    (Dtype::S16, "s16", "int16", 2),
    (Dtype::S32, "s32", "int32", 4),
    (Dtype::S64, "s64", "int64", 8),
    (Dtype::U8, "u8", "uint8", 1),
    (Dtype::U16, "u16", "uint16", 2),
    (Dtype::U32, "u32", "uint32", 4),
    (Dtype::U64, "u64", "uint64", 8),
    (Dtype::F16, "f16", "float16", 2),
    (Dtype::F32, "f32", "float32", 4),
    (Dtype::F64, "f64", "float64", 8),
    (Dtype::C64, "c64", "complex64", 8),
    (Dtype::C128, "c128", "complex128", 16),
];

impl Dtype {
    /// Every dtype, in the order of the contract.
    pub fn all() -> impl Iterator<Item = Dtype> {
        DTYPES.iter().map(|row| row.0)
    }

    /// The name in manifests: `f32`.
    pub fn name(self) -> &'static str {
        DTYPES[self as usize].1
    }

    /// NumPy's name: `float32`.
    pub fn numpy_name(self) -> &'static str {
        DTYPES[self as usize].2
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        DTYPES[self as usize].3
    }

    /// The dtype of one part: of complex numbers that of their real and imaginary parts, of all else itself.
    pub fn part(self) -> Dtype {
        match self {
            Dtype::C64 => Dtype::F32,
            Dtype::C128 => Dtype::F64,
            real => real,
        }
    }

    /// Whether the elements are integers (`bool` is not).
    pub fn is_integer(self) -> bool {
        use Dtype::*;
        matches!(self, S8 | S16 | S32 | S64 | U8 | U16 | U32 | U64)
    }
}

impl fmt::Display for Dtype {
    /// NumPy's name, as it stands in pipelines: `float32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.numpy_name())
    }
}

mod sealed {
    /// Types whose every bit pattern is a value, without padding, at most 8-aligned.
    pub trait Sealed {}
}

/// A Rust type that lies in streams. Rust's `bool` does not: another process may have written any byte, so streams of booleans
/// hold [`Bool`].
pub trait Element: Copy + PartialEq + fmt::Debug + sealed::Sealed + 'static {
    /// Its dtype.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($type:ty => $dtype:ident,)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}

elements! {
    Bool => Bool,
    i8 => S8, i16 => S16, i32 => S32, i64 => S64,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    f16 => F16, f32 => F32, f64 => F64,
    [f32; 2] => C64, [f64; 2] => C128,
}

/// Evaluates an expression with a type name standing for the Rust type of a dtype: one of the eight integer
/// types, `f32` and `f64`; all are [`Number`](crate::Number)s. The expression is a `Result<_, Failure>`; other dtypes give a
/// [`Failure::dtype`](crate::Failure::dtype).
///
/// ```
/// use sandpipe_kernel::{Dtype, Failure, match_number};
///
/// fn bits(dtype: Dtype) -> Result<usize, Failure> {
///     match_number!(dtype, T => Ok(8 * size_of::<T>()))
/// }
/// assert_eq!(bits(Dtype::U16), Ok(16));
/// assert!(bits(Dtype::C64).is_err());
/// ```
#[macro_export]
macro_rules! match_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::match_number!(@ $dtype, $T => $body,
            S8 i8, S16 i16, S32 i32, S64 i64, U8 u8, U16 u16, U32 u32, U64 u64, F32 f32, F64 f64)
    };
    (@ $dtype:expr, $T:ident => $body:expr, $($name:ident $type:ty),*) => {
        match $dtype {
            $($crate::Dtype::$name => { type $T = $type; $body })*
            other => Err($crate::Failure::dtype(format!("cannot compute with dtype {other}"))),
        }
    };
}

/// As [`match_number!`](macro@crate::match_number), for every dtype that is not complex: all are [`Number`](crate::Number)s. With
/// [`Dtype::part`] it is for every dtype, and complex numbers are taken for twice as many real ones ([`View::parts`](crate::View::parts)).
///
/// Write `Number::from_f64(x)`, and not `T::from_f64(x)`: `f16` has a function of that name itself, which does not always round to
/// nearest.
///
/// ```
/// use sandpipe_kernel::{Dtype, Failure, match_real};
///
/// fn bits(dtype: Dtype) -> Result<usize, Failure> {
///     match_real!(dtype, T => Ok(8 * size_of::<T>()))
/// }
/// assert_eq!(bits(Dtype::F16), Ok(16));
/// assert!(bits(Dtype::C64).is_err());
/// assert_eq!(bits(Dtype::C64.part()), Ok(32));
/// ```
#[macro_export]
macro_rules! match_real {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::match_number!(@ $dtype, $T => $body,
            Bool $crate::Bool, S8 i8, S16 i16, S32 i32, S64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 $crate::f16, F32 f32, F64 f64)
    };
}

/// As [`match_number!`](macro@crate::match_number), for every dtype: all are [`Arithmetic`](crate::Arithmetic).
///
/// ```
/// use sandpipe_kernel::{Dtype, Failure, match_arithmetic};
///
/// fn bits(dtype: Dtype) -> Result<usize, Failure> {
///     match_arithmetic!(dtype, T => Ok(8 * size_of::<T>()))
/// }
/// assert_eq!(bits(Dtype::C64), Ok(64));
/// assert_eq!(bits(Dtype::Bool), Ok(8));
/// ```
#[macro_export]
macro_rules! match_arithmetic {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::match_number!(@ $dtype, $T => $body,
            Bool $crate::Bool, S8 i8, S16 i16, S32 i32, S64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 $crate::f16, F32 f32, F64 f64, C64 [f32; 2], C128 [f64; 2])
    };
}

/// As [`match_number!`](macro@crate::match_number), for `f32` and `f64` alone.
///
/// ```
/// use sandpipe_kernel::{Dtype, Failure, match_float};
///
/// fn epsilon(dtype: Dtype) -> Result<f64, Failure> {
///     match_float!(dtype, T => Ok(f64::from(T::EPSILON)))
/// }
/// assert_eq!(epsilon(Dtype::F32), Ok(f64::from(f32::EPSILON)));
/// assert!(epsilon(Dtype::U16).is_err());
/// ```
#[macro_export]
macro_rules! match_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::match_number!(@ $dtype, $T => $body, F32 f32, F64 f64)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in DTYPES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
        }
    }
}
