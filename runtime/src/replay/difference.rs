//! Where a frame differs from the recorded one.

use std::fmt;

use half::f16;
use serde::Serialize;

use crate::array::{ArrayType, Dtype};

/// The first place at which something that was computed again is not what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The stage that was called again.
    pub stage: String,
    /// The stream, or the alias of the state array.
    pub array: String,
    /// Whether it is a state array.
    pub is_state: bool,
    /// The sequence of the frame; of a state array, after how many calls it was.
    pub sequence: u64,
    /// The frame's number; of a state array 0.
    pub frame_id: u64,
    /// Which element, counted from 0 in C order; `null` where the call failed.
    pub element: Option<usize>,
    /// The same by axis.
    pub index: Vec<usize>,
    /// What was recorded there.
    pub recorded: String,
    /// What was computed, or how the call failed.
    pub computed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            array,
            sequence,
            frame_id,
            ..
        } = self;
        match self.is_state {
            true => write!(
                f,
                "state '{array}' of stage '{stage}' after {sequence} calls: "
            )?,
            false => write!(
                f,
                "stream '{array}', sequence {sequence}, frame {frame_id}, by stage '{stage}': "
            )?,
        }
        match self.element {
            None => write!(f, "{}", self.computed),
            Some(element) => write!(
                f,
                "element {element} {:?} is {}, and was {}",
                self.index, self.computed, self.recorded
            ),
        }
    }
}

/// An element, its index by axis, and its recorded and its computed value.
pub(super) type Place = (usize, Vec<usize>, [String; 2]);

/// Where two frames of the type differ first.
pub(super) fn first(array: &ArrayType, recorded: &[u8], computed: &[u8]) -> Option<Place> {
    let byte = recorded
        .iter()
        .zip(computed)
        .position(|(recorded, computed)| recorded != computed)?;
    let size = array.dtype.size();
    let element = byte / size;
    let value = |frame: &[u8]| {
        let bytes = frame.get(element * size..).unwrap_or_default();
        value(array.dtype, bytes.get(..size).unwrap_or(bytes))
    };
    Some((
        element,
        place(array, element),
        [recorded, computed].map(value),
    ))
}

/// An element's index by axis.
fn place(array: &ArrayType, element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut place: Vec<usize> = array
        .shape
        .iter()
        .rev()
        .map(|&extent| {
            let extent = extent.max(1) as usize;
            let index = rest % extent;
            rest /= extent;
            index
        })
        .collect();
    place.reverse();
    place
}

/// An element as text; of a number that may be a NaN, or differ in its last bit, its bits as well.
fn value(dtype: Dtype, bytes: &[u8]) -> String {
    let mut wide = [0; 16];
    if let Some(place) = wide.get_mut(..bytes.len()) {
        place.copy_from_slice(bytes);
    }
    let bits = u128::from_le_bytes(wide);
    let single = |bits: u128| f32::from_bits(bits as u32);
    let double = |bits: u128| f64::from_bits(bits as u64);
    match dtype {
        Dtype::Bool | Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => bits.to_string(),
        Dtype::S8 => (bits as i8).to_string(),
        Dtype::S16 => (bits as i16).to_string(),
        Dtype::S32 => (bits as i32).to_string(),
        Dtype::S64 => (bits as i64).to_string(),
        Dtype::F16 => format!("{} (0x{bits:04x})", f16::from_bits(bits as u16)),
        Dtype::F32 => format!("{} (0x{bits:08x})", single(bits)),
        Dtype::F64 => format!("{} (0x{bits:016x})", double(bits)),
        Dtype::C64 => format!("{}{:+}i (0x{bits:016x})", single(bits), single(bits >> 32)),
        Dtype::C128 => format!("{}{:+}i (0x{bits:032x})", double(bits), double(bits >> 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_that_differs_is_named_by_axis_with_both_values() {
        let array = ArrayType {
            dtype: Dtype::F32,
            shape: vec![2, 3],
        };
        let bytes = |values: [f32; 6]| values.map(f32::to_le_bytes).concat();
        let recorded = bytes([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let computed = bytes([0.0, 1.0, 2.0, 3.0, -4.5, 6.0]);
        let values = ["4 (0x40800000)".to_owned(), "-4.5 (0xc0900000)".to_owned()];
        assert_eq!(
            first(&array, &recorded, &computed),
            Some((4, vec![1, 1], values))
        );
        assert_eq!(first(&array, &recorded, &recorded), None);
    }

    #[test]
    fn every_dtype_has_words_for_its_values() {
        let bytes = [0x80; 16];
        for dtype in Dtype::all() {
            assert!(!value(dtype, &bytes[..dtype.size()]).is_empty(), "{dtype}");
        }
        assert_eq!(value(Dtype::S8, &[0x80]), "-128");
        assert_eq!(value(Dtype::U16, &[1, 2]), "513");
        let complex = [1.5_f32, -2.0].map(f32::to_le_bytes).concat();
        assert_eq!(value(Dtype::C64, &complex), "1.5-2i (0xc00000003fc00000)");
    }
}
