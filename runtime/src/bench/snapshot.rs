//! What a run's meters showed at one moment.

use std::time::Instant;

use crate::report::{Counts, Monitor};

use super::proc;

/// Everything that a bench looks at.
#[derive(Clone)]
pub struct Snapshot {
    at: Instant,
    /// Frames published at each end of the graph.
    ends: Vec<u64>,
    /// Frames published by the sources, of the one that has published most.
    sent: u64,
    latency: Counts,
    stages: Vec<StageCounts>,
    system: proc::Times,
}

/// Where the time of frames went in one stage.
#[derive(Clone, Default)]
pub struct StageCounts {
    /// The calls.
    pub call: Counts,
    /// From the publish of the trigger to the turn.
    pub wait: Counts,
    /// The turns without the calls.
    pub around: Counts,
}

impl StageCounts {
    /// Counts what another has counted as well.
    pub fn add(&mut self, other: &StageCounts) {
        self.call.add(&other.call);
        self.wait.add(&other.wait);
        self.around.add(&other.around);
    }

    fn since(&self, earlier: &StageCounts) -> StageCounts {
        StageCounts {
            call: self.call.since(&earlier.call),
            wait: self.wait.since(&earlier.wait),
            around: self.around.since(&earlier.around),
        }
    }
}

/// What happened between two snapshots.
pub struct Span {
    /// How long it is.
    pub seconds: f64,
    /// Frames that arrived, at the end where fewest did.
    pub arrived: u64,
    /// Frames that the sources sent.
    pub sent: u64,
    /// From source to end.
    pub latency: Counts,
    /// Of each stage.
    pub stages: Vec<StageCounts>,
    /// Time in which threads of this process were ready, but did not run, in nanoseconds.
    pub kept_waiting_ns: u64,
    /// Share of the processors' time that the hypervisor gave to others.
    pub stolen: f64,
}

impl Snapshot {
    /// Of a run whose sources publish on the streams `sources`.
    pub fn of(monitor: &Monitor, sources: &[usize]) -> Self {
        let ends = monitor.streams.iter().filter(|stream| stream.end);
        let mut latency = Counts::default();
        ends.clone()
            .for_each(|stream| latency.add(&stream.meter.latency.counts()));
        let stages = monitor.stages.iter().map(|stage| {
            let parts = stage.meter.parts.as_deref();
            StageCounts {
                call: stage.meter.exec.counts(),
                wait: parts.map(|parts| parts.wait.counts()).unwrap_or_default(),
                around: parts.map(|parts| parts.around.counts()).unwrap_or_default(),
            }
        });
        let published = |stream: &usize| Some(monitor.streams.get(*stream)?.meter.published.get());
        Self {
            at: Instant::now(),
            ends: ends.map(|stream| stream.meter.published.get()).collect(),
            sent: sources.iter().filter_map(published).max().unwrap_or(0),
            latency,
            stages: stages.collect(),
            system: proc::Times::now(),
        }
    }

    /// What has happened since.
    pub fn since(&self, earlier: &Snapshot) -> Span {
        let ends = self.ends.iter().zip(&earlier.ends);
        let stages = self.stages.iter().zip(&earlier.stages);
        Span {
            seconds: self.at.duration_since(earlier.at).as_secs_f64(),
            arrived: ends
                .map(|(now, before)| now.saturating_sub(*before))
                .min()
                .unwrap_or(0),
            sent: self.sent.saturating_sub(earlier.sent),
            latency: self.latency.since(&earlier.latency),
            stages: stages.map(|(now, before)| now.since(before)).collect(),
            kept_waiting_ns: self.system.kept_waiting_ns(&earlier.system),
            stolen: self.system.stolen(&earlier.system),
        }
    }
}

/// Whether the first frame has come through: every end has one.
pub fn has_arrived(monitor: &Monitor) -> bool {
    let mut ends = monitor.streams.iter().filter(|stream| stream.end);
    ends.all(|stream| stream.meter.published.get() > 0)
}
