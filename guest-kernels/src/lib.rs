//! The built-in kernels, as WebAssembly modules.
//!
//! Each is a small crate under `kernels/`; this crate's build script compiles them all and embeds what comes out.
//! A kernel's kind and all else about it stands in its manifest, the module's custom section
//! `sandpipe:manifest`.

/// One built-in kernel.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// The name of its folder under `kernels/`; its kind is in its manifest.
    pub name: &'static str,
    /// A core module that implements the contract's world `kernel-mapped`.
    pub wasm: &'static [u8],
}

/// Every built-in kernel, by name.
pub const BUILT_IN: &[BuiltIn] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
