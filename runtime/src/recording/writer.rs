//! Makes chunks of messages, and the file of chunks.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use mcap::records::{AttachmentHeader, MessageHeader};

use super::block::{BlockWriter, Progress};
use super::container::{Container, Map, Pieces};
use super::disk::Disk;
use super::format::{ABOUT, END, PIPELINE};

/// A chunk is complete when it has so many bytes, ...
const CHUNK_BYTES: usize = 2 << 20;
/// ... or its first message is so old. What is in a chunk that has not been written is lost when the process is killed.
const CHUNK_TIME: Duration = Duration::from_secs(1);
/// What there is to say where the thread that writes has ended by itself.
const PANICKED: &str = "the thread that writes it panicked; this is a defect of sandpipe";
/// How often it is looked whether the beginning of the file has been written.
const PAUSE: Duration = Duration::from_micros(200);

/// A channel to be.
pub(super) struct ChannelAbout {
    pub topic: String,
    pub encoding: &'static str,
    pub metadata: Map,
}

/// What stands before the first message.
pub(super) struct Beginning<'a> {
    /// The text of the pipeline.
    pub pipeline: &'a [u8],
    /// What is said about the run.
    pub about: Map,
    pub channels: Vec<ChannelAbout>,
    /// When it is, in nanoseconds since 1970.
    pub unix_ns: u64,
}

/// What is said about a message.
#[derive(Clone, Copy)]
pub(super) struct MessageAbout {
    /// The index of its channel.
    pub channel: usize,
    /// In nanoseconds since 1970.
    pub time_ns: u64,
    /// The low half of a frame's sequence.
    pub sequence: u32,
}

/// The end of a chunk.
struct Checkpoint {
    /// Where it is in the file.
    at: u64,
    /// Messages in each channel up to there.
    written: Vec<u64>,
}

/// Writes one recording.
pub(super) struct RecordingWriter {
    file: Arc<File>,
    /// None once something has failed: then what comes is let go.
    container: Option<Container>,
    progress: Arc<Progress>,
    thread: JoinHandle<()>,
    /// Messages in each channel, ...
    written: Vec<u64>,
    /// ... and those that came and are not.
    discarded: Vec<u64>,
    /// The last chunk that is in the file, and those that are not for certain.
    checkpoints: VecDeque<Checkpoint>,
    /// Counts to be used again.
    spare: Vec<Vec<u64>>,
    /// Bytes in the chunk that is being filled, ...
    filled: usize,
    /// ... and when it is due.
    due: Option<Instant>,
    /// What ended the recording early.
    failure: Option<String>,
}

/// What came of it.
pub(super) struct Outcome {
    /// Messages in each channel.
    pub written: Vec<u64>,
    /// Those that came and could not be written.
    pub discarded: Vec<u64>,
    pub bytes: u64,
    /// Why the recording ended before the run.
    pub failure: Option<String>,
}

impl RecordingWriter {
    /// Writes all that stands before the first message, with about so many bytes of `memory` for what is on its way. The thread that
    /// writes calls `prepare` first.
    ///
    /// # Errors
    /// The disk is full, or the system refuses the thread.
    pub fn new(
        file: Arc<File>,
        memory: u64,
        beginning: Beginning,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<RecordingWriter> {
        let progress = Arc::new(Progress::default());
        let (to_write, blocks) = channel();
        let (returned, back) = channel();
        let writer = BlockWriter::new(Arc::clone(&file), Arc::clone(&progress));
        let thread = Builder::new().name("recording".to_owned());
        let thread = thread.spawn(move || {
            prepare();
            writer.run(&blocks, &returned);
        })?;
        let disk = Disk::new(memory, to_write, back, Arc::clone(&progress));
        let mut container = Container::new(disk)?;
        container.add_metadata(ABOUT, beginning.about)?;
        let header = AttachmentHeader {
            log_time: beginning.unix_ns,
            create_time: beginning.unix_ns,
            name: PIPELINE.to_owned(),
            media_type: "application/yaml".to_owned(),
        };
        container.attach(header, beginning.pipeline)?;
        let none = vec![0; beginning.channels.len()];
        for ChannelAbout {
            topic,
            encoding,
            metadata,
        } in beginning.channels
        {
            container.add_channel(topic, encoding, metadata)?;
        }
        let mut writer = RecordingWriter {
            file,
            container: Some(container),
            progress,
            thread,
            written: none.clone(),
            discarded: none,
            checkpoints: VecDeque::new(),
            spare: Vec::new(),
            filled: 0,
            due: None,
            failure: None,
        };
        writer.begin()?;
        Ok(writer)
    }

    /// Waits until what has been written so far is in the file.
    fn begin(&mut self) -> io::Result<()> {
        if let Some(container) = &mut self.container {
            container.flush()?;
        }
        while self.progress.durable() < self.progress.settled() {
            if let Some(error) = self.progress.failure() {
                return Err(error);
            }
            if self.thread.is_finished() {
                return Err(io::Error::other(PANICKED));
            }
            thread::sleep(PAUSE);
        }
        self.check();
        Ok(())
    }

    /// Adds a message that is there.
    pub fn write(&mut self, message: MessageAbout, data: &[u8]) {
        self.fill(message, data.len(), |pieces| {
            let mut rest = data;
            for piece in pieces {
                let (now, later) = rest.split_at(piece.len());
                piece.copy_from_slice(now);
                rest = later;
            }
            true
        });
    }

    /// Adds a message of so many bytes, which `fill` fills in where it will lie in the file; if that returns false, it is left out after
    /// all. Waits for memory, if all is on its way to the disk.
    pub fn fill(
        &mut self,
        message: MessageAbout,
        bytes: usize,
        fill: impl FnOnce(&mut Pieces<'_>) -> bool,
    ) {
        let header = MessageHeader {
            // There are not more than `add_channel` has numbered.
            channel_id: message.channel as u16,
            sequence: message.sequence,
            log_time: message.time_ns,
            publish_time: message.time_ns,
        };
        let mut added = true;
        self.try_to(|container| {
            added = container.add_message(&header, bytes, fill)?;
            Ok(())
        });
        if !added {
            return;
        }
        let counts = match self.failure {
            None => &mut self.written,
            Some(_) => &mut self.discarded,
        };
        if let Some(count) = counts.get_mut(message.channel) {
            *count += 1;
        }
        self.filled += bytes;
        self.due.get_or_insert_with(|| Instant::now() + CHUNK_TIME);
        if self.filled >= CHUNK_BYTES {
            self.complete();
        }
    }

    /// Completes the chunk, if it is due.
    pub fn look(&mut self) {
        if self.due.is_some_and(|due| Instant::now() >= due) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        (self.filled, self.due) = (0, None);
        self.try_to(Container::complete);
        if self.failure.is_none() {
            self.check();
        }
    }

    /// Notes where a chunk ended, and forgets those that do not matter any more.
    fn check(&mut self) {
        let durable = self.progress.durable();
        while self
            .checkpoints
            .get(1)
            .is_some_and(|next| next.at <= durable)
        {
            let passed = self.checkpoints.pop_front();
            self.spare.extend(passed.map(|passed| passed.written));
        }
        let mut written = self.spare.pop().unwrap_or_default();
        written.clone_from(&self.written);
        self.checkpoints.push_back(Checkpoint {
            at: self.progress.settled(),
            written,
        });
    }

    /// Completes the file; `end` says what was lost.
    pub fn finish(mut self, end: Map) -> Outcome {
        self.try_to(|container| container.add_metadata(END, end));
        let finished = self.container.take().map(Container::finish);
        let failure = finished.and_then(|finished| finished.err());
        let panicked = self.thread.join().is_err();
        let failure = failure.or_else(|| self.progress.failure());
        let failure = failure.map(|error| error.to_string());
        let panicked = panicked.then(|| PANICKED.to_owned());
        let failure = self.failure.or(failure).or(panicked);
        if failure.is_some() {
            self.checkpoints
                .retain(|one| one.at <= self.progress.durable());
            if let Some(last) = self.checkpoints.back() {
                let counts = self.written.iter_mut().zip(&last.written);
                for ((written, durable), discarded) in counts.zip(&mut self.discarded) {
                    *discarded += *written - durable;
                    *written = *durable;
                }
                // What is behind it is no whole chunk. Where it cannot be taken off, readers stop there.
                let _ = self.file.set_len(last.at);
            }
        }
        Outcome {
            bytes: self.file.metadata().map_or(0, |about| about.len()),
            written: self.written,
            discarded: self.discarded,
            failure,
        }
    }

    fn try_to(&mut self, act: impl FnOnce(&mut Container) -> io::Result<()>) {
        let Some(container) = &mut self.container else {
            return;
        };
        if let Err(error) = act(container) {
            tracing::error!("the recording ends here, and the run goes on without it: {error}");
            self.failure = Some(error.to_string());
            self.container = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs;

    use super::*;

    fn about(topic: &str) -> ChannelAbout {
        ChannelAbout {
            topic: topic.to_owned(),
            encoding: "bytes",
            metadata: Map::from([("of".to_owned(), topic.to_owned())]),
        }
    }

    fn begin(file: File) -> RecordingWriter {
        let beginning = Beginning {
            pipeline: b"kernels: []",
            about: Map::from([("who".to_owned(), "a test".to_owned())]),
            channels: vec![about("small"), about("large"), about("silent")],
            unix_ns: 7,
        };
        RecordingWriter::new(Arc::new(file), 0, beginning, || {}).unwrap()
    }

    #[test]
    fn the_readers_of_mcap_itself_read_it() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let mut writer = begin(path.reopen().unwrap());
        let data: Vec<Vec<u8>> = (0..300_u32)
            .map(|number| match number % 100 {
                // Over several blocks.
                50 => vec![number as u8; 9 << 20],
                _ => number.to_le_bytes().repeat(1 + number as usize % 999),
            })
            .collect();
        for (number, data) in data.iter().enumerate() {
            let about = MessageAbout {
                channel: usize::from(data.len() > 1 << 20),
                time_ns: 1000 - number as u64,
                sequence: number as u32,
            };
            writer.write(about, data);
            // What is not whole leaves nothing behind.
            writer.fill(about, 5 << 20, |pieces| pieces.count() == 0);
        }
        let outcome = writer.finish(Map::new());
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.written, [297, 3, 0]);

        let file = fs::read(path.path()).unwrap();
        assert_eq!(outcome.bytes, file.len() as u64);
        let messages = mcap::MessageStream::new(&file).unwrap();
        for (number, (message, data)) in messages.zip(&data).enumerate() {
            let message = message.unwrap();
            assert_eq!(message.sequence, number as u32);
            assert!(message.data == data.as_slice());
            assert_eq!(message.channel.metadata["of"], message.channel.topic);
        }
        let summary = mcap::Summary::read(&file).unwrap().unwrap();
        let statistics = summary.stats.as_ref().unwrap();
        assert_eq!(statistics.message_count, 300);
        assert_eq!(
            (statistics.message_start_time, statistics.message_end_time),
            (701, 1000)
        );
        assert_eq!(statistics.chunk_count as usize, summary.chunk_indexes.len());
        // The first one has channels only.
        let chunks = summary.chunk_indexes.iter().skip(1);
        let indexed = chunks.flat_map(|chunk| {
            let indexes = summary.read_message_indexes(&file, chunk).unwrap();
            indexes.into_values().map(|entries| entries.len())
        });
        assert_eq!(indexed.sum::<usize>(), 300);
        assert_eq!(summary.attachment_indexes[0].data_size, 11);
        assert_eq!(summary.metadata_indexes.len(), 2);
    }

    #[test]
    fn a_message_for_no_channel_ends_the_recording_after_its_last_chunk() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let mut writer = begin(path.reopen().unwrap());
        let about = |channel| MessageAbout {
            channel,
            time_ns: 1,
            sequence: 0,
        };
        writer.write(about(0), &[1; CHUNK_BYTES]);
        writer.write(about(0), b"in no whole chunk");
        writer.write(about(3), b"nowhere");
        writer.write(about(0), b"too late");
        let outcome = writer.finish(Map::new());
        assert_eq!(outcome.failure.as_deref(), Some("there is no such channel"));
        let file = fs::read(path.path()).unwrap();
        assert_eq!(outcome.bytes, file.len() as u64);
        // Whether the first chunk was written is a matter of luck.
        assert_eq!(outcome.written[0] + outcome.discarded[0], 3);
        let options = mcap::read::Options::IgnoreEndMagic.into();
        let messages = mcap::MessageStream::new_with_options(&file, options).unwrap();
        assert_eq!(
            messages.filter(Result::is_ok).count() as u64,
            outcome.written[0]
        );
    }
}
