//! Where a guest runs.

use serde::{Deserialize, Serialize};

/// Where the instances of a program run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// On the caller's thread, in this process.
    #[default]
    Thread,
    /// Each in a process of its own that has nothing but the windows.
    Process,
}

impl Isolation {
    /// As it is written in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::Thread => "thread",
            Isolation::Process => "process",
        }
    }
}
