//! State arrays: owned by the host, double-buffered, committed only by a call that succeeded.
//!
//! The guest sees the committed value through a read-only window (`previous`) and the place for the next one
//! through a writable window (`next`). A commit swaps the two by swapping slot numbers. So a fault leaves the
//! committed value as it was, and it outlives the instance.

use std::sync::Arc;

use crate::sandbox::Array;
use crate::stream::{PrivateRing, StreamError};

/// One state array of one stage. Starts as zeros.
pub struct State {
    memory: Arc<PrivateRing>,
    /// The slot that holds the committed value: 0 or 1.
    committed: u32,
}

impl State {
    /// Room for two values.
    ///
    /// # Errors
    /// No memory or no descriptor left, or more bytes than a 32-bit guest can address.
    pub fn new(array: &Array) -> Result<Self, StreamError> {
        let name = format!("state {}", array.name);
        Ok(Self {
            memory: Arc::new(PrivateRing::new(&name, 2, array.array.bytes())?),
            committed: 0,
        })
    }

    /// The committed value.
    ///
    /// # Errors
    /// None in fact: the slot exists.
    pub fn committed(&self) -> Result<Vec<u8>, StreamError> {
        self.memory.read(self.committed)
    }

    /// Replaces the committed value.
    ///
    /// # Errors
    /// `value` has another size.
    pub fn set(&self, value: &[u8]) -> Result<(), StreamError> {
        self.memory.write(self.committed, value)
    }

    /// What both windows show: `previous`, then `next`.
    pub fn memory(&self) -> Arc<PrivateRing> {
        Arc::clone(&self.memory)
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
