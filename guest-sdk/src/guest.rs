//! What [`export!`](crate::export) expands to calls of; nothing here is for authors.
#![allow(missing_docs, reason = "only for the macro")]

/// The contract in the canonical ABI.
pub mod bindings {
    #![allow(
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        clippy::undocumented_unsafe_blocks,
        reason = "generated from wit/kernel.wit"
    )]

    wit_bindgen::generate!({
        path: "../wit/kernel.wit",
        world: "kernel-mapped",
        export_macro_name: "export_kernel",
        pub_export_macro: true,
    });

    pub use sandpipe::kernel::types::{Array, Code, Context, Dtype, Failure, Part};
}

pub mod stage;

use std::arch::wasm32;

const PAGE: u32 = 64 * 1024;

/// A block of linear memory for the windows, 64 KiB-aligned, or 0 when there is no room for it.
///
/// It comes from growing the memory, not from the allocator, which therefore keeps no notes of its own in or
/// around it and will never hand out a byte of it.
pub fn reserve(bytes: u32) -> u32 {
    let pages = bytes.div_ceil(PAGE);
    match u32::try_from(wasm32::memory_grow::<0>(pages as usize)) {
        Ok(page) => page.checked_mul(PAGE).unwrap_or(0),
        Err(_) => 0,
    }
}

/// The manifest's text as the contents of a section.
pub const fn section<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut section = [0; N];
    let mut index = 0;
    while index < N {
        section[index] = bytes[index];
        index += 1;
    }
    section
}
