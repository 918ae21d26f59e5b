//! A trigger of a stage or sink: a reader that knows which of its frames are new, and which have been used.

use crate::stream::{Frame, Reader, StreamError, WaitWord};

/// The consuming end of a stream that makes a stage run.
pub struct Trigger {
    reader: Reader,
    /// The frame that was taken last; it stays pinned.
    taken: Option<Frame>,
    /// Whether that one is held for a run that is still to come.
    held: bool,
    /// Frames that were held and passed over.
    passed: u64,
}

impl Trigger {
    /// Frames come as the reader's delivery says.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            taken: None,
            held: false,
            passed: 0,
        }
    }

    /// Whether there is a frame that has not been used.
    pub fn ready(&self) -> bool {
        self.held || self.reader.ready()
    }

    /// Whether none will ever come again, and all have been used.
    pub fn exhausted(&self) -> bool {
        !self.held && self.reader.closed()
    }

    /// The frame that is held, or else the next one, or else the last where there is no new one. It stays pinned, and counts as
    /// used. Whether it is new.
    pub fn take(&mut self) -> (Frame, bool) {
        let held = std::mem::take(&mut self.held);
        if !held && let Some(frame) = self.reader.next() {
            self.taken = Some(frame);
            return (frame, true);
        }
        // Not the newest, which may have come just now: it has to be taken as new, in its turn.
        (self.taken.unwrap_or_else(|| self.reader.current()), held)
    }

    /// Pins the next frame for a run that is still to come, unless one is held already.
    pub fn hold(&mut self) {
        if !self.held {
            self.advance();
        }
    }

    /// The id of the frame that was taken last; 0 before the first.
    pub fn frame_id(&self) -> u64 {
        self.taken.map_or(0, |frame| frame.frame_id)
    }

    /// Holds the next frame in place of the one that is held, which counts as skipped. False if there is no next one.
    pub fn advance(&mut self) -> bool {
        let Some(frame) = self.reader.next() else {
            return false;
        };
        self.pass();
        self.taken = Some(frame);
        self.held = true;
        true
    }

    /// Lets go of the frame that is held; it counts as skipped.
    pub fn pass(&mut self) {
        self.passed += u64::from(std::mem::take(&mut self.held));
    }

    /// The reader, which holds the frame that was taken last.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Frames that were published but never used.
    pub fn skipped(&self) -> u64 {
        self.reader.skipped() + self.passed
    }

    /// Copies a frame that was taken.
    ///
    /// # Errors
    /// Another process has damaged the stream.
    pub fn read(&self, frame: &Frame, into: &mut [u8]) -> Result<(), StreamError> {
        self.reader.read(frame, into)
    }

    /// Adds the word that changes with the next publication, unless there is one to use or never will be.
    pub fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        if !self.ready() && !self.exhausted() {
            words.push(self.reader.word());
        }
    }
}
