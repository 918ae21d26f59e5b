//! All meters of one run, and the report that can be made of them at any moment.

use std::sync::{Arc, OnceLock};

use super::clock::Clock;
use super::histogram::Distribution;
use super::journal::Journal;
use super::meter::{SourceMeter, StageMeter, StreamMeter};
use super::placement::Placement;
use super::realtime::Realtime;
use super::summary::{
    Exec, FaultReport, FrameSync, Latency, RunReport, SinkReport, SourceReport, SourceStreamReport,
    StageReport, State, StreamReport,
};

/// One source under observation.
pub struct SourceEntry {
    /// The source's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The indices of its streams in [`Monitor::streams`].
    pub streams: Vec<usize>,
    /// What it has given.
    pub meter: Arc<SourceMeter>,
}

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

/// All that is under observation, each in the order of the configuration.
pub struct Entries {
    /// The sources.
    pub sources: Vec<SourceEntry>,
    /// The stages.
    pub stages: Vec<StageEntry>,
    /// The sinks.
    pub sinks: Vec<StageEntry>,
    /// The streams.
    pub streams: Vec<StreamEntry>,
}

/// Everything that is measured in a run.
pub struct Monitor {
    clock: Clock,
    /// The sources, in the order of the configuration.
    pub sources: Vec<SourceEntry>,
    /// The stages, in the order of the configuration.
    pub stages: Vec<StageEntry>,
    /// The sinks, in the order of the configuration.
    pub sinks: Vec<StageEntry>,
    /// The streams, in the order of the configuration.
    pub streams: Vec<StreamEntry>,
    /// Faults of what has no meter: sources, lanes.
    others: Journal,
    interruption: String,
    placement: Arc<OnceLock<Placement>>,
    realtime: Option<Realtime>,
}

impl Monitor {
    /// A monitor of meters that go by `clock`. `interruption` says how guests are stopped; what `lanes: auto`
    /// comes to will stand in `placement`; `realtime` is what lanes ask of the system.
    pub fn new(
        interruption: String,
        clock: Clock,
        entries: Entries,
        placement: Arc<OnceLock<Placement>>,
        realtime: Option<Realtime>,
    ) -> Self {
        let Entries {
            sources,
            stages,
            sinks,
            streams,
        } = entries;
        Self {
            placement,
            realtime,
            interruption,
            others: Journal::new(&clock),
            clock,
            sources,
            stages,
            sinks,
            streams,
        }
    }

    /// Notes a fault that ended the run.
    pub fn fault(&self, fault: FaultReport) {
        let mut entries = self.stages.iter().chain(&self.sinks);
        let entry = entries.find(|entry| entry.name == fault.stage);
        entry
            .map_or(&self.others, |entry| &entry.meter.journal)
            .note(fault);
    }

    /// The report as of now.
    pub fn report(&self, state: State) -> RunReport {
        let ends = self.streams.iter().filter(|stream| stream.end);
        let latency = Distribution::of(ends.map(|stream| &stream.meter.latency));
        let (faults, faults_left_out) = self.faults();
        RunReport {
            state,
            interruption: self.interruption.clone(),
            placement: self.placement.get().cloned(),
            realtime: self.realtime.clone(),
            elapsed_s: self.clock.seconds(),
            streams: (0..self.streams.len())
                .map(|index| self.stream(index))
                .collect(),
            sources: self
                .sources
                .iter()
                .map(|entry| self.source(entry))
                .collect(),
            stages: self.stages.iter().map(stage).collect(),
            sinks: self.sinks.iter().map(sink).collect(),
            latency_us: Latency::of(&latency),
            faults,
            faults_left_out,
            recording: None,
        }
    }

    /// The faults of all that are kept, in order, and how many are not.
    fn faults(&self) -> (Vec<FaultReport>, u64) {
        let entries = self.stages.iter().chain(&self.sinks);
        let journals = entries
            .map(|entry| &entry.meter.journal)
            .chain([&self.others]);
        let (mut faults, mut left_out) = (Vec::new(), 0);
        for (kept, more) in journals.map(Journal::read) {
            faults.extend(kept.iter().map(|fault| FaultReport::clone(fault)));
            left_out += more;
        }
        faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        (faults, left_out)
    }

    fn source(&self, entry: &SourceEntry) -> (String, SourceReport) {
        let meter = &entry.meter;
        let counts = meter.published.iter().zip(&meter.lost);
        let streams = entry.streams.iter().zip(counts);
        let report = SourceReport {
            kind: entry.kind.clone(),
            generations: meter.generations.get(),
            streams: streams
                .map(|(&stream, (published, lost))| {
                    let report = SourceStreamReport {
                        published: published.get(),
                        lost: lost.get(),
                    };
                    (self.streams[stream].name.clone(), report)
                })
                .collect(),
            skew_us: Exec::of(&meter.skew.snapshot()),
        };
        (entry.name.clone(), report)
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
            missed: entry.meter.missed.get(),
            skipped,
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
        dropped: meter.dropped.get(),
        held: meter.held.get(),
        bypassed: meter.bypassed.get(),
        faults: meter.faults.get(),
        restarts: meter.restarts.get(),
        frame_sync: meter.sync.as_ref().map(|sync| FrameSync {
            frame_sync_skew_events: sync.skew_events.get(),
            frame_sync_skipped_generations: sync.skipped_generations.get(),
            frame_sync_timeouts: sync.timeouts.get(),
        }),
        exec_us: Exec::of(&meter.exec.snapshot()),
        restart_us: Exec::of(&meter.restart.snapshot()),
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
