//! Records a run from beside it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use super::calls::{CallQueue, StateWatch};
use super::format::{
    CALLS, FRAMES, STATE, StageAbout, StateAbout, WORD, stage_metadata, stream_metadata,
};
use super::frames::{Intake, StreamAtWork};
use super::taker::{BATCH, StageAtWork, Taker};
use super::writer::{Beginning, ChannelAbout, RecordingWriter};
use crate::array::{ArrayType, zeros};
use crate::config::StreamIndex;
use crate::report::{RecordedStreamReport, RecordingReport};
use crate::stream::{Delivery, Stream, now_ns};

/// Slots that a stream which is recorded has beside its own: for so many bytes, ...
const SPARE_BYTES: usize = 1 << 20;
/// ... but not fewer or more than these: with many, a loop leaves the processor's second-level cache, and each frame takes some microseconds longer.
const SPARE_SLOTS: (usize, usize) = (4, 8);

/// What is recorded of a run, and where to.
#[derive(Clone, Debug)]
pub struct RecordingOptions {
    /// An empty file.
    pub file: Arc<File>,
    /// Whose frames are recorded.
    pub streams: Vec<StreamIndex>,
    /// Whether producers wait for the recorder, rather than frames being lost.
    pub lossless: bool,
    /// Bytes for what is on its way into the file: about so many, but two blocks at least, and as many as the largest frame needs.
    pub memory: u64,
    /// The pipeline's text.
    pub pipeline: Vec<u8>,
    /// What else the file says about the run.
    pub about: BTreeMap<String, String>,
}

impl RecordingOptions {
    /// So many slots more than it needs a recorded stream of such frames gets: how far the recorder may lag behind.
    pub fn spare_slots(frame_bytes: usize) -> u32 {
        let (least, most) = SPARE_SLOTS;
        // It is at most 8.
        (SPARE_BYTES / frame_bytes.max(1)).clamp(least, most) as u32
    }
}

/// A stream to be recorded.
pub struct StreamSubject {
    /// Its name in the graph.
    pub name: String,
    /// The stream itself.
    pub stream: Arc<Stream>,
}

/// A stage whose calls are recorded.
pub struct StageSubject {
    /// Its name.
    pub name: String,
    /// The kind of its kernel.
    pub kind: String,
    /// The digest of its module, in hexadecimal digits.
    pub sha256: String,
    /// The names of the streams that it reads: triggers, then auxiliary inputs.
    pub inputs: Vec<String>,
    /// Those that it writes.
    pub outputs: Vec<String>,
    /// Its state arrays, by alias.
    pub state: Vec<(String, ArrayType)>,
    /// What its lane notes.
    pub queue: CallQueue,
    /// Its state arrays themselves.
    pub watch: StateWatch,
}

/// The recorder's thread, and with it the writer's.
pub struct Recorder {
    names: Vec<String>,
    finishing: Arc<AtomicBool>,
    taker: JoinHandle<Taker>,
}

impl Recorder {
    /// Starts to record, from the oldest frame on that is still in the rings. Each of the threads calls `prepare` first, for what the
    /// system is to know of it.
    ///
    /// # Errors
    /// The disk is full, or the system refuses a thread or a place among the readers.
    pub fn start(
        options: RecordingOptions,
        streams: Vec<StreamSubject>,
        stages: Vec<StageSubject>,
        prepare: impl Fn() + Clone + Send + 'static,
    ) -> anyhow::Result<Recorder> {
        let mut channels = Vec::new();
        let mut names = Vec::with_capacity(streams.len());
        let mut at_work = Vec::with_capacity(streams.len());
        for StreamSubject { name, stream } in streams {
            let (intake, first) = match options.lossless {
                true => {
                    let mut reader = stream.reader(Delivery::Every)?;
                    let first = reader.newest();
                    (Intake::Every(reader), first)
                }
                false => (Intake::Tap(stream.tap()), None),
            };
            at_work.push(StreamAtWork {
                channel: channels.len(),
                bytes: stream.bytes(),
                spare: RecordingOptions::spare_slots(stream.bytes()) as usize,
                intake,
                first,
                damaged: 0,
            });
            channels.push(ChannelAbout {
                metadata: stream_metadata(&name, stream.array()),
                topic: name.clone(),
                encoding: FRAMES,
            });
            names.push(name);
        }
        let stages = stages.into_iter();
        let stages: Vec<_> = stages
            .map(|stage| add_stage(stage, &mut channels))
            .collect();

        let no_memory = "there is no memory to record with";
        let states = stages.iter().filter_map(|stage| stage.state.as_ref());
        let states = states.map(|(_, watch)| WORD + watch.bytes());
        let state = zeros(states.max().unwrap_or(0)).context(no_memory)?;
        let calls = stages.iter().map(|stage| stage.queue.record_bytes());
        let mut batch = Vec::new();
        batch
            .try_reserve_exact(BATCH * calls.max().unwrap_or(0))
            .context(no_memory)?;

        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ns = unix.map_or(0, |since| since.as_nanos() as u64);
        let mut about = options.about;
        about.insert("created_ns".to_owned(), unix_ns.to_string());
        let begin = Beginning {
            pipeline: &options.pipeline,
            about,
            channels,
            unix_ns,
        };
        let writer = RecordingWriter::new(options.file, options.memory, begin, prepare.clone())
            .context("the recording cannot be written")?;

        let finishing = Arc::new(AtomicBool::new(false));
        let taker = Taker {
            streams: at_work,
            stages,
            writer,
            calls: batch,
            state,
            epoch_ns: unix_ns.wrapping_sub(now_ns()),
            finishing: Arc::clone(&finishing),
        };
        let taker = Builder::new().name("recorder".to_owned()).spawn(move || {
            prepare();
            taker.run()
        });
        Ok(Recorder {
            names,
            finishing,
            taker: taker.context("cannot start the thread of the recorder")?,
        })
    }

    /// Takes what is left, once nobody publishes any more, completes the file, and says what is in it.
    pub fn finish(self) -> RecordingReport {
        self.finishing.store(true, Ordering::Release);
        let Ok(taker) = self.taker.join() else {
            return RecordingReport {
                streams: Vec::new(),
                lost_calls: 0,
                bytes: 0,
                failure: Some("its thread panicked; this is a defect of sandpipe".to_owned()),
            };
        };
        let lost: Vec<u64> = taker.streams.iter().map(StreamAtWork::lost).collect();
        let lost_calls: u64 = taker.stages.iter().map(|stage| stage.queue.lost()).sum();
        let mut end: BTreeMap<String, String> =
            [("lost calls".to_owned(), lost_calls.to_string())].into();
        for (name, lost) in self.names.iter().zip(&lost) {
            end.insert(format!("dropped {name}"), lost.to_string());
        }
        let outcome = taker.writer.finish(end);
        let count = |counts: &[u64], place: usize| counts.get(place).copied().unwrap_or(0);
        let streams = self.names.into_iter().enumerate();
        RecordingReport {
            streams: streams
                .map(|(place, name)| {
                    let recorded = count(&outcome.written, place);
                    let dropped = count(&lost, place) + count(&outcome.discarded, place);
                    (name, RecordedStreamReport { recorded, dropped })
                })
                .collect(),
            lost_calls,
            bytes: outcome.bytes,
            failure: outcome.failure,
        }
    }
}

fn add_stage(stage: StageSubject, channels: &mut Vec<ChannelAbout>) -> StageAtWork {
    let state = stage.state.into_iter();
    let about = StageAbout {
        kind: stage.kind,
        sha256: stage.sha256,
        inputs: stage.inputs,
        outputs: stage.outputs,
        state: state
            .map(|(alias, array)| StateAbout { alias, array })
            .collect(),
        name: stage.name,
    };
    let mut add = |what, encoding| {
        channels.push(ChannelAbout {
            topic: format!("{} {what}", about.name),
            encoding,
            metadata: stage_metadata(&about),
        });
        channels.len() - 1
    };
    let calls = add("calls", CALLS);
    let state = (stage.watch.bytes() > 0).then(|| (add("state", STATE), stage.watch));
    StageAtWork {
        calls,
        queue: stage.queue,
        state,
    }
}
