//! All meters of one run, and the report that can be made of them at any moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::histogram::Distribution;
use super::meter::{StageMeter, StreamMeter};
use super::summary::{
    FaultReport, Latency, RunReport, SinkReport, StageReport, State, StreamReport,
};

/// One stage or sink under observation.
pub struct StageEntry {
    /// The stage's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// For each trigger, the index of its stream in [`Monitor::streams`].
    pub triggers: Vec<usize>,
    /// What it has done.
    pub meter: Arc<StageMeter>,
}

/// One stream under observation.
pub struct StreamEntry {
    /// The stream's name in the graph.
    pub name: String,
    /// Whether the graph ends here: produced by a stage, and no stage's trigger.
    pub end: bool,
    /// What came through it.
    pub meter: Arc<StreamMeter>,
}

/// Everything that is measured in a run.
pub struct Monitor {
    started: Instant,
    /// The stages, in the order of the configuration.
    pub stages: Vec<StageEntry>,
    /// The sinks, in the order of the configuration.
    pub sinks: Vec<StageEntry>,
    /// The streams, in the order of the configuration.
    pub streams: Vec<StreamEntry>,
    faults: Mutex<Vec<FaultReport>>,
    interruption: String,
}

impl Monitor {
    /// Starts the clock. `interruption` says how guests are stopped.
    pub fn new(
        interruption: String,
        stages: Vec<StageEntry>,
        sinks: Vec<StageEntry>,
        streams: Vec<StreamEntry>,
    ) -> Self {
        Self {
            interruption,
            started: Instant::now(),
            stages,
            sinks,
            streams,
            faults: Mutex::default(),
        }
    }

    /// Notes a fault, in the run's own thread. Not on the path of good frames, so a lock is affordable.
    pub fn fault(&self, fault: FaultReport) {
        if let Some(stage) = self.stages.iter().find(|stage| stage.name == fault.stage) {
            stage.meter.faults.add(1);
        }
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
    }

    /// The report as of now.
    pub fn report(&self, state: State) -> RunReport {
        let ends = self.streams.iter().filter(|stream| stream.end);
        let latency = Distribution::of(ends.map(|stream| &stream.meter.latency));
        RunReport {
            state,
            interruption: self.interruption.clone(),
            elapsed_s: (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6,
            streams: (0..self.streams.len())
                .map(|index| self.stream(index))
                .collect(),
            stages: self.stages.iter().map(stage).collect(),
            sinks: self.sinks.iter().map(sink).collect(),
            latency_us: Latency::of(&latency),
            faults: self
                .faults
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    fn stream(&self, index: usize) -> (String, StreamReport) {
        let entry = &self.streams[index];
        let skipped: u64 = self
            .stages
            .iter()
            .chain(&self.sinks)
            .flat_map(|stage| stage.triggers.iter().zip(&stage.meter.skipped))
            .filter(|(stream, _)| **stream == index)
            .map(|(_, skipped)| skipped.get())
            .sum();
        let report = StreamReport {
            published: entry.meter.published.get(),
            skipped: entry.meter.missed.get() + skipped,
        };
        (entry.name.clone(), report)
    }
}

fn skipped(entry: &StageEntry) -> u64 {
    entry.meter.skipped.iter().map(|count| count.get()).sum()
}

fn stage(entry: &StageEntry) -> (String, StageReport) {
    let meter = &entry.meter;
    let report = StageReport {
        kind: entry.kind.clone(),
        frames: meter.frames.get(),
        skipped: skipped(entry),
        faults: meter.faults.get(),
        restarts: meter.restarts.get(),
        exec_us: super::summary::Exec::of(&meter.exec.snapshot()),
    };
    (entry.name.clone(), report)
}

fn sink(entry: &StageEntry) -> (String, SinkReport) {
    let report = SinkReport {
        kind: entry.kind.clone(),
        frames: entry.meter.frames.get(),
        skipped: skipped(entry),
    };
    (entry.name.clone(), report)
}
