//! Kernels before they run: their manifests, which kernel has which kind, and whether it fits its stage.
//!
//! ```text
//! built-in modules, kernel_path ──▶ Registry ─┐
//! module: FILE ──▶ Kernel::read ──────────────┼─▶ check(config) ──▶ ResolvedStage
//! ```
//!
//! [`check`] is the second of the checks that come before anything of a guest runs: it knows modules as bytes with a
//! manifest, and compiles none.

mod catalogue;
mod check;
mod manifest;
mod module;
mod pack;
mod parameters;
mod registry;
mod schema;
mod state;

pub use check::{ResolvedStage, check};
pub use manifest::{ABI, Like, Manifest, Split, State};
pub use module::{Kernel, Origin, SECTION};
pub use pack::{PackError, pack};
pub use registry::Registry;
pub use schema::Schema;
pub use state::{StateArray, state_arrays};

/// Bytes that the file of a module may have.
pub(crate) const MODULE_LIMIT: u64 = module::SIZE_LIMIT;
/// Bytes that the file of a manifest may have.
pub(crate) const MANIFEST_LIMIT: u64 = manifest::SIZE_LIMIT as u64;

/// The text of the manifest inside a module, if it has one.
pub(crate) fn manifest_of(module: &[u8]) -> Option<&[u8]> {
    module::section(module).ok().flatten()
}

/// Why a file is no kernel: a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KernelError(String);

impl KernelError {
    fn new(sentence: impl Into<String>) -> KernelError {
        KernelError(sentence.into())
    }
}
