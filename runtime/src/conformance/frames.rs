//! What the inputs hold: the same numbers at every run.

use crate::array::{ArrayType, Dtype};

/// Bytes of a frame of an array that can exist.
pub(super) fn bytes(array: &ArrayType) -> usize {
    array.bytes().unwrap_or(0)
}

/// Mild numbers: from -4 to 4, those of unsigned types from 0 to 100.
pub(super) fn mild(array: &ArrayType, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut frame = Vec::with_capacity(bytes(array));
    while frame.len() < bytes(array) {
        let number = next();
        let real = (number >> 11) as f64 / (1u64 << 53) as f64 * 8.0 - 4.0;
        match array.dtype {
            Dtype::Bool => frame.push((number & 1) as u8),
            Dtype::S8 => frame.push(real as i8 as u8),
            Dtype::U8 => frame.push((number % 100) as u8),
            Dtype::S16 => frame.extend((real as i16).to_le_bytes()),
            Dtype::U16 => frame.extend(((number % 100) as u16).to_le_bytes()),
            Dtype::S32 => frame.extend((real as i32).to_le_bytes()),
            Dtype::U32 => frame.extend(((number % 100) as u32).to_le_bytes()),
            Dtype::S64 => frame.extend((real as i64).to_le_bytes()),
            Dtype::U64 => frame.extend((number % 100).to_le_bytes()),
            Dtype::F16 => frame.extend(half::f16::from_f64(real).to_le_bytes()),
            Dtype::F32 | Dtype::C64 => frame.extend((real as f32).to_le_bytes()),
            Dtype::F64 | Dtype::C128 => frame.extend(real.to_le_bytes()),
        }
    }
    frame
}

/// Numbers that surprise: the largest, the smallest, no numbers, each repeated over the whole array in turn.
pub(super) fn extreme(array: &ArrayType) -> Vec<u8> {
    let size = array.dtype.size();
    let patterns: Vec<Vec<u8>> = match array.dtype {
        Dtype::Bool => vec![vec![0], vec![1]],
        Dtype::F16 => [
            half::f16::NAN,
            half::f16::INFINITY,
            half::f16::MIN,
            half::f16::MAX,
            half::f16::from_bits(1),
        ]
        .map(|x| x.to_le_bytes().to_vec())
        .to_vec(),
        Dtype::F32 => floats()
            .iter()
            .map(|x| (*x as f32).to_le_bytes().to_vec())
            .collect(),
        Dtype::F64 => floats().iter().map(|x| x.to_le_bytes().to_vec()).collect(),
        Dtype::C64 => floats()
            .iter()
            .map(|x| (*x as f32).to_le_bytes().repeat(2))
            .collect(),
        Dtype::C128 => floats().iter().map(|x| x.to_le_bytes().repeat(2)).collect(),
        _ => {
            // All bits set, and the highest alone: -1 and the smallest, or the largest and the middle.
            let mut highest = vec![0; size];
            highest[size - 1] = 0x80;
            let mut largest = vec![0xff; size];
            largest[size - 1] = 0x7f;
            vec![vec![0; size], vec![0xff; size], highest, largest]
        }
    };
    let elements = patterns.iter().cycle().take(bytes(array) / size);
    elements.flatten().copied().collect()
}

fn floats() -> [f64; 7] {
    [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        5e-324,
        -0.0,
    ]
}
