//! Windows: the slots of streams and state arrays that a guest gets to see.
//!
//! In the mapped world they lie in the guest's own memory ([`guest`]); in the copied world the host maps them for itself and
//! copies ([`copies`]). Either way a window is mapped ([`mapping`]) before any code of the guest runs, so that a process of a
//! kernel needs no file by then; and it is registered with the fault guard of streams, which replaces a page by zeros when an
//! access to it fails in host code, and counts: that is how an illegal write and a truncated file are noticed.

pub(crate) mod copies;
pub(crate) mod guest;
pub(crate) mod layout;
pub(crate) mod mapping;

use std::os::fd::BorrowedFd;

use rustix::mm::ProtFlags;
use serde::{Deserialize, Serialize};

use super::fault::{Cause, Fault};
use layout::Extent;

/// Whether the guest may change the bytes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Inputs and previous state: mapped read-only.
    Read,
    /// Outputs and next state.
    Write,
}

/// The slots of one stream or state array.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The shared-memory file.
    pub file: BorrowedFd<'a>,
    /// Where its first slot begins: a multiple of 4096.
    pub offset: u64,
    /// Distance of the slots: a multiple of 4096.
    pub stride: u32,
    /// Number of slots.
    pub slots: u32,
    /// Length of one frame in bytes, at most `stride`.
    pub bytes: u32,
    /// Whether the guest may write.
    pub access: Access,
}

impl Window<'_> {
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            offset: self.offset,
            stride: self.stride,
            slots: self.slots,
            bytes: self.bytes,
        }
    }

    pub(crate) fn protection(&self) -> ProtFlags {
        match self.access {
            Access::Read => ProtFlags::READ,
            Access::Write => ProtFlags::READ | ProtFlags::WRITE,
        }
    }
}

pub(crate) fn illegal_write(window: usize) -> Fault {
    Fault::new(
        Cause::IllegalWrite { window },
        format!(
            "The kernel wrote into window {window}, which is an input. The input's bytes are unchanged."
        ),
    )
}

fn truncated(window: usize) -> Fault {
    Fault::new(
        Cause::Segment { window },
        format!("The file behind window {window} is too short: another process truncated it."),
    )
}

#[cold]
pub(crate) fn wrong_slots(given: usize, wanted: usize) -> Fault {
    Fault::new(
        Cause::Host,
        format!("A call names {given} slots for {wanted} windows."),
    )
}

#[cold]
pub(crate) fn no_such_slot(window: usize, slot: u32, slots: u32) -> Fault {
    Fault::new(
        Cause::Host,
        format!("A call names slot {slot} of window {window}, which has {slots}."),
    )
}

fn cannot_map(index: usize, error: impl std::fmt::Display) -> Fault {
    Fault::new(
        Cause::Host,
        format!("Window {index} cannot be mapped: {error}."),
    )
}
