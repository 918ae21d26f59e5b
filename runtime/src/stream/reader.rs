//! Readers of a stream's ring. What a reader holds, nobody overwrites; what it takes, nobody copies.

#![allow(unsafe_code, reason = "copies frames out of shared memory")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use super::Stream;
use super::control::{Head, ReaderRecord};
use super::error::StreamError;
use super::frame::Frame;
use super::owner::Owner;
use super::spec::Delivery;
use super::wait::WaitWord;

/// Reads a stream. It holds the frame that it returned last, until it returns another or is dropped.
#[derive(Debug)]
pub struct Reader {
    stream: Arc<Stream>,
    place: usize,
    delivery: Delivery,
    held: Option<Frame>,
    /// Sequence of the frame that counts as read last.
    taken: u64,
    /// The head when nothing was left to read.
    seen: Head,
    skipped: u64,
}

impl Reader {
    /// Attaches to the stream. What was published before counts as read by [`Reader::next`].
    pub(super) fn new(stream: &Arc<Stream>, delivery: Delivery) -> Result<Reader, StreamError> {
        let place = claim(stream)?;
        let control = stream.control();
        let record = &control.readers()[place];
        let mut head = control.head();
        if delivery == Delivery::Every {
            loop {
                record.consumed.store(head.sequence(), Ordering::SeqCst);
                record.every.store(1, Ordering::SeqCst);
                // From the second look on, the writer keeps what comes after; what came before it may be gone.
                let again = control.head();
                if again == head {
                    break;
                }
                head = again;
            }
        }
        Ok(Reader {
            stream: stream.clone(),
            place,
            delivery,
            held: None,
            taken: head.sequence(),
            seen: head,
            skipped: 0,
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
        let head = self.stream.control().head();
        if head == self.seen
            && let Some(held) = self.held
            && held.sequence == head.sequence()
        {
            return Some(held);
        }
        self.take_newest(head)
    }

    /// Takes the next frame to be read: for [`Delivery::Every`] the oldest that has not been, for [`Delivery::Latest`] the
    /// newest, if it has not been; what is skipped is counted.
    #[inline]
    #[allow(
        clippy::should_implement_trait,
        reason = "after `None` there may be more, which iterators seldom do"
    )]
    pub fn next(&mut self) -> Option<Frame> {
        let head = self.stream.control().head();
        if head.sequence() <= self.taken {
            self.seen = head;
            return None;
        }
        let before = self.taken;
        let frame = match self.delivery {
            Delivery::Latest => self.take_newest(head)?,
            Delivery::Every => self.take_oldest(head)?,
        };
        self.skipped += frame.sequence.saturating_sub(before + 1);
        Some(frame)
    }

    /// Whether [`Reader::next`] would return a frame.
    #[inline]
    pub fn ready(&self) -> bool {
        self.stream.control().head().sequence() > self.taken
    }

    /// Whether the writer has closed the stream and everything is read.
    pub fn closed(&self) -> bool {
        let head = self.stream.control().head();
        head.is_closed() && head.sequence() <= self.taken
    }

    /// Frames that [`Reader::next`] passed over.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Copies the frame that this reader holds into private memory.
    ///
    /// # Errors
    /// `into` is not one frame long; or the frame is gone, because `frame` is not the one that this reader holds or (for
    /// readers in another process) because the writer took this process for dead.
    pub fn read(&self, frame: &Frame, into: &mut [u8]) -> Result<(), StreamError> {
        let name = || self.stream.name().to_owned();
        let wanted = self.stream.bytes();
        if into.len() != wanted {
            let given = into.len();
            return Err(StreamError::FrameSize {
                name: name(),
                wanted,
                given,
            });
        }
        let Some(record) = self.stream.control().slots().get(frame.slot as usize) else {
            return Err(StreamError::Overwritten { name: name() });
        };
        // SAFETY: the slot exists and is pinned; `into` is one frame long and private.
        unsafe {
            ptr::copy_nonoverlapping(self.stream.slot(frame.slot), into.as_mut_ptr(), wanted)
        };
        fence(Ordering::Acquire);
        if record.sequence.load(Ordering::Relaxed) != frame.sequence {
            return Err(StreamError::Overwritten { name: name() });
        }
        self.stream.check()
    }

    /// To wait until there may be something to read, or the stream is closed.
    pub fn word(&self) -> WaitWord<'_> {
        self.stream.control().fixed().head.0.word(self.seen.0)
    }

    /// The newest frame, pinned as by [`Reader::newest`]; where nothing has been published yet, a frame of zeros with the
    /// sequence 0: what a new stream holds.
    #[inline]
    pub fn current(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.newest() {
                return frame;
            }
            // The writer leaves the last slot alone until it has published once (see `writer`), so it is zeros still. Announce,
            // then look again: if there is no frame even now, the pin comes before every later search for free slots.
            let control = self.stream.control();
            let slot = control.slots().len() as u32 - 1;
            control.readers()[self.place]
                .pin
                .store(slot + 1, Ordering::SeqCst);
            if control.head().sequence() == 0 {
                return Frame {
                    slot,
                    sequence: 0,
                    frame_id: 0,
                    published_ns: 0,
                    origin_ns: 0,
                };
            }
        }
    }

    fn take_newest(&mut self, mut head: Head) -> Option<Frame> {
        let control = self.stream.control();
        let record = &control.readers()[self.place];
        loop {
            self.seen = head;
            if head.sequence() == 0 {
                return None;
            }
            // Announce, then look again (see `writer`).
            record.pin.store(head.slot() + 1, Ordering::SeqCst);
            let again = control.head();
            if again == head {
                break;
            }
            head = again;
        }
        if self.delivery == Delivery::Every {
            record.consumed.store(head.sequence(), Ordering::SeqCst);
            control.fixed().room.0.increment();
        }
        Some(self.hold(head.slot(), head.sequence()))
    }

    /// The oldest frame that has not been taken. It is kept for this reader, so there is no need to look twice.
    fn take_oldest(&mut self, head: Head) -> Option<Frame> {
        let control = self.stream.control();
        let sequence = self.taken + 1;
        let Some(slot) = control.slot_of(sequence) else {
            // Only if somebody scribbled in the control block.
            return self.take_newest(head);
        };
        let record = &control.readers()[self.place];
        record.pin.store(slot + 1, Ordering::SeqCst);
        record.consumed.store(sequence, Ordering::SeqCst);
        control.fixed().room.0.increment();
        if sequence == head.sequence() {
            self.seen = head;
        }
        Some(self.hold(slot, sequence))
    }

    fn hold(&mut self, slot: u32, sequence: u64) -> Frame {
        let record = &self.stream.control().slots()[slot as usize];
        let frame = Frame {
            slot,
            sequence,
            frame_id: record.frame_id.load(Ordering::Relaxed),
            published_ns: record.published_ns.load(Ordering::Relaxed),
            origin_ns: record.origin_ns.load(Ordering::Relaxed),
        };
        self.taken = sequence;
        self.held = Some(frame);
        frame
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let control = self.stream.control();
        control.readers()[self.place].free();
        control.fixed().room.0.increment();
    }
}

/// Takes a place for a reader: a free one, or else one of a process that is gone.
fn claim(stream: &Stream) -> Result<usize, StreamError> {
    let readers = stream.control().readers();
    let free = |record: &ReaderRecord| record.take_over(Owner::NOBODY, Owner::this());
    let abandoned = |record: &ReaderRecord| {
        let owner = Owner(record.owner.load(Ordering::Acquire));
        !owner.is_alive() && record.take_over(owner, Owner::this())
    };
    let place = readers.iter().position(free);
    place
        .or_else(|| readers.iter().position(abandoned))
        .ok_or_else(|| StreamError::Readers {
            name: stream.name().to_owned(),
            places: readers.len() as u32,
        })
}

impl ReaderRecord {
    /// Changes the owner, and starts with nothing held; false if the owner is another.
    pub(super) fn take_over(&self, from: Owner, to: Owner) -> bool {
        let taken = self
            .owner
            .compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_ok() {
            self.let_go();
        }
        taken.is_ok()
    }

    /// Gives the place back.
    pub(super) fn free(&self) {
        self.let_go();
        self.owner.store(0, Ordering::Release);
    }

    fn let_go(&self) {
        self.every.store(0, Ordering::SeqCst);
        self.pin.store(0, Ordering::SeqCst);
    }
}
