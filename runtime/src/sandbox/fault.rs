//! Whatever ends a call other than success.

use serde::{Deserialize, Serialize};

use super::bounds::FAULT_CHARACTERS;
use super::contract::types;
use super::text::{clean, clean_bytes};

/// What kind of mistake a kernel reports about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    /// Wrong number of arrays.
    Arity,
    /// A dtype the kernel cannot work with.
    Dtype,
    /// A shape the kernel cannot work with.
    Shape,
    /// A parameter that is missing or out of range.
    Parameter,
    /// Anything else.
    Failed,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// The guest trapped: `unreachable`, out of bounds, stack exhausted and the like.
    Trap,
    /// The guest ran past its deadline and was stopped.
    Deadline,
    /// The guest wrote into an input. The input's bytes are unchanged.
    IllegalWrite {
        /// The window, counted as in [`Program::open`](super::Program::open).
        window: usize,
    },
    /// The guest said that it failed.
    Failed(Code),
    /// The guest wanted more memory than its limit.
    Memory,
    /// The file behind a window is too short: somebody truncated the stream.
    Segment {
        /// The window, counted as in [`Program::open`](super::Program::open).
        window: usize,
    },
    /// The guest broke the contract: an unusable answer of `reserve`, an output of the wrong length.
    Contract,
    /// An earlier call on this instance ended in a fault; it has to be opened again.
    Dead,
    /// The process that the guest ran in died.
    Worker,
    /// The host could not do its part: no memory, no file descriptors.
    Host,
}

impl Cause {
    /// A word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Trap => "trap",
            Cause::Deadline => "deadline",
            Cause::IllegalWrite { .. } => "illegal_write",
            Cause::Failed(_) => "failed",
            Cause::Memory => "memory",
            Cause::Segment { .. } => "segment",
            Cause::Contract => "contract",
            Cause::Dead => "dead",
            Cause::Worker => "worker",
            Cause::Host => "host",
        }
    }
}

/// A call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Why.
    pub cause: Cause,
    /// One line for a person: free of control characters and bounded, whatever the guest said.
    pub message: String,
}

impl Fault {
    pub(super) fn new(cause: Cause, message: impl AsRef<str>) -> Fault {
        Fault {
            cause,
            message: clean(message.as_ref(), FAULT_CHARACTERS),
        }
    }

    /// The answer of an instance that an earlier fault has ended.
    pub(super) fn dead() -> Fault {
        Fault::new(
            Cause::Dead,
            "The kernel ended in a fault before; it has to be opened again.",
        )
    }

    /// A guest in a process of its own was killed at its deadline.
    pub(super) fn late() -> Fault {
        Fault::new(
            Cause::Deadline,
            "The kernel ran past its deadline and was stopped.",
        )
    }

    /// What the guest itself reported.
    pub(super) fn reported(failure: types::Failure) -> Fault {
        let code = match failure.code {
            types::Code::Arity => Code::Arity,
            types::Code::Dtype => Code::Dtype,
            types::Code::Shape => Code::Shape,
            types::Code::Parameter => Code::Parameter,
            types::Code::Failed => Code::Failed,
        };
        // The string was lifted from memory that may lie in a window, where another process can change bytes between the
        // check for UTF-8 and the copy. So its bytes are taken and checked once more.
        let mut message = clean_bytes(&failure.message.into_bytes(), FAULT_CHARACTERS);
        if message.trim().is_empty() {
            message = "The kernel failed and did not say why.".to_owned();
        }
        Fault {
            cause: Cause::Failed(code),
            message,
        }
    }
}
