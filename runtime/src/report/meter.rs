//! Counters that the lanes keep while they run. One lane writes each of them; anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Recorder;

/// A counter with one writer.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the count. To be called by the one writing thread.
    pub fn add(&self, n: u64) {
        self.set(self.get() + n);
    }

    /// Replaces the count.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one stage or sink has done with the frames of its triggers.
#[derive(Default)]
pub struct StageMeter {
    /// Frames computed.
    pub frames: Counter,
    /// For each trigger, the frames that were published but never seen because newer ones had come.
    pub skipped: Box<[Counter]>,
    /// Calls that ended in a fault.
    pub faults: Counter,
    /// Fresh instances after a fault.
    pub restarts: Counter,
    /// Duration of the calls.
    pub exec: Recorder,
}

impl StageMeter {
    /// A meter for a stage with so many triggers.
    pub fn new(triggers: usize) -> Self {
        Self {
            skipped: (0..triggers).map(|_| Counter::default()).collect(),
            ..Self::default()
        }
    }
}

/// What came through one stream.
#[derive(Default)]
pub struct StreamMeter {
    /// Frames published.
    pub published: Counter,
    /// Frames that the stream's source or an outside writer had, but that never entered the ring.
    pub missed: Counter,
    /// From the publish at the graph's source to the publish here.
    pub latency: Recorder,
}
