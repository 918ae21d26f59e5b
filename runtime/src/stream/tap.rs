//! Taps of a stream's ring: they see every frame that is not gone too soon, and nobody sees them.

use std::sync::Arc;

use super::Stream;
use super::error::StreamError;
use super::reader::copy_frame;
use super::ring::{Follower, Frame};

/// How often a copy may be overtaken by the writer before a tap comes back later.
const TRIES: u32 = 3;

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

    /// Copies the next frame into `into`; `None` if there is none now.
    ///
    /// # Errors
    /// `into` is not one frame long, or another process has damaged the stream.
    pub fn take(&mut self, into: &mut [u8]) -> Result<Option<Frame>, StreamError> {
        for _ in 0..TRIES {
            let Some(frame) = self.follower.next(self.stream.records()) else {
                return Ok(None);
            };
            match copy_frame(&self.stream, &frame, into) {
                Ok(()) => return Ok(Some(frame)),
                Err(StreamError::Overwritten { .. }) => self.follower.missed(self.stream.records()),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Passes over the next frame; `None` if there is none now.
    pub fn pass(&mut self) -> Option<Frame> {
        self.follower.next(self.stream.records())
    }

    /// Frames that were gone before they had been copied.
    pub fn lost(&self) -> u64 {
        self.follower.lost()
    }

    /// Frames that were published since the last one that was taken or passed over.
    pub fn behind(&self) -> u64 {
        self.follower.behind(self.stream.records())
    }
}
