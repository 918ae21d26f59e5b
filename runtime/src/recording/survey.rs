//! What is found in a recording when all of it is read.

use std::collections::{BTreeMap, HashMap};

use mcap::parse_record;
use mcap::records::{Channel, ChunkHeader, Record, op};

use super::file::{Batch, FrameEntry, RecordedStage, RecordedStream, Snapshot};
use super::format::{
    ABOUT, CALLS, END, FRAMES, FrameHeader, STATE, StageAbout, read_stage_metadata,
    read_stream_metadata, words,
};
use super::lengths;
use super::records::{RECORD_HEAD, RecordPlace, RecordingError, Records, in_chunk};

/// What is wrong with a record that says so.
const BEYOND: &str = "a text in a record is longer than the record";
/// Before what a message holds: a channel, a sequence, two times.
const MESSAGE_HEAD: usize = 22;
/// Before the records of a chunk without compression: two times, a size, a checksum, an empty name, a length.
const CHUNK_HEAD: usize = 40;

/// What the messages of a channel are.
#[derive(Clone, Copy)]
enum Content {
    Frames(usize),
    Calls(usize),
    State(usize),
}

/// What has been found so far.
#[derive(Default)]
pub(super) struct Survey {
    pub about: BTreeMap<String, String>,
    pub end: BTreeMap<String, String>,
    channels: HashMap<u16, Content>,
    pub streams: Vec<RecordedStream>,
    pub stages: Vec<RecordedStage>,
}

impl Survey {
    /// Takes note of a record of the file.
    pub fn record(&mut self, records: &Records, place: RecordPlace) -> Result<(), RecordingError> {
        // Attachments and indexes are for other readers.
        if !matches!(place.opcode, op::CHUNK | op::METADATA) {
            return Ok(());
        }
        let damaged = |why: &str| records.damaged(place.at, why);
        if !lengths::are_within(place.opcode, records.body()) {
            return Err(damaged(BEYOND));
        }
        let parsed = parse_record(place.opcode, records.body());
        match parsed.map_err(|error| damaged(&error.to_string()))? {
            Record::Chunk { header, data } => {
                check(&header, &data).map_err(|why| damaged(&why))?;
                let begin = place.body() + CHUNK_HEAD as u64;
                for record in in_chunk(&data) {
                    let (within, opcode, body) =
                        record.ok_or_else(|| damaged("a record reaches beyond its chunk"))?;
                    let at = begin + (within + RECORD_HEAD) as u64;
                    let taken = self.in_chunk(opcode, at, body);
                    taken.map_err(|why| damaged(&why))?;
                }
            }
            Record::Metadata(found) => match found.name.as_str() {
                ABOUT => self.about = found.metadata,
                END => self.end = found.metadata,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn in_chunk(&mut self, opcode: u8, at: u64, body: &[u8]) -> Result<(), String> {
        if !matches!(opcode, op::CHANNEL | op::MESSAGE) {
            return Ok(());
        }
        if !lengths::are_within(opcode, body) {
            return Err(BEYOND.to_owned());
        }
        match parse_record(opcode, body).map_err(|error| error.to_string())? {
            Record::Channel(channel) => self.channel(&channel)?,
            Record::Message { header, data } => {
                self.message(header.channel_id, at + MESSAGE_HEAD as u64, &data)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn channel(&mut self, channel: &Channel) -> Result<(), &'static str> {
        if self.channels.contains_key(&channel.id) {
            return Ok(());
        }
        let content = match channel.message_encoding.as_str() {
            FRAMES => {
                let (name, array) = read_stream_metadata(&channel.metadata)
                    .ok_or("a channel does not say which stream it is of")?;
                if self.streams.iter().any(|stream| stream.name == name) {
                    return Err("two channels are of the same stream");
                }
                self.streams.push(RecordedStream {
                    name,
                    array,
                    frames: Vec::new(),
                });
                Content::Frames(self.streams.len() - 1)
            }
            encoding @ (CALLS | STATE) => {
                let about = read_stage_metadata(&channel.metadata)
                    .ok_or("a channel does not say which stage it is of")?;
                let stage = self.stage(about);
                match encoding {
                    CALLS => Content::Calls(stage),
                    _ => Content::State(stage),
                }
            }
            // Of somebody else's.
            _ => return Ok(()),
        };
        self.channels.insert(channel.id, content);
        Ok(())
    }

    /// The index of a stage, which is added when it is met first.
    fn stage(&mut self, about: StageAbout) -> usize {
        let known = self
            .stages
            .iter()
            .position(|stage| stage.name == about.name);
        known.unwrap_or_else(|| {
            let state = about.state.into_iter();
            self.stages.push(RecordedStage {
                name: about.name,
                kind: about.kind,
                sha256: about.sha256,
                inputs: about.inputs,
                outputs: about.outputs,
                state: state.map(|state| (state.alias, state.array)).collect(),
                batches: Vec::new(),
                snapshots: Vec::new(),
            });
            self.stages.len() - 1
        })
    }

    fn message(&mut self, channel: u16, offset: u64, data: &[u8]) -> Result<(), &'static str> {
        match self.channels.get(&channel) {
            None => {}
            Some(Content::Frames(stream)) => {
                let stream = &mut self.streams[*stream];
                let bytes = stream.array.bytes();
                let wanted = bytes.and_then(|bytes| bytes.checked_add(FrameHeader::BYTES));
                let frame = FrameHeader::read(data).filter(|_| wanted == Some(data.len()));
                let frame = frame.ok_or("a frame has not the size of its stream's")?;
                stream.frames.push(FrameEntry {
                    sequence: frame.sequence,
                    frame_id: frame.frame_id,
                    published_ns: frame.published_ns,
                    mark: frame.mark,
                    offset,
                });
            }
            Some(Content::Calls(stage)) => {
                let stage = &mut self.stages[*stage];
                if !data.len().is_multiple_of(stage.call_bytes()) {
                    return Err("the calls of a stage have not the size that they should have");
                }
                stage.batches.push(Batch {
                    offset,
                    bytes: data.len(),
                });
            }
            Some(Content::State(stage)) => {
                let stage = &mut self.stages[*stage];
                if stage.state_bytes() != Some(data.len()) {
                    return Err("the state of a stage has not the size that it should have");
                }
                stage.snapshots.push(Snapshot {
                    after: words(data).next().unwrap_or(0),
                    offset,
                });
            }
        }
        Ok(())
    }
}

/// Whether the records of a chunk are what was written.
fn check(chunk: &ChunkHeader, records: &[u8]) -> Result<(), String> {
    if !chunk.compression.is_empty() {
        return Err(format!(
            "a chunk is compressed ({}); write the file again without compression, for example with \
             `mcap compress --compression none`",
            chunk
                .compression
                .escape_debug()
                .take(20)
                .collect::<String>()
        ));
    }
    let found = crc32fast::hash(records);
    if chunk.uncompressed_crc != 0 && chunk.uncompressed_crc != found {
        return Err(format!(
            "the checksum of a chunk is {found:08x}, and not {:08x} as when it was written",
            chunk.uncompressed_crc
        ));
    }
    Ok(())
}
