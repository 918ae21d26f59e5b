//! State arrays: owned by the host, double-buffered, committed only by a call that succeeded.
//!
//! The guest sees the committed value through a read-only window (`previous`) and the place for the next one
//! through a writable window (`next`). A commit swaps the two by swapping slot numbers. So a fault leaves the
//! committed value as it was, and it outlives the instance.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::sandbox::{Access, Window};

/// One state array of one stage. Starts as zeros.
pub struct State {
    file: OwnedFd,
    stride: u32,
    bytes: u32,
    /// The slot that holds the committed value: 0 or 1.
    committed: u32,
}

impl State {
    /// Room for two values of so many bytes.
    ///
    /// # Errors
    /// No memory or no descriptor left, or more bytes than a 32-bit guest can address.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let stride = bytes.next_multiple_of(page);
        let too_large =
            || io::Error::new(io::ErrorKind::InvalidInput, "a state array of over 4 GiB");
        let stride = u32::try_from(stride).map_err(|_| too_large())?;
        let file = memfd_create("sandpipe-state", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, 2 * u64::from(stride))?;
        Ok(Self {
            file,
            stride,
            bytes: bytes as u32,
            committed: 0,
        })
    }

    /// The two windows: `previous`, then `next`.
    pub fn windows(&self) -> [Window<'_>; 2] {
        [Access::Read, Access::Write].map(|access| Window {
            file: self.file.as_fd(),
            offset: 0,
            stride: self.stride,
            slots: 2,
            bytes: self.bytes,
            access,
        })
    }

    /// The slots of `previous` and `next` for the coming call.
    pub fn slots(&self) -> [u32; 2] {
        [self.committed, 1 - self.committed]
    }

    /// Makes what the last call wrote the committed value.
    pub fn commit(&mut self) {
        self.committed = 1 - self.committed;
    }
}
