//! The ring's protocol: how one writer and its readers agree, through atomics alone, on who may touch which slot.
//!
//! Publishing never waits. Which slots are free is decided with hazard pointers. A reader announces the slot that it is about
//! to read (its pin) and then looks at the head again; the writer moves the head and then looks at the pins. All four accesses
//! are sequentially consistent, so they have one order: if the reader's second look still finds the head that names the slot,
//! its pin comes before the writer's look, which finds it. So a slot that is neither named by the head nor pinned, nor kept for
//! an `every` reader, is nobody's; and since readers pin only what the head names or what is kept for them, it stays nobody's
//! until it is published. One search therefore serves several publications.
//!
//! Nothing here knows files, mappings, clocks or the kernel, or that other processes take part: [`Ring`] is a view of the
//! records wherever they lie. That is how the crate `loom` runs this very code in every order that its memory accesses may take.

mod consumer;
mod follower;
mod frame;
mod head;
mod producer;
mod records;
mod signal;

pub use consumer::Consumer;
pub use follower::Follower;
pub use frame::{Frame, Mark};
pub use head::Head;
pub use producer::{Label, Producer};
pub use records::{ReaderRecord, Shared, SlotRecord};
pub use signal::{Signal, WaitWord};

use super::atomic::{HISTORY, Ordering};

/// Which frames a reader gets from [`Reader::next`](super::Reader::next).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// The newest one; what it skips is counted.
    #[default]
    Latest,
    /// All of them; the writer waits for this reader.
    Every,
}

/// The records of a ring.
#[derive(Clone, Copy)]
pub struct Ring<'a> {
    pub shared: &'a Shared,
    pub slots: &'a [SlotRecord],
    pub readers: &'a [ReaderRecord],
}

impl Ring<'_> {
    /// The newest publication; one that names a slot that does not exist, as none.
    #[inline]
    pub fn head(&self) -> Head {
        let head = Head(self.shared.head.0.load());
        if (head.slot() as usize) < self.slots.len() {
            head
        } else {
            Head::default()
        }
    }

    /// Notes which slot a publication is in, before the head names it.
    #[inline]
    fn remember(&self, head: Head) {
        let place = head.sequence() as usize % HISTORY;
        self.shared.history[place].store(head.0, Ordering::Release);
    }

    /// The slot of a publication, if it is not too long ago.
    #[inline]
    fn slot_of(&self, sequence: u64) -> Option<u32> {
        let place = sequence as usize % HISTORY;
        let head = Head(self.shared.history[place].load(Ordering::Acquire));
        let found = head.sequence() == sequence && (head.slot() as usize) < self.slots.len();
        found.then(|| head.slot())
    }

    /// What is known about the frame in a slot that exists.
    #[inline]
    fn frame(&self, slot: u32, sequence: u64) -> Frame {
        let record = &self.slots[slot as usize];
        Frame {
            slot,
            sequence,
            frame_id: record.frame_id.load(Ordering::Relaxed),
            published_ns: record.published_ns.load(Ordering::Relaxed),
            origin_ns: record.origin_ns.load(Ordering::Relaxed),
            mark: Mark::from_word(record.mark.load(Ordering::Relaxed)),
        }
    }
}
