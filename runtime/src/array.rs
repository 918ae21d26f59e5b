//! Dtypes and shapes: what a frame looks like.

use std::fmt;

use serde::{Deserialize, Serialize};

/// That many zeros, or the news that there is no memory for them: frames may be gigabytes, and an allocation that fails
/// elsewhere ends the process.
///
/// # Errors
/// There is no memory for them.
pub(crate) fn zeros(bytes: usize) -> Result<Vec<u8>, std::collections::TryReserveError> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(bytes)?;
    zeros.resize(bytes, 0);
    Ok(zeros)
}

/// The type of one element, little endian. The names are those of the contract; NumPy's are given by
/// [`Dtype::numpy_name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Signed 8-bit integer.
    S8,
    /// Signed 16-bit integer.
    S16,
    /// Signed 32-bit integer.
    S32,
    /// Signed 64-bit integer.
    S64,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// Two single-precision numbers, real then imaginary.
    C64,
    /// Two double-precision numbers, real then imaginary.
    C128,
}

/// Each dtype with its contract name, NumPy name, NumPy type string without byte order, and size in bytes.
const DTYPES: [(Dtype, &str, &str, &str, usize); 14] = [
    (Dtype::Bool, "bool", "bool", "b1", 1),
    (Dtype::S8, "s8", "int8", "i1", 1),
    (Dtype::S16, "s16", "int16", "i2", 2),
    (Dtype::S32, "s32", "int32", "i4", 4),
    (Dtype::S64, "s64", "int64", "i8", 8),
    (Dtype::U8, "u8", "uint8", "u1", 1),
    (Dtype::U16, "u16", "uint16", "u2", 2),
    (Dtype::U32, "u32", "uint32", "u4", 4),
    (Dtype::U64, "u64", "uint64", "u8", 8),
    (Dtype::F16, "f16", "float16", "f2", 2),
    (Dtype::F32, "f32", "float32", "f4", 4),
    (Dtype::F64, "f64", "float64", "f8", 8),
    (Dtype::C64, "c64", "complex64", "c8", 8),
    (Dtype::C128, "c128", "complex128", "c16", 16),
];

impl Dtype {
    /// Every dtype, in the order of the contract.
    pub fn all() -> impl Iterator<Item = Dtype> {
        DTYPES.iter().map(|row| row.0)
    }

    /// The name in manifests and in the contract: `f32`.
    pub fn name(self) -> &'static str {
        DTYPES[self as usize].1
    }

    /// NumPy's name: `float32`.
    pub fn numpy_name(self) -> &'static str {
        DTYPES[self as usize].2
    }

    /// NumPy's type string without the byte order: `f4`.
    pub fn type_string(self) -> &'static str {
        DTYPES[self as usize].3
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        DTYPES[self as usize].4
    }

    /// The dtype of a contract name.
    pub fn from_name(name: &str) -> Option<Dtype> {
        DTYPES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The dtype of a NumPy spelling: `float32`, `f4`, `<f4`, `|u1`. Big-endian spellings are not known.
    pub fn from_numpy(name: &str) -> Option<Dtype> {
        let bare = name.trim_start_matches(['<', '|', '=']);
        DTYPES
            .iter()
            .find(|row| row.2 == name || row.3 == bare)
            .map(|row| row.0)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.numpy_name())
    }
}

/// Dtype and shape of the frames of a stream: dense, C order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayType {
    /// The type of one element.
    pub dtype: Dtype,
    /// Extents, slowest first; each at least 1.
    pub shape: Vec<u32>,
}

impl ArrayType {
    /// Number of elements, or `None` where it does not fit in a `usize`.
    pub fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &extent| n.checked_mul(extent as usize))
    }

    /// Bytes of one frame, or `None` where they do not fit in a `usize`.
    pub fn bytes(&self) -> Option<usize> {
        self.elements()?.checked_mul(self.dtype.size())
    }
}

impl fmt::Display for ArrayType {
    /// `float32 [256, 256]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in DTYPES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(Dtype::from_name(row.1), Some(row.0));
            assert_eq!(Dtype::from_numpy(row.2), Some(row.0));
            assert_eq!(Dtype::from_numpy(&format!("<{}", row.3)), Some(row.0));
        }
        assert_eq!(Dtype::from_numpy(">f4"), None);
    }

    #[test]
    fn an_overflowing_shape_has_no_size() {
        let array = ArrayType {
            dtype: Dtype::F64,
            shape: vec![u32::MAX; 3],
        };
        assert_eq!(array.elements(), None);
        assert_eq!(array.bytes(), None);
    }
}
