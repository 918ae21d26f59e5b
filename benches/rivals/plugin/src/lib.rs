//! Doubles 32-bit floats: what `cpu.scale` does, as an Extism plugin does it.

use extism_pdk::{FnResult, plugin_fn};

#[plugin_fn]
pub fn scale(frame: Vec<u8>) -> FnResult<Vec<u8>> {
    let numbers = frame.chunks_exact(4);
    let scaled = numbers.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) * 2.0);
    Ok(scaled.flat_map(f32::to_le_bytes).collect())
}
