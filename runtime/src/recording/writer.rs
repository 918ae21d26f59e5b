//! The writer's thread: makes chunks of messages and writes them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{Attachment, McapResult, WriteOptions, Writer};

use super::disk::Disk;
use super::format::{ABOUT, END, LIBRARY, PIPELINE};
use super::pool::Item;

/// A chunk is written when it has so many bytes, ...
const CHUNK_BYTES: u64 = 512 << 10;
/// ... or its first message is so old. What is in a chunk that has not been written is lost when the process is killed.
const CHUNK_TIME: Duration = Duration::from_secs(1);

/// How long the thread sleeps when there is nothing to write.
const PAUSE: Duration = Duration::from_millis(1);

/// Pairs of strings.
type Map = BTreeMap<String, String>;

/// Chunks are put together in memory, so that each comes into the file whole.
type Container = Writer<NoSeek<Disk>>;

/// A channel to be.
pub(super) struct ChannelAbout {
    pub topic: String,
    pub encoding: &'static str,
    pub metadata: Map,
}

/// Writes one recording.
pub(super) struct RecordingWriter {
    file: Arc<File>,
    /// None once something has failed: then what comes is let go.
    container: Option<Container>,
    /// What the channels are called in the file.
    channels: Vec<u16>,
    /// Messages in each channel, ...
    written: Vec<u64>,
    /// ... how many of them are in the file for certain, ...
    flushed: Vec<u64>,
    /// ... and those that came and are not.
    discarded: Vec<u64>,
    /// When the chunk that is being filled is due.
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
    /// Writes all that stands before the first message.
    ///
    /// # Errors
    /// The disk is full.
    pub fn new(
        file: Arc<File>,
        pipeline: &[u8],
        about: Map,
        channels: Vec<ChannelAbout>,
        now_ns: u64,
    ) -> McapResult<RecordingWriter> {
        let options = WriteOptions::new()
            .compression(None)
            .chunk_size(Some(CHUNK_BYTES))
            .disable_seeking(true)
            .library(LIBRARY);
        let mut container = options.create(NoSeek::new(Disk::new(Arc::clone(&file))?))?;
        container.write_metadata(&metadata(ABOUT, about))?;
        container.attach(&Attachment {
            log_time: now_ns,
            create_time: now_ns,
            name: PIPELINE.to_owned(),
            media_type: "application/yaml".to_owned(),
            data: pipeline.into(),
        })?;
        let none = vec![0; channels.len()];
        // There is no schema: the encoding says all.
        let add = |channel: ChannelAbout| {
            container.add_channel(0, &channel.topic, channel.encoding, &channel.metadata)
        };
        let channels = channels.into_iter().map(add).collect::<McapResult<_>>()?;
        container.flush()?;
        Ok(RecordingWriter {
            file,
            container: Some(container),
            channels,
            written: none.clone(),
            flushed: none.clone(),
            discarded: none,
            due: None,
            failure: None,
        })
    }

    /// Writes what comes, and gives the buffers back, until nobody sends any more. `end` says what was lost.
    pub fn run(
        mut self,
        items: &Receiver<Item>,
        back: &Sender<(usize, Vec<u8>)>,
        end: &Receiver<Map>,
    ) -> Outcome {
        loop {
            match items.try_recv() {
                Ok(item) => {
                    self.write(&item);
                    // The thread that takes frames may be gone.
                    let _ = back.send((item.channel, item.data));
                }
                // To wait for the next one would have the thread that takes frames wake this one for each.
                Err(TryRecvError::Empty) => thread::sleep(PAUSE),
                Err(TryRecvError::Disconnected) => break,
            }
            if self.due.is_some_and(|due| Instant::now() >= due) {
                self.due = None;
                self.try_to(Container::flush);
                if self.container.is_some() {
                    self.flushed.clone_from(&self.written);
                }
            }
        }
        if let Ok(lost) = end.recv() {
            self.try_to(|container| container.write_metadata(&metadata(END, lost)));
        }
        self.try_to(|container| container.finish().map(drop));
        if let Some(container) = self.container.take() {
            let flushed = container.into_inner().into_inner().flush();
            self.failure = flushed.err().map(|error| error.to_string());
        }
        if self.failure.is_some() {
            // What was flushed is there; of the rest nobody knows how much.
            let counts = self.written.iter_mut().zip(&self.flushed);
            for ((written, flushed), discarded) in counts.zip(&mut self.discarded) {
                *discarded += *written - flushed;
                *written = *flushed;
            }
        }
        Outcome {
            bytes: self.file.metadata().map_or(0, |about| about.len()),
            written: self.written,
            discarded: self.discarded,
            failure: self.failure,
        }
    }

    fn write(&mut self, item: &Item) {
        let Some(&channel_id) = self.channels.get(item.channel) else {
            return;
        };
        let header = MessageHeader {
            channel_id,
            sequence: item.sequence,
            log_time: item.time_ns,
            publish_time: item.time_ns,
        };
        self.try_to(|container| container.write_to_known_channel(&header, &item.data));
        let counts = match self.failure {
            None => &mut self.written,
            Some(_) => &mut self.discarded,
        };
        if let Some(count) = counts.get_mut(item.channel) {
            *count += 1;
        }
        self.due.get_or_insert_with(|| Instant::now() + CHUNK_TIME);
    }

    fn try_to(&mut self, act: impl FnOnce(&mut Container) -> McapResult<()>) {
        let Some(container) = &mut self.container else {
            return;
        };
        if let Err(error) = act(container) {
            tracing::error!("the recording ends here, and the run goes on without it: {error}");
            self.failure = Some(error.to_string());
            // Dropped as it is, it would write the end of a whole file behind what is not whole.
            self.container.take().map(Writer::into_inner);
        }
    }
}

fn metadata(name: &str, metadata: Map) -> Metadata {
    Metadata {
        name: name.to_owned(),
        metadata,
    }
}
