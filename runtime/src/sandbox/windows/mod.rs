//! Windows: the slots of streams and state arrays that a guest gets to see.
//!
//! In the mapped world they lie in the guest's own memory ([`guest`]); in the copied world the host maps them for itself and
//! copies ([`copies`]). Either way a window is registered with the fault guard of streams, which replaces a page by zeros
//! when an access to it fails in host code, and counts: that is how an illegal write and a truncated file are noticed.

pub(crate) mod copies;
pub(crate) mod guest;
pub(crate) mod layout;

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::mm::ProtFlags;
use serde::{Deserialize, Serialize};

use crate::stream::guard::Guarded;

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

/// The file behind a window, kept to tell what a fault of the window means.
pub(crate) struct Source {
    file: OwnedFd,
    end: u64,
    access: Access,
}

impl Source {
    /// Duplicates the window's file and checks that it is long enough.
    pub fn of(index: usize, window: &Window<'_>) -> Result<Source, Fault> {
        let file = window.file.try_clone_to_owned().map_err(|error| {
            Fault::new(
                Cause::Host,
                format!("Window {index} cannot be opened: {error}."),
            )
        })?;
        let length = u64::from(window.stride) * u64::from(window.slots);
        let end = window.offset.saturating_add(length);
        if size(&file) < end {
            return Err(truncated(index));
        }
        Ok(Source {
            file,
            end,
            access: window.access,
        })
    }

    /// Whether the guest may write.
    pub fn access(&self) -> Access {
        self.access
    }

    /// What it means that an access to the window `index` failed.
    pub fn fault(&self, index: usize) -> Fault {
        if size(&self.file) < self.end {
            truncated(index)
        } else if self.access == Access::Read {
            illegal_write(index)
        } else {
            Fault::new(
                Cause::Segment { window: index },
                format!(
                    "The memory behind window {index} could not be provided; is /dev/shm full?"
                ),
            )
        }
    }
}

/// A window that is mapped.
pub(crate) struct Backing {
    /// `None` in a child, which may keep no file: there the parent says what a fault means.
    source: Option<Source>,
    access: Access,
    guard: Guarded,
}

impl Backing {
    pub fn new(source: Source, guard: Guarded) -> Backing {
        Backing {
            access: source.access,
            source: Some(source),
            guard,
        }
    }

    /// Closes the file.
    pub fn forget_file(&mut self) {
        self.source = None;
    }

    /// Whether an access to the window failed and was healed by the guard.
    #[inline]
    pub fn faulted(&self) -> bool {
        self.guard.faults() != 0
    }

    /// The fault of the window `index`, if it has one.
    pub fn fault(&self, index: usize) -> Option<Fault> {
        self.faulted().then(|| match &self.source {
            Some(source) => source.fault(index),
            None => Fault::new(
                Cause::Segment { window: index },
                format!("An access to window {index} failed."),
            ),
        })
    }
}

/// Size of a file, 0 when even that cannot be learned.
fn size(file: &OwnedFd) -> u64 {
    rustix::fs::fstat(file).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
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
