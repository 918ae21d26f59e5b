//! What a NaN is that a kernel computes.

use serde::{Deserialize, Serialize};

/// Which NaN an operation gives. WebAssembly leaves that open, and processors differ; all else that a kernel can compute is
/// settled. (Relaxed SIMD, which leaves more open, is refused in any case.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Nans {
    /// The one that the processor gives.
    #[default]
    Any,
    /// Always the same, on every machine: for runs that are to be repeated elsewhere. It costs a comparison for every operation
    /// with floating-point numbers.
    Canonical,
}

impl Nans {
    /// A word for files: `processor`, `canonical`.
    pub fn name(self) -> &'static str {
        match self {
            Nans::Any => "processor",
            Nans::Canonical => "canonical",
        }
    }
}
