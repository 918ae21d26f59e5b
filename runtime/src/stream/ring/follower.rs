//! Somebody who follows a ring without taking part in it.

use super::super::atomic::Ordering;
use super::{Frame, Ring};

/// Reads what is still in the ring, oldest first. It has no place among the readers and pins nothing, so the writer neither knows of
/// it nor waits for it, and takes back slots under its eyes: what it reads is to be copied, and counts only if
/// [`Consumer::was_whole`](super::Consumer::was_whole) says so afterwards.
#[derive(Debug)]
pub struct Follower {
    /// Sequence of the frame that was named last.
    last: u64,
    lost: u64,
}

impl Follower {
    /// Begins with the oldest frame that is there; what went before is not lost.
    pub fn new(ring: Ring<'_>) -> Follower {
        let mut follower = Follower { last: 0, lost: 0 };
        if let Some(oldest) = follower.find(ring) {
            follower.last = oldest.sequence - 1;
        }
        follower
    }

    /// The next frame that is still there, to be copied. Frames that are gone are counted.
    #[inline]
    pub fn next(&mut self, ring: Ring<'_>) -> Option<Frame> {
        let frame = self.find(ring)?;
        self.lost += frame.sequence - self.last - 1;
        self.last = frame.sequence;
        Some(frame)
    }

    /// The frame that was named last has gone while it was copied. Goes on so far from the slots that are written next as it can.
    pub fn missed(&mut self, ring: Ring<'_>) {
        self.lost += 1;
        let behind = self.behind(ring);
        let skipped = behind.saturating_sub(ring.slots.len() as u64 / 2);
        self.lost += skipped;
        self.last += skipped;
    }

    /// Frames that were never read whole.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Publications since the frame that was named last.
    pub fn behind(&self, ring: Ring<'_>) -> u64 {
        ring.head().sequence().saturating_sub(self.last)
    }

    fn find(&mut self, ring: Ring<'_>) -> Option<Frame> {
        let newest = ring.head().sequence();
        if newest < self.last {
            // Somebody had scribbled a large sequence over the head: goes on with what the writer says now.
            self.last = newest;
        }
        let oldest = (newest + 1).saturating_sub(ring.slots.len() as u64);
        (oldest.max(self.last + 1)..=newest).find_map(|sequence| {
            let slot = ring.slot_of(sequence)?;
            let there = ring.slots[slot as usize].sequence.load(Ordering::Acquire) == sequence;
            there.then(|| ring.frame(slot, sequence))
        })
    }
}
