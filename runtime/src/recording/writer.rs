//! The writer's thread: makes chunks of messages and writes them.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::container::{Container, MessageAbout};
use super::format::{ABOUT, END, LIBRARY, PIPELINE};
use super::mcap::Map;
use super::pool::Item;

/// A chunk is written when it has so many bytes, ...
const CHUNK_BYTES: usize = 4 << 20;
/// ... or its first message is so old. What is in a chunk that has not been written is lost when the process is killed.
const CHUNK_TIME: Duration = Duration::from_secs(1);

/// A channel to be.
pub(super) struct ChannelAbout {
    pub topic: String,
    pub encoding: &'static str,
    pub metadata: Map,
}

/// Writes one recording.
pub(super) struct RecordingWriter {
    container: Container<Shared>,
    /// Messages in each channel.
    written: Vec<u64>,
    /// When the chunk that is being filled is due.
    due: Option<Instant>,
    /// What ended the recording early.
    failure: Option<io::Error>,
}

/// The file, which whoever made it holds as well.
struct Shared(Arc<File>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// What came of it.
pub(super) struct Outcome {
    /// Messages in each channel.
    pub written: Vec<u64>,
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
        about: &Map,
        channels: Vec<ChannelAbout>,
        now_ns: u64,
    ) -> io::Result<RecordingWriter> {
        let mut container = Container::new(Shared(file), CHUNK_BYTES, LIBRARY)?;
        container.metadata(ABOUT, about)?;
        container.attach(PIPELINE, "application/yaml", pipeline, now_ns)?;
        let written = vec![0; channels.len()];
        for channel in channels {
            container.channel(channel.topic, channel.encoding, channel.metadata);
        }
        container.flush()?;
        Ok(RecordingWriter {
            container,
            written,
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
            let left = self
                .due
                .map(|due| due.saturating_duration_since(Instant::now()));
            match items.recv_timeout(left.unwrap_or(CHUNK_TIME)) {
                Ok(item) => {
                    self.try_to(|writer| writer.write(&item));
                    // The thread that takes frames may be gone.
                    let _ = back.send((item.channel, item.data));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.due.is_some_and(|due| Instant::now() >= due) {
                self.due = None;
                self.try_to(|writer| writer.container.flush());
            }
        }
        if let Ok(metadata) = end.recv() {
            self.try_to(|writer| writer.container.metadata(END, &metadata));
        }
        self.try_to(|writer| writer.container.finish());
        Outcome {
            bytes: self.container.bytes(),
            written: self.written,
            failure: self.failure.map(|error| error.to_string()),
        }
    }

    fn write(&mut self, item: &Item) -> io::Result<()> {
        let about = MessageAbout {
            channel: item.channel,
            sequence: item.sequence,
            time_ns: item.time_ns,
        };
        self.container.message(about, &item.data)?;
        if let Some(written) = self.written.get_mut(item.channel) {
            *written += 1;
        }
        self.due.get_or_insert_with(|| Instant::now() + CHUNK_TIME);
        Ok(())
    }

    /// Once something has failed, nothing is written any more: what comes is let go.
    fn try_to(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = act(self) {
            tracing::error!("the recording ends here, and the run goes on without it: {error}");
            self.failure = Some(error);
        }
    }
}
