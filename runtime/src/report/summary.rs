//! The report of a run, as `run --format json` prints it.

use serde::{Serialize, Serializer};

use super::histogram::Distribution;

/// What a run is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Frames are being computed.
    Running,
    /// Ended as asked: the sources ran out, or the time, or the frames.
    Stopped,
    /// Ended by Ctrl-C or a termination signal.
    Interrupted,
    /// Ended by a fault.
    Failed,
}

/// The whole report. Times are in the units that the field names end in; `null` where nothing was measured.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What the run is doing, or how it ended.
    pub state: State,
    /// How guests are stopped at their deadlines: `revoked page`, or `epoch checks, because …`.
    pub interruption: String,
    /// Seconds since the first frame could flow.
    pub elapsed_s: f64,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub streams: Vec<(String, StreamReport)>,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub stages: Vec<(String, StageReport)>,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub sinks: Vec<(String, SinkReport)>,
    /// From the publish of the frame at the graph's source to the publish at its end.
    pub latency_us: Latency,
    /// Every fault, in order.
    pub faults: Vec<FaultReport>,
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Frames published.
    pub published: u64,
    /// Frames that somebody who triggers on this stream, or the stream itself, never saw.
    pub skipped: u64,
}

/// One stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// The kernel's kind.
    pub kind: String,
    /// Frames computed.
    pub frames: u64,
    /// Trigger frames never seen because newer ones had come.
    pub skipped: u64,
    /// Calls that ended in a fault.
    pub faults: u64,
    /// Fresh instances after a fault.
    pub restarts: u64,
    /// Duration of the calls.
    pub exec_us: Exec,
}

/// One sink.
#[derive(Clone, Debug, Serialize)]
pub struct SinkReport {
    /// The sink's kind.
    pub kind: String,
    /// Frames consumed.
    pub frames: u64,
    /// Frames never seen because newer ones had come.
    pub skipped: u64,
}

/// How long calls took, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Exec {
    /// Half of the calls were faster.
    pub p50: Option<f64>,
    /// All but one in a hundred were faster.
    pub p99: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

impl Exec {
    /// Reads the percentiles off a distribution.
    pub fn of(distribution: &Distribution) -> Self {
        Self {
            p50: distribution.microseconds(0.5),
            p99: distribution.microseconds(0.99),
            max: distribution.max_microseconds(),
        }
    }
}

/// How long frames took through the graph, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Half of the frames were faster.
    pub p50: Option<f64>,
    /// All but one in a hundred were faster.
    pub p99: Option<f64>,
    /// All but one in a thousand were faster.
    pub p999: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

impl Latency {
    /// Reads the percentiles off a distribution.
    pub fn of(distribution: &Distribution) -> Self {
        Self {
            p50: distribution.microseconds(0.5),
            p99: distribution.microseconds(0.99),
            p999: distribution.microseconds(0.999),
            max: distribution.max_microseconds(),
        }
    }
}

/// One fault.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    /// The stage (or source, or sink) that it happened in.
    pub stage: String,
    /// The frame that was being computed.
    pub frame_id: u64,
    /// Its kind in one word: `trap`, `deadline`, `illegal_write`, …
    pub cause: String,
    /// What happened, for people.
    pub message: String,
}

/// Serialises pairs as a JSON object in their order.
fn as_map<T: Serialize, S: Serializer>(
    entries: &[(String, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
}
