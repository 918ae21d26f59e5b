//! The producing end of a stream inside a lane: publishes and counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::feeding::Arrivals;
use super::trigger::Trigger;
use crate::report::meter::StreamMeter;
use crate::stream::{Frame, PrivateRing, Stamp, StreamError, WaitWord, Writer, now_ns};

/// How long a reader that is behind may be dead before that is noticed.
const RECHECK: Duration = Duration::from_millis(100);

/// The writer of a stream together with its meter.
pub struct Output {
    writer: Writer,
    meter: Arc<StreamMeter>,
    /// Where the producer writes, if not into the slots themselves.
    sealed: Option<Arc<PrivateRing>>,
    /// Who wants to know what is published here, and as which end of the graph.
    arrivals: Option<(Arc<Arrivals>, usize)>,
    /// The slot for the next frame.
    slot: u32,
    /// The last [`Output::begin`] found no slot.
    blocked: bool,
}

impl Output {
    /// Publishes through `writer`, counts in `meter`.
    pub fn new(writer: Writer, meter: Arc<StreamMeter>) -> Self {
        Self {
            writer,
            meter,
            sealed: None,
            arrivals: None,
            slot: 0,
            blocked: false,
        }
    }

    /// From now on, publishes copies of what its producer writes into `frame`.
    pub fn seal(&mut self, frame: Arc<PrivateRing>) {
        self.sealed = Some(frame);
    }

    /// From now on, says what it publishes, as the end `end` of the graph.
    pub fn announce(&mut self, arrivals: Arc<Arrivals>, end: usize) {
        self.arrivals = Some((arrivals, end));
    }

    /// Takes a slot for the next frame. False while a reader that wants every frame is behind.
    pub fn begin(&mut self) -> bool {
        let slot = self.writer.begin();
        self.blocked = slot.is_none();
        self.slot = slot.unwrap_or(self.slot);
        !self.blocked
    }

    /// The slot of the producer's window that belongs to the slot of [`Output::begin`].
    pub fn window_slot(&self) -> u32 {
        match self.sealed {
            Some(_) => 0,
            None => self.slot,
        }
    }

    /// Whether the last [`Output::begin`] found no slot.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When to ask for a slot again though nobody wakes this lane: a reader that was killed does not.
    pub fn due(&self) -> Option<Instant> {
        self.blocked.then(|| Instant::now() + RECHECK)
    }

    /// Copies a frame of a native producer into the slot that [`Output::begin`] took.
    ///
    /// # Errors
    /// The frame has another size than the stream's.
    pub fn write(&mut self, frame: &[u8]) -> Result<(), StreamError> {
        self.writer.write(self.slot, frame)
    }

    /// Puts the last frame in place of the one that was to be written.
    ///
    /// # Errors
    /// Nothing has been published.
    pub fn repeat(&mut self) -> Result<(), StreamError> {
        self.writer.repeat(self.slot)
    }

    /// Puts a frame that a trigger has taken in place of the one that was to be written.
    ///
    /// # Errors
    /// It has another size, or another process has damaged its stream.
    pub fn pass(&mut self, trigger: &Trigger, frame: &Frame) -> Result<(), StreamError> {
        self.writer.write_from(self.slot, trigger.reader(), frame)
    }

    /// The sequence of what is published next.
    pub fn next_sequence(&self) -> u64 {
        self.writer.published() + 1
    }

    /// Publishes what a producer has written that was done at `ended_ns`, in nanoseconds of CLOCK_MONOTONIC.
    pub fn publish_computed(&mut self, stamp: Stamp, ended_ns: u64) {
        let Some(frame) = &self.sealed else {
            return self.publish_at(stamp, ended_ns);
        };
        if self.writer.write_private(self.slot, frame).is_ok() {
            self.publish(stamp);
        }
        // Else it cannot be: the frame was made for the stream, and the slot was taken.
    }

    /// Publishes what is in the slot that [`Output::begin`] took.
    pub fn publish(&mut self, stamp: Stamp) {
        self.publish_at(stamp, now_ns());
    }

    fn publish_at(&mut self, stamp: Stamp, now_ns: u64) {
        if let Some(publication) = self.writer.publish_at(self.slot, stamp, now_ns) {
            self.meter.published.add(1);
            if stamp.origin_ns > 0 {
                let latency = publication.published_ns.saturating_sub(stamp.origin_ns);
                self.meter.latency.record(latency);
            }
            if let Some((arrivals, end)) = &self.arrivals {
                arrivals.note(*end, stamp.frame_id);
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
