//! Frames by stream and sequence: out of the recording, or those that were computed again.

use std::collections::BTreeMap;

use crate::recording::{Recording, RecordingError};

/// Bytes of frames that are kept of streams which were not recorded.
const MOST_BYTES: usize = 1 << 30;

/// The frames of a pipeline's streams.
pub(super) struct Frames<'a> {
    recording: &'a Recording,
    streams: Vec<StreamFrames>,
    kept_bytes: usize,
}

struct StreamFrames {
    /// Its index in the recording, if it was recorded.
    recorded: Option<usize>,
    /// By sequence: what may still be asked for of a stream that was not recorded.
    kept: BTreeMap<u64, Vec<u8>>,
    /// For each stage that reads it, the last sequence that it asked for.
    readers: Vec<u64>,
}

/// Who asks for the frames of a stream: its place among those who do.
pub(super) type Reader = usize;

impl<'a> Frames<'a> {
    /// `streams`: for each stream of the pipeline, its index in the recording.
    pub fn new(recording: &'a Recording, streams: Vec<Option<usize>>) -> Frames<'a> {
        let stream = |recorded| StreamFrames {
            recorded,
            kept: BTreeMap::new(),
            readers: Vec::new(),
        };
        Frames {
            recording,
            streams: streams.into_iter().map(stream).collect(),
            kept_bytes: 0,
        }
    }

    /// From now on, what is computed of this stream is kept for one more reader.
    pub fn reader(&mut self, stream: usize) -> Reader {
        self.streams[stream].readers.push(0);
        self.streams[stream].readers.len() - 1
    }

    pub fn is_recorded(&self, stream: usize) -> bool {
        self.streams[stream].recorded.is_some()
    }

    /// Copies a frame, if it is known.
    pub fn copy(
        &self,
        stream: usize,
        sequence: u64,
        into: &mut [u8],
    ) -> Result<bool, RecordingError> {
        let StreamFrames { recorded, kept, .. } = &self.streams[stream];
        if sequence == 0 {
            // Before the first publication a stream shows zeros.
            into.fill(0);
            return Ok(true);
        }
        if let Some(recorded) = recorded {
            let Some(frame) = self.recording.streams[*recorded].frame(sequence) else {
                return Ok(false);
            };
            return self.recording.read_frame(frame, into).map(|()| true);
        }
        let frame = kept
            .get(&sequence)
            .filter(|frame| frame.len() == into.len());
        if let Some(frame) = frame {
            into.copy_from_slice(frame);
        }
        Ok(frame.is_some())
    }

    /// Says that a reader will ask for nothing older any more.
    pub fn passed(&mut self, stream: usize, reader: Reader, sequence: u64) {
        let stream = &mut self.streams[stream];
        if let Some(last) = stream.readers.get_mut(reader) {
            *last = sequence.max(*last);
        }
        let oldest = stream.readers.iter().min().copied().unwrap_or(u64::MAX);
        while let Some(frame) = stream.kept.first_entry()
            && *frame.key() < oldest
        {
            self.kept_bytes -= frame.remove().len();
        }
    }

    /// Keeps what was computed, if it may be asked for. False if there is too much of it.
    pub fn keep(&mut self, stream: usize, sequence: u64, frame: &[u8]) -> bool {
        let stream = &mut self.streams[stream];
        if stream.recorded.is_some() || stream.readers.is_empty() {
            return true;
        }
        if self.kept_bytes + frame.len() > MOST_BYTES {
            return false;
        }
        let before = stream.kept.insert(sequence, frame.to_vec());
        self.kept_bytes += frame.len();
        self.kept_bytes -= before.map_or(0, |frame| frame.len());
        true
    }
}
