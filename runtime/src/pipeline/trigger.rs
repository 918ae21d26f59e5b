//! A trigger of a stage or sink: a reader that knows which of its frames are new.

use crate::stream::{Frame, Reader, StreamError, WaitWord};

/// The consuming end of a stream that makes a stage run.
pub struct Trigger {
    reader: Reader,
    /// The frame that was taken last; it stays pinned.
    taken: Option<Frame>,
}

impl Trigger {
    /// Frames come as the reader's delivery says.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            taken: None,
        }
    }

    /// Whether there is a frame that has not been taken.
    pub fn ready(&self) -> bool {
        self.reader.ready()
    }

    /// Whether none will ever come again, and all have been taken.
    pub fn exhausted(&self) -> bool {
        self.reader.closed()
    }

    /// Pins the next frame, or stays with the last where there is no new one. Whether it is new.
    pub fn take(&mut self) -> (Frame, bool) {
        if let Some(frame) = self.reader.next() {
            self.taken = Some(frame);
            return (frame, true);
        }
        // Not the newest, which may have come just now: it has to be taken as new, in its turn.
        (self.taken.unwrap_or_else(|| self.reader.current()), false)
    }

    /// The reader, which holds the frame that was taken last.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Frames that were published but never taken.
    pub fn skipped(&self) -> u64 {
        self.reader.skipped()
    }

    /// Copies a frame that was taken.
    ///
    /// # Errors
    /// Another process has damaged the stream.
    pub fn read(&self, frame: &Frame, into: &mut [u8]) -> Result<(), StreamError> {
        self.reader.read(frame, into)
    }

    /// Adds the word that changes with the next publication, unless there is one to take or never will be.
    pub fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        if !self.ready() && !self.exhausted() {
            words.push(self.reader.word());
        }
    }
}
