//! A kernel with its context: what stands between the contract's calls and the author's methods.
#![allow(unsafe_code, reason = "receives the address of the frame table")]

use crate::{Context, Failure, Frame, Kernel, frame::Address};

/// One kernel at work.
#[derive(Debug)]
pub struct Instance<K> {
    context: Context,
    kernel: K,
}

/// Asks the kernel whether it can run in this place.
pub fn validate_config<K: Kernel>(context: &Context) -> Result<(), Failure> {
    K::validate_config(context).map_err(|failure| context.locate(failure))
}

impl<K: Kernel> Instance<K> {
    /// Makes the kernel.
    pub fn new(context: Context) -> Result<Self, Failure> {
        match K::new(&context) {
            Ok(kernel) => Ok(Instance { context, kernel }),
            Err(failure) => Err(context.locate(failure)),
        }
    }

    /// What the kernel was told.
    #[cfg(not(target_family = "wasm"))]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Computes one frame.
    ///
    /// # Safety
    /// `table` is the address of a frame table for this context: one address for each trigger input,
    /// auxiliary input and output, and two for each state array. Each is 8-aligned, and until this returns the
    /// bytes of its array are readable; those of the outputs and of the next states are writable,
    /// initialised, and overlap nothing else that this program uses.
    #[inline]
    pub unsafe fn compute(&mut self, frame_id: u64, table: *const Address) -> Result<(), Failure> {
        // SAFETY: the caller's promise is that of `Frame::new`.
        let frame = unsafe { Frame::new(frame_id, &self.context, table) };
        self.kernel.compute_frame(frame)
    }
}
