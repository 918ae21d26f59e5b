//! Taps of a stream's ring: they see every frame that is not gone too soon, and nobody sees them.

use std::sync::Arc;

use super::Stream;
use super::error::StreamError;
use super::reader::{check_copy, copy_part};
use super::ring::{Follower, Frame};

/// Copies the frames of a stream one after the other. Its writer does not know of it: it never waits for a tap, and no slot is kept
/// for one. A frame whose slot is written again before it has been copied is lost, and counted.
#[derive(Debug)]
pub struct Tap {
    stream: Arc<Stream>,
    follower: Follower,
}

impl Tap {
    /// Begins with the oldest frame that is still in the ring.
    pub(super) fn new(stream: &Arc<Stream>) -> Tap {
        Tap {
            stream: Arc::clone(stream),
            follower: Follower::new(stream.records()),
        }
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The next frame, to be copied; `None` if there is none now. Frames that are gone are counted.
    #[allow(
        clippy::should_implement_trait,
        reason = "after `None` there may be more, which iterators seldom do"
    )]
    pub fn next(&mut self) -> Option<Frame> {
        self.follower.next(self.stream.records())
    }

    /// Copies a part of the frame, from the byte `from` on. It counts only if [`Tap::check`] says so afterwards.
    ///
    /// # Errors
    /// The frame does not reach that far.
    pub fn copy(&self, frame: &Frame, from: usize, into: &mut [u8]) -> Result<(), StreamError> {
        copy_part(&self.stream, frame, from, into)
    }

    /// Whether what was copied is the frame.
    ///
    /// # Errors
    /// Its slot was written again meanwhile ([`StreamError::Overwritten`]), or another process has damaged the stream.
    pub fn check(&self, frame: &Frame) -> Result<(), StreamError> {
        check_copy(&self.stream, frame)
    }

    /// Counts the frame that was named last as lost: it was overtaken. Goes on so far from the writer as it can.
    pub fn missed(&mut self) {
        self.follower.missed(self.stream.records());
    }

    /// Frames that were gone before they had been copied.
    pub fn lost(&self) -> u64 {
        self.follower.lost()
    }

    /// Frames that were published since the last one that was named.
    pub fn behind(&self) -> u64 {
        self.follower.behind(self.stream.records())
    }
}
