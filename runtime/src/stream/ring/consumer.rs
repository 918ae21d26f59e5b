//! A reader's side of the ring. What it holds, nobody overwrites.

use super::super::atomic::{Ordering, fence};
use super::super::owner::Owner;
use super::{Delivery, Frame, Head, Mark, ReaderRecord, Ring, WaitWord};

/// What a reader knows. It holds the frame that it returned last, until it returns another or is detached.
#[derive(Debug)]
pub struct Consumer {
    place: usize,
    delivery: Delivery,
    held: Option<Frame>,
    /// Sequence of the frame that counts as read last.
    taken: u64,
    /// The head when nothing was left to read.
    seen: Head,
    skipped: u64,
}

impl Consumer {
    /// Takes a place for a reader: a free one, or else one of a process that is gone; `None` if there is none. What was
    /// published before counts as read by [`Consumer::next`].
    pub fn attach(ring: Ring<'_>, this: Owner, delivery: Delivery) -> Option<Consumer> {
        let free = |record: &ReaderRecord| record.take_over(Owner::NOBODY, this);
        let abandoned = |record: &ReaderRecord| record.take_over_dead(this) || free(record);
        let place = ring.readers.iter().position(free);
        let place = place.or_else(|| ring.readers.iter().position(abandoned))?;
        let record = &ring.readers[place];
        let mut head = ring.head();
        if delivery == Delivery::Every {
            loop {
                record.consumed.store(head.sequence(), Ordering::SeqCst);
                record.every.store(1, Ordering::SeqCst);
                // From the second look on, the writer keeps what comes after; what came before it may be gone.
                let again = ring.head();
                if again == head {
                    break;
                }
                head = again;
            }
        }
        // Whoever had the place before may have kept the writer waiting, and so may this reader with its first look.
        ring.shared.room.0.increment();
        Some(Consumer {
            place,
            delivery,
            held: None,
            taken: head.sequence(),
            seen: head,
            skipped: 0,
        })
    }

    /// Gives the place back.
    pub fn detach(&mut self, ring: Ring<'_>) {
        ring.readers[self.place].free();
        ring.shared.room.0.increment();
    }

    /// See [`Reader::newest`](super::super::Reader::newest).
    #[inline]
    pub fn newest(&mut self, ring: Ring<'_>) -> Option<Frame> {
        let head = ring.head();
        if head == self.seen
            && let Some(held) = self.held
            && held.sequence == head.sequence()
        {
            return Some(held);
        }
        self.take_newest(ring, head)
    }

    /// See [`Reader::next`](super::super::Reader::next).
    #[inline]
    pub fn next(&mut self, ring: Ring<'_>) -> Option<Frame> {
        let head = ring.head();
        if !self.is_new(head) {
            self.seen = head;
            return None;
        }
        let before = self.taken;
        let frame = match self.delivery {
            Delivery::Latest => self.take_newest(ring, head)?,
            Delivery::Every => self.take_oldest(ring, head)?,
        };
        self.skipped += frame.sequence.saturating_sub(before + 1);
        Some(frame)
    }

    /// Whether [`Consumer::next`] would return a frame.
    #[inline]
    pub fn ready(&self, ring: Ring<'_>) -> bool {
        self.is_new(ring.head())
    }

    /// Whether the head names a frame that is still to be taken. A sequence below the last one taken means that somebody had
    /// scribbled a large one over the head: then the reader goes on with what the writer says now.
    #[inline]
    fn is_new(&self, head: Head) -> bool {
        head.sequence() != self.taken && head.sequence() != 0
    }

    /// Whether the writer has closed the stream and everything is read.
    pub fn closed(&self, ring: Ring<'_>) -> bool {
        let head = ring.head();
        head.is_closed() && !self.is_new(head)
    }

    /// Frames that [`Consumer::next`] passed over.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// To wait until there may be something to read, or the stream is closed.
    pub fn word<'a>(&self, ring: Ring<'a>) -> WaitWord<'a> {
        ring.shared.head.0.word(self.seen.0)
    }

    /// Whether the frame's slot still held it after the caller has read its bytes.
    pub fn was_whole(ring: Ring<'_>, frame: &Frame) -> bool {
        fence(Ordering::Acquire);
        let record = ring.slots.get(frame.slot as usize);
        record.is_some_and(|record| record.sequence.load(Ordering::Relaxed) == frame.sequence)
    }

    /// See [`Reader::current`](super::super::Reader::current).
    #[inline]
    pub fn current(&mut self, ring: Ring<'_>) -> Frame {
        loop {
            if let Some(frame) = self.newest(ring) {
                return frame;
            }
            // The writer leaves the last slot alone until it has published once (see `Producer::search`), so it is zeros
            // still. Announce, then look again: if there is no frame even now, the pin comes before every later search.
            let slot = ring.slots.len() as u32 - 1;
            ring.readers[self.place]
                .pin
                .store(slot + 1, Ordering::SeqCst);
            if ring.head().sequence() == 0 {
                return Frame {
                    slot,
                    sequence: 0,
                    frame_id: 0,
                    published_ns: 0,
                    origin_ns: 0,
                    mark: Mark::Fresh,
                };
            }
        }
    }

    fn take_newest(&mut self, ring: Ring<'_>, mut head: Head) -> Option<Frame> {
        let record = &ring.readers[self.place];
        loop {
            self.seen = head;
            if head.sequence() == 0 {
                return None;
            }
            // Announce, then look again.
            record.pin.store(head.slot() + 1, Ordering::SeqCst);
            let again = ring.head();
            if again == head {
                break;
            }
            head = again;
        }
        if self.delivery == Delivery::Every {
            record.consumed.store(head.sequence(), Ordering::SeqCst);
            ring.shared.room.0.increment();
        }
        Some(self.hold(ring, head.slot(), head.sequence()))
    }

    /// The oldest frame that has not been taken. It is kept for this reader, so there is no need to look twice.
    fn take_oldest(&mut self, ring: Ring<'_>, head: Head) -> Option<Frame> {
        let sequence = self.taken + 1;
        let Some(slot) = ring.slot_of(sequence) else {
            // Only if somebody scribbled in the control block.
            return self.take_newest(ring, head);
        };
        let record = &ring.readers[self.place];
        record.pin.store(slot + 1, Ordering::SeqCst);
        record.consumed.store(sequence, Ordering::SeqCst);
        ring.shared.room.0.increment();
        if sequence == head.sequence() {
            self.seen = head;
        }
        Some(self.hold(ring, slot, sequence))
    }

    fn hold(&mut self, ring: Ring<'_>, slot: u32, sequence: u64) -> Frame {
        let frame = ring.frame(slot, sequence);
        self.taken = sequence;
        self.held = Some(frame);
        frame
    }
}
