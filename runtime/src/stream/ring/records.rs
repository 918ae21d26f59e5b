//! The records that the writer and its readers share. Their layout is part of the control block's (see `control`).

use super::super::atomic::{AtomicU32, AtomicU64, HISTORY, Ordering};
use super::super::owner::Owner;
use super::signal::Signal;

/// What there is once in a ring.
#[repr(C, align(128))]
pub struct Shared {
    /// The newest publication: a [`Head`](super::Head).
    pub head: Padded<Signal>,
    /// Counted up when an `every` reader has taken a frame: what a writer without a free slot waits for.
    pub room: Padded<Signal>,
    /// The [`Head`](super::Head) of publication `s` at `s % HISTORY`.
    pub history: [AtomicU64; HISTORY],
}

/// On cache lines of its own (two, since they are fetched in pairs).
#[repr(C, align(128))]
#[derive(Default)]
pub struct Padded<T>(pub T);

/// What is known about the frame in a slot.
#[repr(C, align(64))]
#[derive(Default)]
pub struct SlotRecord {
    /// Of the frame; 0 while it is being written.
    pub sequence: AtomicU64,
    pub frame_id: AtomicU64,
    pub published_ns: AtomicU64,
    pub origin_ns: AtomicU64,
    /// A [`Mark`](super::Mark).
    pub mark: AtomicU32,
}

/// One reader.
#[repr(C, align(128))]
#[derive(Default)]
pub struct ReaderRecord {
    /// An [`Owner`]; 0: the place is free.
    pub owner: AtomicU64,
    /// One more than the slot that it reads; 0: none.
    pub pin: AtomicU32,
    /// 1 if the writer has to keep what this reader has not taken.
    pub every: AtomicU32,
    /// Sequence of the frame it took last.
    pub consumed: AtomicU64,
}

impl ReaderRecord {
    /// Changes the owner, and starts with nothing held; false if the owner is another.
    pub fn take_over(&self, from: Owner, to: Owner) -> bool {
        let taken = self
            .owner
            .compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_ok() {
            self.let_go();
        }
        taken.is_ok()
    }

    /// Takes over what a process holds that is gone; false if there is none such.
    pub fn take_over_dead(&self, to: Owner) -> bool {
        let owner = Owner(self.owner.load(Ordering::Acquire));
        owner != Owner::NOBODY && !owner.is_alive() && self.take_over(owner, to)
    }

    /// Gives the place back.
    pub fn free(&self) {
        self.let_go();
        self.owner.store(Owner::NOBODY.0, Ordering::Release);
    }

    fn let_go(&self) {
        self.every.store(0, Ordering::SeqCst);
        self.pin.store(0, Ordering::SeqCst);
    }
}
