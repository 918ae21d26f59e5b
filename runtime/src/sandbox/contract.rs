//! The contract (`wit/kernel.wit`) as the host sees it: its types, and the names of what a kernel exports.

#[allow(
    missing_docs,
    reason = "generated from wit/kernel.wit, which documents it"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "kernel-copied",
    });
}

use serde::{Deserialize, Serialize};

pub(super) use generated::sandpipe::kernel::{log::Level, types};

/// The text of the contract, for wrapping core modules.
pub const WIT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/kernel.wit"));

/// Everything in the contract is named `sandpipe:kernel/INTERFACE@0.1.0`.
pub const PACKAGE: &str = "sandpipe:kernel/";
/// The version that this host speaks.
pub const VERSION: &str = "0.1.0";

/// Exported by every kernel.
pub const STAGE: &str = "sandpipe:kernel/stage@0.1.0";
/// Exported by kernels of the mapped world.
pub const MAPPED: &str = "sandpipe:kernel/mapped@0.1.0";
/// Exported by kernels of the copied world.
pub const COPIED: &str = "sandpipe:kernel/copied@0.1.0";
/// Imported by kernels of either world.
pub const LOG: &str = "sandpipe:kernel/log@0.1.0";
/// Imported by kernels of the copied world.
pub const SINK: &str = "sandpipe:kernel/sink@0.1.0";
/// Imported by components for its types alone.
pub const TYPES: &str = "sandpipe:kernel/types@0.1.0";

/// How a kernel gets its arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum World {
    /// Zero copy: streams are mapped into the kernel's memory.
    Mapped,
    /// By copy, for managed languages.
    Copied,
}

impl World {
    /// The world's name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            World::Mapped => "kernel-mapped",
            World::Copied => "kernel-copied",
        }
    }

    /// The functions that a kernel of this world exports, as interface and function.
    pub(super) fn exports(self) -> &'static [(&'static str, &'static str)] {
        match self {
            World::Mapped => &[
                (STAGE, "validate-config"),
                (STAGE, "init"),
                (MAPPED, "reserve"),
                (MAPPED, "compute-into"),
            ],
            World::Copied => &[
                (STAGE, "validate-config"),
                (STAGE, "init"),
                (COPIED, "compute-into"),
            ],
        }
    }

    /// The interfaces that a kernel of this world may import.
    pub(super) fn imports(self) -> &'static [&'static str] {
        match self {
            World::Mapped => &[LOG, TYPES],
            World::Copied => &[LOG, SINK, TYPES],
        }
    }
}
