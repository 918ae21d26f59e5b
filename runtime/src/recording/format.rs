//! What lies in the messages of a recording. All numbers are little-endian.
//!
//! | encoding | a message is |
//! |---|---|
//! | `sandpipe.frame/1` | a [`FrameHeader`] of 40 bytes, then the frame, C order |
//! | `sandpipe.call/1` | calls of one stage, each of 4 + inputs + outputs words of 64 bits: see [`Call`] |
//! | `sandpipe.state/1` | a word: after how many fresh calls; then the stage's state arrays, one behind the other |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::array::ArrayType;
use crate::stream::{Frame, Mark};

/// How the messages of a stream are encoded.
pub(super) const FRAMES: &str = "sandpipe.frame/1";
/// How those of a stage's calls are.
pub(super) const CALLS: &str = "sandpipe.call/1";
/// How those of a stage's state are.
pub(super) const STATE: &str = "sandpipe.state/1";

/// Who wrote the file.
pub(super) const LIBRARY: &str = concat!("sandpipe ", env!("CARGO_PKG_VERSION"));
/// The name of the record that says what was recorded.
pub(super) const ABOUT: &str = "sandpipe";
/// The name of the record that says what came of it; missing where the recording was cut off.
pub(super) const END: &str = "sandpipe.end";
/// The name of the attachment with the pipeline's text.
pub(super) const PIPELINE: &str = "pipeline.yaml";

/// Words of a call before those of its inputs and outputs.
pub(super) const CALL_HEAD: usize = 4;
/// Bytes of a word.
pub(super) const WORD: usize = 8;

/// What stands before a frame's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub sequence: u64,
    pub frame_id: u64,
    /// In nanoseconds of the recording machine's CLOCK_MONOTONIC.
    pub published_ns: u64,
    pub origin_ns: u64,
    pub mark: Mark,
}

impl FrameHeader {
    /// Four words, the mark as half a word, and half a word of zeros.
    pub const BYTES: usize = 40;

    pub fn of(frame: &Frame) -> FrameHeader {
        FrameHeader {
            sequence: frame.sequence,
            frame_id: frame.frame_id,
            published_ns: frame.published_ns,
            origin_ns: frame.origin_ns,
            mark: frame.mark,
        }
    }

    pub fn write(&self, to: &mut [u8]) {
        let words = [
            self.sequence,
            self.frame_id,
            self.published_ns,
            self.origin_ns,
            self.mark as u64,
        ];
        for (place, word) in to.chunks_exact_mut(WORD).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }

    pub fn read(from: &[u8]) -> Option<FrameHeader> {
        let mut words = words(from.get(..Self::BYTES)?);
        Some(FrameHeader {
            sequence: words.next()?,
            frame_id: words.next()?,
            published_ns: words.next()?,
            origin_ns: words.next()?,
            mark: Mark::from_word(words.next()? as u32),
        })
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It computed its outputs and committed its state.
    Fresh = 0,
    /// The last output was published again.
    Held = 1,
    /// The first trigger's frame was published.
    Bypassed = 2,
    /// Nothing was published.
    Dropped = 3,
}

impl Outcome {
    fn from_word(word: u64) -> Option<Outcome> {
        Some(match word {
            0 => Outcome::Fresh,
            1 => Outcome::Held,
            2 => Outcome::Bypassed,
            3 => Outcome::Dropped,
            _ => return None,
        })
    }
}

/// A call, or a frame that was dealt with without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// How many calls of the stage have succeeded in the run, this one included.
    pub number: u64,
    /// When, in nanoseconds of the recording machine's CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// The frame id that the kernel was given.
    pub frame_id: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// The sequence of each input's frame: triggers, then auxiliary inputs. 0: nothing had been published, so zeros.
    pub inputs: Vec<u64>,
    /// The sequence of what was published on each output; 0: nothing.
    pub outputs: Vec<u64>,
}

impl Call {
    /// From the words of a message.
    pub(super) fn read(from: &[u8], inputs: usize, outputs: usize) -> Option<Call> {
        let mut words = words(from);
        Some(Call {
            number: words.next()?,
            at_ns: words.next()?,
            frame_id: words.next()?,
            outcome: Outcome::from_word(words.next()?)?,
            inputs: words.by_ref().take(inputs).collect(),
            outputs: words.take(outputs).collect(),
        })
    }
}

/// The words in these bytes; what is left over is left out.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let word = |word: &[u8]| u64::from_le_bytes(word.try_into().unwrap_or_default());
    bytes.chunks_exact(WORD).map(word)
}

/// What the metadata of a stage's channel says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StageAbout {
    pub name: String,
    pub kind: String,
    /// Of its module.
    pub sha256: String,
    /// The streams that it reads: triggers, then auxiliary inputs.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub state: Vec<StateAbout>,
}

/// One state array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateAbout {
    pub alias: String,
    pub array: ArrayType,
}

/// The metadata of a stream's channel.
pub(super) fn stream_metadata(name: &str, array: &ArrayType) -> BTreeMap<String, String> {
    let shape: Vec<String> = array.shape.iter().map(u32::to_string).collect();
    [
        ("stream", name.to_owned()),
        ("dtype", array.dtype.numpy_name().to_owned()),
        ("shape", shape.join(",")),
        ("offset", FrameHeader::BYTES.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What is said there.
pub(super) fn read_stream_metadata(
    metadata: &BTreeMap<String, String>,
) -> Option<(String, ArrayType)> {
    let shape = metadata.get("shape")?.split(',');
    let array = ArrayType {
        dtype: crate::array::Dtype::from_numpy(metadata.get("dtype")?)?,
        shape: shape
            .map(|extent| extent.parse().ok())
            .collect::<Option<_>>()?,
    };
    Some((metadata.get("stream")?.clone(), array))
}

/// The metadata of a stage's channels.
pub(super) fn stage_metadata(about: &StageAbout) -> BTreeMap<String, String> {
    // It is made of strings and numbers, of which there is always JSON.
    let json = serde_json::to_string(about).unwrap_or_default();
    [("stage".to_owned(), json)].into()
}

/// What is said there.
pub(super) fn read_stage_metadata(metadata: &BTreeMap<String, String>) -> Option<StageAbout> {
    serde_json::from_str(metadata.get("stage")?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::array::Dtype;

    #[test]
    fn what_is_written_is_read() {
        let header = FrameHeader {
            sequence: 7,
            frame_id: 1 << 40,
            published_ns: 3,
            origin_ns: 2,
            mark: Mark::Bypassed,
        };
        let mut bytes = [0xff; FrameHeader::BYTES];
        header.write(&mut bytes);
        assert_eq!(FrameHeader::read(&bytes), Some(header));
        assert_eq!(FrameHeader::read(&bytes[1..]), None);

        let array = ArrayType {
            dtype: Dtype::U16,
            shape: vec![3, 4],
        };
        let metadata = stream_metadata("camera", &array);
        assert_eq!(metadata["shape"], "3,4");
        assert_eq!(
            read_stream_metadata(&metadata),
            Some(("camera".to_owned(), array))
        );
    }

    #[test]
    fn a_call_of_no_known_outcome_is_none() {
        let bytes = |words: &[u64]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_le_bytes()).collect()
        };
        let call = Call::read(&bytes(&[5, 1, 9, 1, 10, 11, 12]), 2, 1).unwrap();
        assert_eq!((call.number, call.outcome), (5, Outcome::Held));
        assert_eq!((call.inputs, call.outputs), (vec![10, 11], vec![12]));
        assert_eq!(Call::read(&bytes(&[5, 1, 9, 4, 10]), 1, 0), None);
        assert_eq!(Call::read(&bytes(&[5, 1, 9]), 0, 0), None);
    }
}
