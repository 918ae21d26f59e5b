//! The report of a run, as `run --format json` prints it.

use serde::{Serialize, Serializer};

use super::histogram::Distribution;
use super::placement::Placement;
use super::realtime::Realtime;

/// What a run is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Ready to run.
    Built,
    /// Frames are being computed.
    Running,
    /// Nothing is computed until it is resumed.
    Paused,
    /// Ended as asked: the sources ran out, or the time, or the frames.
    Stopped,
    /// Ended by Ctrl-C or a termination signal.
    Interrupted,
    /// Ended by a fault.
    Failed,
}

impl State {
    /// As it is written: `running`.
    pub fn name(self) -> &'static str {
        match self {
            State::Built => "built",
            State::Running => "running",
            State::Paused => "paused",
            State::Stopped => "stopped",
            State::Interrupted => "interrupted",
            State::Failed => "failed",
        }
    }
}

/// The whole report. Times are in the units that the field names end in; `null` where nothing was measured.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What the run is doing, or how it ended.
    pub state: State,
    /// How guests are stopped at their deadlines: `revoked page`, or `epoch checks, because …`.
    pub interruption: String,
    /// Where `lanes: auto` has put the nodes; `null` where that was not asked for, or too few frames came.
    pub placement: Option<Placement>,
    /// What `realtime:` has given the lanes; `null` without it.
    pub realtime: Option<Realtime>,
    /// Seconds since the first frame could flow, pauses not counted.
    pub elapsed_s: f64,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub streams: Vec<(String, StreamReport)>,
    /// The built-in sources by name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub sources: Vec<(String, SourceReport)>,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub stages: Vec<(String, StageReport)>,
    /// By name, in the order of the configuration.
    #[serde(serialize_with = "as_map")]
    pub sinks: Vec<(String, SinkReport)>,
    /// From the publish of the frame at the graph's source to the publish at its end.
    pub latency_us: Latency,
    /// The faults in order: of each stage the first and the last ones.
    pub faults: Vec<FaultReport>,
    /// Faults that are counted, but not listed.
    pub faults_left_out: u64,
    /// What `sandpipe record` has recorded; missing from other reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingReport>,
}

/// What is in a recording.
#[derive(Clone, Debug, Serialize)]
pub struct RecordingReport {
    /// By name, in the order in which they were to be recorded.
    #[serde(serialize_with = "as_map")]
    pub streams: Vec<(String, RecordedStreamReport)>,
    /// Calls of stages of which there is no record, because the recorder came too late.
    pub lost_calls: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Why the recording ended before the run; `null` if it did not.
    pub failure: Option<String>,
}

/// What is recorded of one stream.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RecordedStreamReport {
    /// Frames in the file.
    pub recorded: u64,
    /// Frames that were published and are not in the file.
    pub dropped: u64,
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Frames published.
    pub published: u64,
    /// Frames that the stream's source or an outside writer had, but that never entered the stream: overwritten before they
    /// could be brought in, or without a place because somebody who wants every frame was behind.
    pub missed: u64,
    /// Published frames that were passed over by those whom the stream triggers, summed over them.
    pub skipped: u64,
}

/// One source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The source's kind.
    pub kind: String,
    /// Generations: frames of its first stream, those included that it has lost.
    pub generations: u64,
    /// By name, in the order of its configuration.
    #[serde(serialize_with = "as_map")]
    pub streams: Vec<(String, SourceStreamReport)>,
    /// From the publish of a generation's first frame to that of its last; of one stream, nothing.
    pub skew_us: Exec,
}

/// One stream of a source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStreamReport {
    /// Frames published.
    pub published: u64,
    /// Frames that the source has lost on purpose.
    pub lost: u64,
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
    /// Trigger frames that were taken and came to nothing, because of a fault.
    pub dropped: u64,
    /// Trigger frames for which the last good output was published again.
    pub held: u64,
    /// Trigger frames that were published in place of the output.
    pub bypassed: u64,
    /// Calls, and starts of fresh instances, that ended in a fault.
    pub faults: u64,
    /// Fresh instances after a fault.
    pub restarts: u64,
    /// How its triggers came to match; left out where they need not.
    #[serde(flatten)]
    pub frame_sync: Option<FrameSync>,
    /// Duration of the calls.
    pub exec_us: Exec,
    /// From a fault to the fresh instance, waits included.
    pub restart_us: Exec,
}

/// How the trigger frames of a stage with `matching_frame_id` came to match.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FrameSync {
    /// How often the newest frames at hand had different ids.
    pub frame_sync_skew_events: u64,
    /// How often those that lagged were passed over for it.
    pub frame_sync_skipped_generations: u64,
    /// How often all were given up, being too far apart or having waited too long.
    pub frame_sync_timeouts: u64,
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

/// How long calls, or restarts, took, in microseconds.
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

/// What was done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The run ended.
    Stopped,
    /// The frame was lost, and a fresh instance is opened.
    Restarted,
    /// The frame was left out.
    Skipped,
    /// The last good output was published again.
    Held,
    /// The input was published as the output.
    Bypassed,
}

impl Action {
    /// As it is written: `stopped`.
    pub fn name(self) -> &'static str {
        match self {
            Action::Stopped => "stopped",
            Action::Restarted => "restarted",
            Action::Skipped => "skipped",
            Action::Held => "held",
            Action::Bypassed => "bypassed",
        }
    }
}

/// One fault.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    /// The stage (or source, or sink) that it happened in.
    pub stage: String,
    /// The number of the frame that was being computed; 0 where a fresh instance could not start.
    pub frame_id: u64,
    /// Which publication of the stage's trigger that frame was, from 1; of the first one that was new. `null` where there
    /// was none.
    pub sequence: Option<u64>,
    /// Seconds since the run began, pauses not counted.
    pub at_s: f64,
    /// Its kind in one word: `trap`, `deadline`, `illegal_write`, …
    pub cause: String,
    /// What happened, for people.
    pub message: String,
    /// What was done about it.
    pub action: Action,
}

impl FaultReport {
    /// A fault that ends the run, of something that is no stage.
    pub fn ending(
        name: impl Into<String>,
        frame_id: u64,
        cause: &str,
        message: impl Into<String>,
    ) -> FaultReport {
        FaultReport {
            stage: name.into(),
            frame_id,
            sequence: None,
            at_s: 0.0,
            cause: cause.to_owned(),
            message: message.into(),
            action: Action::Stopped,
        }
    }
}

/// Serialises pairs as a JSON object in their order.
pub(crate) fn as_map<T: Serialize, S: Serializer>(
    entries: &[(String, T)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
}
