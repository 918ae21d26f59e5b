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
mod parameters;
mod registry;
mod schema;
mod state;

pub use check::{ResolvedStage, check};
pub use manifest::{ABI, Like, Manifest, Split, State};
pub use module::{Kernel, Origin, SECTION};
pub use registry::Registry;
pub use schema::Schema;
pub use state::{StateArray, state_arrays};

/// Why a file is no kernel: a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KernelError(String);

impl KernelError {
    fn new(sentence: impl Into<String>) -> KernelError {
        KernelError(sentence.into())
    }
}
