//! A recording that has been checked: what is in it, and where.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mcap::records::op;

use super::format::{CALL_HEAD, Call, FrameHeader, WORD};
use super::records::{Next, RecordingError, Records};
use super::survey::Survey;
use crate::array::ArrayType;
use crate::stream::Mark;

/// A recording, as far as it was written.
pub struct Recording {
    path: PathBuf,
    file: File,
    /// What is said about the run that was recorded.
    pub about: BTreeMap<String, String>,
    /// Where the file was cut off, if it was: the run was killed, or the disk was full.
    pub cut_at: Option<u64>,
    /// What was lost, by name; known only where the recording was completed.
    pub lost: BTreeMap<String, String>,
    /// The streams that were recorded.
    pub streams: Vec<RecordedStream>,
    /// The stages of the pipeline.
    pub stages: Vec<RecordedStage>,
}

/// A stream in a recording.
#[derive(Debug)]
pub struct RecordedStream {
    /// Its name in the graph.
    pub name: String,
    /// Dtype and shape of its frames.
    pub array: ArrayType,
    /// By sequence.
    pub frames: Vec<FrameEntry>,
}

impl RecordedStream {
    /// The frame of a sequence, if it was recorded.
    pub fn frame(&self, sequence: u64) -> Option<&FrameEntry> {
        let found = self
            .frames
            .binary_search_by_key(&sequence, |frame| frame.sequence);
        self.frames.get(found.ok()?)
    }
}

/// A recorded frame, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub struct FrameEntry {
    /// Which publication of the stream it was, from 1.
    pub sequence: u64,
    /// Its number.
    pub frame_id: u64,
    /// When it was published, in nanoseconds of the recording machine's CLOCK_MONOTONIC.
    pub published_ns: u64,
    /// Whether it stands for another.
    pub mark: Mark,
    pub(super) offset: u64,
}

/// A stage in a recording.
#[derive(Debug)]
pub struct RecordedStage {
    /// Its name.
    pub name: String,
    /// The kind of its kernel.
    pub kind: String,
    /// The digest of its module, in hexadecimal digits.
    pub sha256: String,
    /// The streams that it read: triggers, then auxiliary inputs.
    pub inputs: Vec<String>,
    /// Those that it wrote.
    pub outputs: Vec<String>,
    /// Its state arrays, by alias.
    pub state: Vec<(String, ArrayType)>,
    /// Its calls, in order.
    pub batches: Vec<Batch>,
    /// Its state at times, in order.
    pub snapshots: Vec<Snapshot>,
}

/// Some calls that follow one another.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// The state of a stage at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// After so many successful calls.
    pub after: u64,
    pub(super) offset: u64,
}

impl Recording {
    /// Opens a recording and reads all of it, to know what is in it and that it is what was written. No frame and no state of a
    /// stage has more than `largest` bytes. `progress` is told how many bytes have been read, and of how many.
    ///
    /// # Errors
    /// It is no recording, or damaged. One that was cut off is readable up to there.
    pub fn open(
        path: &Path,
        largest: u64,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Recording, RecordingError> {
        let mut records = Records::open(path, largest)?;
        let mut survey = Survey::default();
        let cut_at = loop {
            match records.next()? {
                Next::Record(place) => survey.record(&records, place)?,
                Next::Cut(at) => break Some(at),
                Next::End => break None,
            }
            let (read, all) = records.progress();
            progress(read, all);
        };
        if survey.streams.is_empty() && survey.stages.is_empty() {
            return Err(RecordingError::Foreign {
                path: path.to_owned(),
                why: "there are no frames of sandpipe's in it".to_owned(),
            });
        }
        for stream in &mut survey.streams {
            stream.frames.sort_by_key(|frame| frame.sequence);
            stream.frames.dedup_by_key(|frame| frame.sequence);
        }
        for stage in &mut survey.stages {
            stage.snapshots.sort_by_key(|snapshot| snapshot.after);
        }
        Ok(Recording {
            path: path.to_owned(),
            file: records.into_file(),
            about: survey.about,
            cut_at,
            lost: survey.end,
            streams: survey.streams,
            stages: survey.stages,
        })
    }

    /// What a recording says about its run, without a look at the rest of it; nothing where it was cut off before.
    ///
    /// # Errors
    /// It is no recording, or damaged.
    pub fn about(path: &Path) -> Result<BTreeMap<String, String>, RecordingError> {
        let mut records = Records::open(path, 0)?;
        let mut survey = Survey::default();
        while let Next::Record(place) = records.next()? {
            if place.opcode == op::METADATA {
                survey.record(&records, place)?;
                break;
            }
        }
        Ok(survey.about)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stream of this name.
    pub fn stream(&self, name: &str) -> Option<&RecordedStream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// Reads the bytes of a frame of the stream that `frame` is of.
    ///
    /// # Errors
    /// The file is gone, or has become shorter.
    pub fn read_frame(&self, frame: &FrameEntry, into: &mut [u8]) -> Result<(), RecordingError> {
        self.read_at(into, frame.offset + FrameHeader::BYTES as u64)
    }

    /// Reads some calls of a stage.
    ///
    /// # Errors
    /// As [`Recording::read_frame`]; or what is there are no calls.
    pub fn read_calls(
        &self,
        stage: &RecordedStage,
        batch: &Batch,
    ) -> Result<Vec<Call>, RecordingError> {
        let mut bytes = vec![0; batch.bytes];
        self.read_at(&mut bytes, batch.offset)?;
        let (inputs, outputs) = (stage.inputs.len(), stage.outputs.len());
        let calls = bytes.chunks_exact(stage.call_bytes());
        calls
            .map(|call| Call::read(call, inputs, outputs))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| RecordingError::Damaged {
                path: self.path.clone(),
                at: batch.offset,
                why: format!("there are no calls of stage '{}'", stage.name),
            })
    }

    /// Reads the state arrays of a stage at one moment.
    ///
    /// # Errors
    /// As [`Recording::read_frame`].
    pub fn read_state(
        &self,
        stage: &RecordedStage,
        snapshot: &Snapshot,
    ) -> Result<Vec<Vec<u8>>, RecordingError> {
        let mut at = snapshot.offset + WORD as u64;
        let arrays = stage.state.iter().map(|(_, array)| {
            let mut bytes = vec![0; array.bytes().unwrap_or(0)];
            self.read_at(&mut bytes, at)?;
            at += bytes.len() as u64;
            Ok(bytes)
        });
        arrays.collect()
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> Result<(), RecordingError> {
        let system = |error| RecordingError::System {
            path: self.path.clone(),
            error,
        };
        self.file.read_exact_at(into, at).map_err(system)
    }
}

impl RecordedStage {
    /// Calls that were recorded.
    pub fn calls(&self) -> u64 {
        let bytes: usize = self.batches.iter().map(|batch| batch.bytes).sum();
        (bytes / self.call_bytes()) as u64
    }

    /// Its state after so many calls, if that was kept.
    pub fn snapshot(&self, after: u64) -> Option<&Snapshot> {
        let found = self
            .snapshots
            .binary_search_by_key(&after, |snapshot| snapshot.after);
        self.snapshots.get(found.ok()?)
    }

    pub(super) fn call_bytes(&self) -> usize {
        (CALL_HEAD + self.inputs.len() + self.outputs.len()) * WORD
    }

    pub(super) fn state_bytes(&self) -> Option<usize> {
        let mut arrays = self.state.iter().map(|(_, array)| array.bytes());
        arrays.try_fold(WORD, |sum, bytes| sum.checked_add(bytes?))
    }
}
