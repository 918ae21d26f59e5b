//! Records a run from beside it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use super::calls::{CallQueue, StateWatch};
use super::format::{
    CALLS, FRAMES, FrameHeader, STATE, StageAbout, StateAbout, WORD, stage_metadata,
    stream_metadata,
};
use super::pool::Pool;
use super::taker::{BATCH, Intake, StageAtWork, StreamAtWork, Taker};
use super::writer::{ChannelAbout, Outcome, RecordingWriter};
use crate::array::ArrayType;
use crate::config::StreamIndex;
use crate::report::{RecordedStreamReport, RecordingReport};
use crate::stream::{Delivery, Stream, now_ns};

/// Buffers of one stream, at most.
const MOST_BUFFERS: usize = 4096;
/// Messages with calls of one stage that may be on their way.
const CALL_BUFFERS: usize = 8;
/// Slots that a stream which is recorded has beside its own: for so many bytes, ...
const SPARE_BYTES: usize = 4 << 20;
/// ... but not fewer or more than these.
const SPARE_SLOTS: (usize, usize) = (4, 64);

/// What is recorded of a run, and where to.
#[derive(Clone, Debug)]
pub struct RecordingOptions {
    /// An empty file.
    pub file: Arc<File>,
    /// Whose frames are recorded.
    pub streams: Vec<StreamIndex>,
    /// Whether producers wait for the recorder, rather than frames being lost.
    pub lossless: bool,
    /// Bytes for frames that are on their way into the file. Each stream has at least one buffer.
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
        // It is at most 64.
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

/// The threads that record a run.
pub struct Recorder {
    names: Vec<String>,
    finishing: Arc<AtomicBool>,
    taker: JoinHandle<Taker>,
    writer: JoinHandle<Outcome>,
    end: Sender<BTreeMap<String, String>>,
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
        let mut shelves = Vec::new();
        // As many frames of each: they come at the same rate, or nearly.
        let each = streams
            .iter()
            .map(|one| FrameHeader::BYTES + one.stream.bytes());
        let buffers = options.memory as usize / each.sum::<usize>().max(1);
        let buffers = buffers.clamp(1, MOST_BUFFERS);
        let mut names = Vec::with_capacity(streams.len());
        let mut at_work = Vec::with_capacity(streams.len());
        for StreamSubject { name, stream } in streams {
            shelves.push((FrameHeader::BYTES + stream.bytes(), buffers));
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
                intake,
                first,
                dropped: 0,
            });
            channels.push(ChannelAbout {
                metadata: stream_metadata(&name, stream.array()),
                topic: name.clone(),
                encoding: FRAMES,
            });
            names.push(name);
        }
        let mut stages_at_work = Vec::with_capacity(stages.len());
        for stage in stages {
            stages_at_work.push(add_stage(stage, &mut channels, &mut shelves));
        }

        let all = shelves.iter().map(|(_, most)| most).sum();
        let (back, to_use) = channel();
        let pool =
            Pool::new(shelves.into_iter(), to_use).context("there is no memory to record with")?;

        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ns = unix.map_or(0, |since| since.as_nanos() as u64);
        let epoch_ns = unix_ns.wrapping_sub(now_ns());
        let mut about = options.about;
        about.insert("created_ns".to_owned(), unix_ns.to_string());
        let writer =
            RecordingWriter::new(options.file, &options.pipeline, about, channels, unix_ns)
                .context("the recording cannot be written")?;

        let (items, to_write) = sync_channel(all);
        let (end, ended) = channel();
        let finishing = Arc::new(AtomicBool::new(false));
        let taker = Taker {
            streams: at_work,
            stages: stages_at_work,
            pool,
            items,
            epoch_ns,
            finishing: Arc::clone(&finishing),
        };
        let thread = |name: &str| Builder::new().name(name.to_owned());
        let prepare_writer = prepare.clone();
        let writer = thread("recording").spawn(move || {
            prepare_writer();
            writer.run(&to_write, &back, &ended)
        });
        let writer = writer.context("cannot start the thread that writes the recording")?;
        let taker = thread("recorder").spawn(move || {
            prepare();
            taker.run()
        });
        Ok(Recorder {
            names,
            finishing,
            taker: taker.context("cannot start the thread of the recorder")?,
            writer,
            end,
        })
    }

    /// Takes what is left, once nobody publishes any more, completes the file, and says what is in it.
    pub fn finish(self) -> RecordingReport {
        self.finishing.store(true, Ordering::Release);
        let taker = self.taker.join();
        let (mut lost, mut lost_calls) = (Vec::new(), 0);
        if let Ok(taker) = taker {
            lost = taker.streams.iter().map(StreamAtWork::lost).collect();
            lost_calls = taker.stages.iter().map(|stage| stage.queue.lost()).sum();
            // Dropped here, with the sender of what is to be written.
        }
        let mut end: BTreeMap<String, String> =
            [("lost calls".to_owned(), lost_calls.to_string())].into();
        for (name, lost) in self.names.iter().zip(&lost) {
            end.insert(format!("dropped {name}"), lost.to_string());
        }
        // The writer's thread waits for it.
        let _ = self.end.send(end);
        let outcome = self.writer.join().unwrap_or_else(|_| Outcome {
            written: Vec::new(),
            discarded: Vec::new(),
            bytes: 0,
            failure: Some("its thread panicked; this is a defect of sandpipe".to_owned()),
        });
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

fn add_stage(
    stage: StageSubject,
    channels: &mut Vec<ChannelAbout>,
    shelves: &mut Vec<(usize, usize)>,
) -> StageAtWork {
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
    let mut add = |what, encoding, bytes, buffers| {
        channels.push(ChannelAbout {
            topic: format!("{} {what}", about.name),
            encoding,
            metadata: stage_metadata(&about),
        });
        shelves.push((bytes, buffers));
        channels.len() - 1
    };
    let bytes = BATCH * stage.queue.record_bytes();
    let calls = add("calls", CALLS, bytes, CALL_BUFFERS);
    let bytes = stage.watch.bytes();
    let state = (bytes > 0).then(|| (add("state", STATE, WORD + bytes, 1), stage.watch));
    StageAtWork {
        calls,
        queue: stage.queue,
        state,
    }
}
