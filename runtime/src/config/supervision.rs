//! What bounds a stage, where it runs and how its outputs become visible.

use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::Located;
use super::units::{self, Rate};

/// `limits:` of a stage; where nothing is given, the sandbox has defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Bytes of linear memory that the guest may have, windows not counted.
    pub memory: Option<Located<u64>>,
    /// How long one call may take.
    pub deadline: Option<Located<Duration>>,
    /// How long each step before the first frame may take.
    pub startup: Option<Located<Duration>>,
    /// How many messages it may log.
    pub log_rate: Option<Located<Rate>>,
}

/// Where a stage runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// On a thread of this process.
    #[default]
    Thread,
    /// In a process of its own.
    Process,
}

/// How an output becomes visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// The slot that the kernel wrote.
    #[default]
    InPlace,
    /// After the kernel can no longer write it.
    Sealed,
}

/// A guest cannot address more.
const MEMORY_LIMIT: u64 = 4 << 30;

/// The key `limits`.
pub(super) fn limits(stage: &mut Fields<'_, '_>) -> Limits {
    let Some(node) = stage.get("limits") else {
        return Limits::default();
    };
    let what = format!("'limits' of {}", stage.what);
    let known = ["memory", "deadline", "startup", "log_rate"];
    let Some(mut fields) = Fields::of(node, what, &known, stage.diagnostics) else {
        return Limits::default();
    };
    let memory = fields.parsed("memory", "a size in bytes", units::size);
    if let Some(memory) = memory.filter(|memory| memory.value > MEMORY_LIMIT) {
        fields.diagnostics.push(Diagnostic::at(
            memory.span,
            format!(
                "'memory' of {} must be at most 4GiB, all that a guest can address",
                fields.what
            ),
        ));
    }
    Limits {
        memory,
        deadline: fields.duration("deadline"),
        startup: fields.duration("startup"),
        log_rate: fields.parsed("log_rate", "a rate", units::rate),
    }
}
