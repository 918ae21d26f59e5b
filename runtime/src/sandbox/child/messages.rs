//! What a parent and the child that runs a kernel say to each other.

use serde::{Deserialize, Serialize};

use super::Confinement;
use super::confine::Bounds;
use crate::sandbox::contract::World;
use crate::sandbox::fault::Cause;
use crate::sandbox::host::LogLevel;
use crate::sandbox::windows::Access;
use crate::sandbox::windows::layout::Extent;
use crate::sandbox::{Context, Limits};

/// The beginning: with it go the [`Order`] in a file, because it can be long, the machine code, and the control pages.
#[derive(Serialize, Deserialize)]
pub(super) struct Start;

/// What a child is to run.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub context: Context,
    pub limits: Limits,
    pub world: World,
    /// `None`: only to be asked for `validate-config`.
    pub windows: Option<Vec<(Extent, Access)>>,
    pub bounds: Bounds,
    pub confinement: Confinement,
}

/// Some of the windows' files, in order. As many of these messages come as it takes.
#[derive(Serialize, Deserialize)]
pub(super) struct WindowFiles;

/// How far a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// The code is there, the windows are mapped, the process is confined.
    Loaded,
    /// The kernel is instantiated.
    Instantiated,
    /// It has reserved its block, and the windows lie there.
    Placed,
    /// `init`, or `validate-config`, has succeeded.
    Ready,
}

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// What this machine does not offer to confine it.
    Missing(String),
    Step(Step),
    Fault(Cause, String),
    Log {
        level: LogLevel,
        text: String,
        /// How many messages were dropped before this one.
        dropped: u64,
    },
}
