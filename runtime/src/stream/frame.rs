//! What a writer says about a frame, and is told.

use rustix::thread::ClockId;
use rustix::time::clock_gettime;

use super::ring::{Frame, Mark};

/// What a writer says about the frame that it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The frame's number.
    pub frame_id: u64,
    /// [`Frame::origin_ns`]; 0: this frame is itself at the graph's source.
    pub origin_ns: u64,
    /// [`Frame::mark`].
    pub mark: Mark,
}

impl Stamp {
    /// Of a frame at the graph's source.
    pub fn source(frame_id: u64) -> Stamp {
        Stamp {
            frame_id,
            origin_ns: 0,
            mark: Mark::Fresh,
        }
    }

    /// Of a frame that was computed from `frame`.
    pub fn computed_from(frame: &Frame) -> Stamp {
        Stamp {
            frame_id: frame.frame_id,
            origin_ns: frame.origin_ns,
            mark: Mark::Fresh,
        }
    }
}

/// What came of publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Which publication of the stream it is, from 1.
    pub sequence: u64,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub published_ns: u64,
}

/// Nanoseconds of CLOCK_MONOTONIC.
#[inline]
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The clock counts from the boot: both parts are positive and small.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
