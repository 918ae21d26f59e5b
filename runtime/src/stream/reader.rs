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

    /// Copies the frame that this reader holds to `to`.
    ///
    /// # Errors
    /// The frame is gone, as for [`Reader::read`].
    ///
    /// # Safety
    /// `to` is valid for writes of one frame of the stream.
    pub(super) unsafe fn copy_to(&self, frame: &Frame, to: *mut u8) -> Result<(), StreamError> {
        // SAFETY: the caller's promise.
        unsafe { copy_out(&self.stream, frame, to) }
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
pub(super) fn copy_frame(
    stream: &Stream,
    frame: &Frame,
    into: &mut [u8],
) -> Result<(), StreamError> {
    let (wanted, given) = (stream.bytes(), into.len());
    if given != wanted {
        return Err(StreamError::FrameSize {
            name: stream.name().to_owned(),
            wanted,
            given,
        });
    }
    // SAFETY: `into` is one frame long, and private.
    unsafe { copy_out(stream, frame, into.as_mut_ptr()) }
}

/// # Safety
/// `to` is valid for writes of one frame of the stream.
unsafe fn copy_out(stream: &Stream, frame: &Frame, to: *mut u8) -> Result<(), StreamError> {
    let gone = || StreamError::Overwritten {
        name: stream.name().to_owned(),
    };
    let ring = stream.records();
    if frame.slot as usize >= ring.slots.len() {
        return Err(gone());
    }
    // SAFETY: the slot exists and holds one frame; the caller vouches for `to`. The two may overlap: `to` may be a slot of
    // this ring, and `frame` may be made up.
    unsafe { ptr::copy(stream.slot(frame.slot), to, stream.bytes()) };
    if !Consumer::was_whole(ring, frame) {
        return Err(gone());
    }
    stream.check()
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.consumer.detach(self.stream.records());
    }
}
