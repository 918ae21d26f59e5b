//! The writer's side of the ring.

use super::super::atomic::{Ordering, fence};
use super::super::owner::Owner;
use super::{Head, Mark, Ring};

/// What the writer knows of its ring; private, so that what others scribble misleads nobody.
#[derive(Debug)]
pub struct Producer {
    newest: Head,
    /// The publication in each slot; 0: none.
    sequences: Box<[u64]>,
    /// Slots that are nobody's; the next one to write is the last.
    free: Vec<u32>,
    /// The value of the room word before the last search for free slots.
    room_seen: u64,
}

/// What is noted beside a frame that is published.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub frame_id: u64,
    pub published_ns: u64,
    pub origin_ns: u64,
    pub mark: Mark,
}

impl Producer {
    /// Goes on behind what has been published. There must be no other at work.
    pub fn new(ring: Ring<'_>) -> Producer {
        let newest = ring.head();
        // What is not yet read stays: a writer that died left nothing unfinished that the head or the history names.
        let sequence_in = |(slot, record): (usize, &super::SlotRecord)| {
            let sequence = record.sequence.load(Ordering::Acquire);
            let known =
                sequence <= newest.sequence() && ring.slot_of(sequence) == Some(slot as u32);
            if known { sequence } else { 0 }
        };
        Producer {
            newest,
            sequences: ring.slots.iter().enumerate().map(sequence_in).collect(),
            free: Vec::with_capacity(ring.slots.len()),
            room_seen: 0,
        }
    }

    /// Whether there is a slot to write into without a [`Producer::search`].
    #[inline]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Whether this slot may be written into.
    pub fn is_free(&self, slot: u32) -> bool {
        self.free.contains(&slot)
    }

    /// The slot to write the next frame into: the same one until it is published.
    #[inline]
    pub fn begin(&self, ring: Ring<'_>) -> Option<u32> {
        let slot = *self.free.last()?;
        // A reader that lost its pin (its process is not visible from ours) can tell that the frame is gone.
        let record = ring.slots.get(slot as usize)?;
        record.sequence.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        Some(slot)
    }

    /// Publishes what lies in `slot`, one of the free ones; its sequence.
    #[inline]
    pub fn publish(&mut self, ring: Ring<'_>, slot: u32, label: Label) -> Option<u64> {
        let place = self.free.iter().rposition(|&free| free == slot)?;
        let record = ring.slots.get(slot as usize)?;
        self.free.remove(place);
        let sequence = self.newest.sequence() + 1;
        record.frame_id.store(label.frame_id, Ordering::Relaxed);
        record
            .published_ns
            .store(label.published_ns, Ordering::Relaxed);
        record.origin_ns.store(label.origin_ns, Ordering::Relaxed);
        record.mark.store(label.mark as u32, Ordering::Relaxed);
        record.sequence.store(sequence, Ordering::Release);
        self.newest = Head::new(slot, sequence);
        self.sequences[slot as usize] = sequence;
        ring.remember(self.newest);
        ring.shared.head.0.store(self.newest.0);
        Some(sequence)
    }

    /// The newest publication.
    pub fn newest(&self) -> Head {
        self.newest
    }

    /// Publications so far, those of earlier writers included.
    pub fn published(&self) -> u64 {
        self.newest.sequence()
    }

    /// The value of the room word before the last search: what has changed when a reader has made room since.
    pub fn room_seen(&self) -> u64 {
        self.room_seen
    }

    /// Finds all slots that are nobody's. None are free.
    pub fn search(&mut self, ring: Ring<'_>) {
        self.room_seen = ring.shared.room.0.load();
        // What is kept first, then the pins: a reader pins a frame before it says that it need not be kept any more.
        let kept_after = ring
            .readers
            .iter()
            .filter(|reader| reader.every.load(Ordering::SeqCst) == 1)
            .map(|reader| reader.consumed.load(Ordering::SeqCst))
            .min()
            .unwrap_or(u64::MAX);
        let mut pinned = [false; u8::MAX as usize + 1];
        for reader in ring.readers {
            // One more than the slot; anything else is not a pin.
            let pin = reader.pin.load(Ordering::SeqCst).wrapping_sub(1);
            if let Some(pinned) = pinned.get_mut(pin as usize) {
                *pinned = true;
            }
        }
        // Before the first publication the last slot is what readers show in place of a frame (see `Consumer::current`).
        let slots = self.sequences.len() as u32;
        let newest = if self.newest.sequence() > 0 {
            self.newest.slot()
        } else {
            slots - 1
        };
        // Downwards, so that the last one, which is written next, has the lowest number: few slots stay in use and in cache.
        for slot in (0..self.sequences.len()).rev() {
            let kept = self.sequences[slot] > kept_after;
            if !kept && !pinned[slot] && newest != slot as u32 {
                self.free.push(slot as u32);
            }
        }
    }

    /// Releases what readers hold whose processes are gone; whether there were any.
    pub fn release_the_dead(ring: Ring<'_>, this: Owner) -> bool {
        let mut released = false;
        for reader in ring.readers {
            if reader.take_over_dead(this) {
                reader.free();
                released = true;
            }
        }
        released
    }
}
