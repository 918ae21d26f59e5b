//! The producing end of a stream inside a lane: publishes and counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::report::meter::StreamMeter;
use crate::stream::{Stamp, StreamError, WaitWord, Writer};

/// How long a reader that is behind may be dead before that is noticed.
const RECHECK: Duration = Duration::from_millis(100);

/// The writer of a stream together with its meter.
pub struct Output {
    writer: Writer,
    meter: Arc<StreamMeter>,
    /// The last [`Output::begin`] found no slot.
    blocked: bool,
}

impl Output {
    /// Publishes through `writer`, counts in `meter`.
    pub fn new(writer: Writer, meter: Arc<StreamMeter>) -> Self {
        Self {
            writer,
            meter,
            blocked: false,
        }
    }

    /// A slot that may be written, or `None` while a reader that wants every frame is behind.
    pub fn begin(&mut self) -> Option<u32> {
        let slot = self.writer.begin();
        self.blocked = slot.is_none();
        slot
    }

    /// Whether the last [`Output::begin`] found no slot.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When to ask for a slot again though nobody wakes this lane: a reader that was killed does not.
    pub fn due(&self) -> Option<Instant> {
        self.blocked.then(|| Instant::now() + RECHECK)
    }

    /// Copies a frame of a native producer into a slot that [`Output::begin`] gave.
    ///
    /// # Errors
    /// The frame has another size than the stream's.
    pub fn write(&mut self, slot: u32, frame: &[u8]) -> Result<(), StreamError> {
        self.writer.write(slot, frame)
    }

    /// Publishes what is in a slot that [`Output::begin`] gave.
    pub fn publish(&mut self, slot: u32, stamp: Stamp) {
        if let Some(publication) = self.writer.publish(slot, stamp) {
            self.meter.published.add(1);
            if stamp.origin_ns > 0 {
                let latency = publication.published_ns.saturating_sub(stamp.origin_ns);
                self.meter.latency.record(latency);
            }
        }
    }

    /// Counts frames that the producer had but could not publish.
    pub fn missed(&self, frames: u64) {
        if frames > 0 {
            self.meter.missed.add(frames);
        }
    }

    /// Makes a mirror that was left for later. If it is still pending: when to try again.
    pub fn settle(&mut self) -> Option<Duration> {
        self.writer.flush_mirror()
    }

    /// Adds the word that changes when a reader that wants every frame has moved on.
    pub fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        if self.blocked {
            words.push(self.writer.room());
        }
    }

    /// Says that no more frames will come.
    pub fn close(&mut self) {
        self.writer.close();
    }
}
