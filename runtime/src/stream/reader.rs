//! Readers of a stream's ring. What a reader holds, nobody overwrites; what it takes, nobody copies.

#![allow(unsafe_code, reason = "copies frames out of shared memory")]

use std::ptr;
use std::sync::Arc;

use super::Stream;
use super::error::StreamError;
use super::ring::{Consumer, Delivery, Frame, WaitWord};
use super::segment;
use super::wait::distrust;

/// Reads a stream. It holds the frame that it returned last, until it returns another or is dropped.
#[derive(Debug)]
pub struct Reader {
    stream: Arc<Stream>,
    consumer: Consumer,
}

impl Reader {
    /// Attaches to the stream. What was published before counts as read by [`Reader::next`].
    pub(super) fn new(stream: &Arc<Stream>, delivery: Delivery) -> Result<Reader, StreamError> {
        let ring = stream.records();
        let this = segment::this(stream.name())?;
        let consumer = Consumer::attach(ring, this, delivery);
        Ok(Reader {
            stream: stream.clone(),
            consumer: consumer.ok_or_else(|| StreamError::Readers {
                name: stream.name().to_owned(),
                places: ring.readers.len() as u32,
            })?,
        })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Takes the newest frame, whether or not it has been taken before; `None` if there is none yet. One load where nothing
    /// has changed.
    #[inline]
    pub fn newest(&mut self) -> Option<Frame> {
        self.consumer.newest(self.stream.records())
    }

    /// Takes the next frame to be read: for [`Delivery::Every`] the oldest that has not been, for [`Delivery::Latest`] the
    /// newest, if it has not been; what is skipped is counted.
    #[inline]
    #[allow(
        clippy::should_implement_trait,
        reason = "after `None` there may be more, which iterators seldom do"
    )]
    pub fn next(&mut self) -> Option<Frame> {
        self.consumer.next(self.stream.records())
    }

    /// Whether [`Reader::next`] would return a frame.
    #[inline]
    pub fn ready(&self) -> bool {
        self.consumer.ready(self.stream.records())
    }

    /// Whether the writer has closed the stream and everything is read.
    pub fn closed(&self) -> bool {
        self.consumer.closed(self.stream.records())
    }

    /// Frames that [`Reader::next`] passed over.
    pub fn skipped(&self) -> u64 {
        self.consumer.skipped()
    }

    /// Copies the frame that this reader holds into private memory.
    ///
    /// # Errors
    /// `into` is not one frame long; or the frame is gone, because `frame` is not the one that this reader holds or (for
    /// readers in another process) because the writer took this process for dead.
    pub fn read(&self, frame: &Frame, into: &mut [u8]) -> Result<(), StreamError> {
        copy_frame(&self.stream, frame, into)
    }

    /// Copies a part of the frame that this reader holds, from the byte `from` on. It counts only if [`Reader::check`] says so afterwards.
    ///
    /// # Errors
    /// The frame does not reach that far.
    pub fn copy(&self, frame: &Frame, from: usize, into: &mut [u8]) -> Result<(), StreamError> {
        copy_part(&self.stream, frame, from, into)
    }

    /// Whether what was copied is the frame.
    ///
    /// # Errors
    /// The frame is gone, as for [`Reader::read`].
    pub fn check(&self, frame: &Frame) -> Result<(), StreamError> {
        check_copy(&self.stream, frame)
    }

    /// Copies the frame that this reader holds to `to`.
    ///
    /// # Errors
    /// The frame is gone, as for [`Reader::read`].
    ///
    /// # Safety
    /// `to` is valid for writes of one frame of the stream.
    pub(super) unsafe fn copy_to(&self, frame: &Frame, to: *mut u8) -> Result<(), StreamError> {
        let stream = &self.stream;
        if frame.slot as usize >= stream.records().slots.len() {
            return Err(gone(stream));
        }
        // SAFETY: the slot exists and holds one frame; the caller vouches for `to`. The two may overlap: `to` may be a slot of this
        // ring, and `frame` may be made up.
        unsafe { ptr::copy(stream.slot(frame.slot), to, stream.bytes()) };
        check_copy(stream, frame)
    }

    /// To wait until there may be something to read, or the stream is closed.
    pub fn word(&self) -> WaitWord<'_> {
        distrust(self.consumer.word(self.stream.records()))
    }

    /// The newest frame, pinned as by [`Reader::newest`]; where nothing has been published yet, a frame of zeros with the
    /// sequence 0: what a new stream holds.
    #[inline]
    pub fn current(&mut self) -> Frame {
        self.consumer.current(self.stream.records())
    }
}

/// Copies a frame of a stream into private memory.
///
/// # Errors
/// `into` is not one frame long; or the frame is gone.
fn copy_frame(stream: &Stream, frame: &Frame, into: &mut [u8]) -> Result<(), StreamError> {
    if into.len() != stream.bytes() {
        return Err(wrong_size(stream, into.len()));
    }
    copy_part(stream, frame, 0, into)?;
    check_copy(stream, frame)
}

/// Copies a part of a frame, from the byte `from` on, into private memory. Whether it is the frame's, [`check_copy`] says.
///
/// # Errors
/// The frame does not reach that far.
pub(super) fn copy_part(
    stream: &Stream,
    frame: &Frame,
    from: usize,
    into: &mut [u8],
) -> Result<(), StreamError> {
    let end = from.saturating_add(into.len());
    if end > stream.bytes() {
        return Err(wrong_size(stream, end));
    }
    if frame.slot as usize >= stream.records().slots.len() {
        return Err(gone(stream));
    }
    // SAFETY: the slot exists and holds one frame, within which the part lies; `into` is private, and no slot.
    unsafe {
        let from = stream.slot(frame.slot).add(from);
        ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len());
    }
    Ok(())
}

/// Whether what was copied from the frame's slot is the frame.
///
/// # Errors
/// The frame is gone, or another process has damaged the stream.
pub(super) fn check_copy(stream: &Stream, frame: &Frame) -> Result<(), StreamError> {
    match Consumer::was_whole(stream.records(), frame) {
        true => stream.check(),
        false => Err(gone(stream)),
    }
}

#[cold]
fn gone(stream: &Stream) -> StreamError {
    StreamError::Overwritten {
        name: stream.name().to_owned(),
    }
}

#[cold]
fn wrong_size(stream: &Stream, given: usize) -> StreamError {
    StreamError::FrameSize {
        name: stream.name().to_owned(),
        wanted: stream.bytes(),
        given,
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.consumer.detach(self.stream.records());
    }
}
