//! State arrays: owned by the host, double-buffered, committed only by a call that succeeded.
//!
//! The guest sees the committed value through a read-only window (`previous`) and the place for the next one
//! through a writable window (`next`). A commit swaps the two by swapping slot numbers. So a fault leaves the
//! committed value as it was, and it outlives the instance.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::array::ArrayType;
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
    /// Room for two values.
    ///
    /// # Errors
    /// No memory or no descriptor left, or more bytes than a 32-bit guest can address.
    pub fn new(array: &ArrayType) -> io::Result<Self> {
        let bytes = array.bytes().and_then(|bytes| u32::try_from(bytes).ok());
        let page = rustix::param::page_size() as u32;
        let stride = bytes.and_then(|bytes| bytes.checked_next_multiple_of(page));
        let (Some(bytes), Some(stride)) = (bytes, stride) else {
            let message = format!("a state array of {array} has over 4 GiB");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let file = memfd_create("sandpipe-state", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, 2 * u64::from(stride))?;
        Ok(Self {
            file,
            stride,
            bytes,
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
}

/// Sets the slots of `previous` and `next` of each state array, the last of a frame table, for the coming call.
pub fn point(state: &[State], slots: &mut [u32]) {
    let first = slots.len() - 2 * state.len();
    for (state, places) in state.iter().zip(slots[first..].chunks_exact_mut(2)) {
        places.copy_from_slice(&[state.committed, 1 - state.committed]);
    }
}

/// Makes what the last call wrote the committed values.
pub fn commit(state: &mut [State]) {
    for state in state {
        state.committed = 1 - state.committed;
    }
}
