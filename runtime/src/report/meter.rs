//! Counters that the lanes keep while they run. One lane writes each of them; anybody may read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Clock;
use super::histogram::Recorder;
use super::journal::Journal;

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
    /// Frames taken that came to nothing, because of a fault.
    pub dropped: Counter,
    /// Frames for which the last good output was published again.
    pub held: Counter,
    /// Frames that were published in place of the output.
    pub bypassed: Counter,
    /// Calls, and starts of fresh instances, that ended in a fault.
    pub faults: Counter,
    /// Fresh instances after a fault.
    pub restarts: Counter,
    /// Duration of the calls.
    pub exec: Recorder,
    /// How its triggers came to match, if they have to.
    pub sync: Option<Arc<SyncMeter>>,
    /// Where else the time of a frame goes, if that is measured.
    pub parts: Option<Box<Parts>>,
    /// From a fault to the fresh instance, waits included.
    pub restart: Recorder,
    /// What is known about the faults.
    pub journal: Journal,
}

impl StageMeter {
    /// A meter for a stage with so many triggers, in a run with this clock.
    pub fn new(triggers: usize, clock: &Clock) -> Self {
        Self {
            journal: Journal::new(clock),
            skipped: (0..triggers).map(|_| Counter::default()).collect(),
            ..Self::default()
        }
    }
}

/// How trigger frames came to match: what shmpipeline counts as `frame_sync_*`.
#[derive(Default)]
pub struct SyncMeter {
    /// How often the newest frames at hand had different ids.
    pub skew_events: Counter,
    /// How often those that lagged were passed over for it.
    pub skipped_generations: Counter,
    /// How often all were given up.
    pub timeouts: Counter,
}

/// Where the time of a frame in a stage goes, beside the call.
#[derive(Default)]
pub struct Parts {
    /// From the publish of the trigger to the start of the stage's turn.
    pub wait: Recorder,
    /// The turn without the call: pins, frame table, commit, publish, and what they cost to measure.
    pub around: Recorder,
}

/// What one source has given.
#[derive(Default)]
pub struct SourceMeter {
    /// Generations that have begun.
    pub generations: Counter,
    /// For each of its streams, the frames that were published.
    pub published: Box<[Counter]>,
    /// For each of its streams, the frames that the source itself has lost.
    pub lost: Box<[Counter]>,
    /// Of sources of several streams: from the publish of a generation's first frame to that of its last.
    pub skew: Recorder,
}

impl SourceMeter {
    /// A meter for a source of so many streams.
    pub fn new(streams: usize) -> Self {
        let counters = || (0..streams).map(|_| Counter::default()).collect();
        Self {
            published: counters(),
            lost: counters(),
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
