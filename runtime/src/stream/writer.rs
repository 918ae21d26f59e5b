//! The one writer of a stream's ring. Publishing never waits.
//!
//! Which slots are free is decided with hazard pointers. A reader announces the slot that it is about to read (its pin) and
//! then looks at the head again; the writer moves the head and then looks at the pins. All four accesses are sequentially
//! consistent, so they have one order: if the reader's second look still finds the head that names the slot, its pin comes
//! before the writer's look, which finds it. So a slot that is neither named by the head nor pinned, nor kept for an `every`
//! reader, is nobody's; and since readers pin only what the head names or what is kept for them, it stays nobody's until it
//! is published. One search therefore serves several publications.

#![allow(unsafe_code, reason = "copies frames into shared memory")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use super::Stream;
use super::control::{Control, Feed, Head};
use super::error::StreamError;
use super::frame::{Publication, Stamp, now_ns};
use super::mirror::Mirroring;
use super::owner::Owner;
use super::wait::WaitWord;

/// How often a writer that has no free slot looks whether the readers that it waits for are alive.
const DEATH_CHECK_NS: u64 = 100_000_000;

/// Publishes frames on a stream. There is one at a time, in all processes.
#[derive(Debug)]
pub struct Writer {
    stream: Arc<Stream>,
    newest: Head,
    /// The publication in each slot; 0: none. Private, so that what others scribble misleads nobody.
    sequences: Box<[u64]>,
    /// Slots that are nobody's; the next one to write is the last.
    free: Vec<u32>,
    /// The value of the room word before the last search for free slots.
    room_seen: u64,
    next_death_check_ns: u64,
    mirroring: Option<Mirroring>,
}

impl Writer {
    /// Becomes the stream's writer, going on behind what has been published.
    pub(super) fn new(stream: &Arc<Stream>, feed: Feed) -> Result<Writer, StreamError> {
        let control = stream.control();
        take_lease(stream.name(), control)?;
        // From here on, dropping `writer` gives the lease back.
        let newest = control.head();
        let mut writer = Writer {
            stream: stream.clone(),
            newest,
            sequences: vec![0; control.slots().len()].into(),
            free: Vec::with_capacity(control.slots().len()),
            room_seen: 0,
            next_death_check_ns: 0,
            mirroring: None,
        };
        control.set_feed(feed);
        // What is not yet read stays: a writer that died left nothing unfinished that the head or the history names.
        for (slot, record) in control.slots().iter().enumerate() {
            let sequence = record.sequence.load(Ordering::Acquire);
            if sequence <= newest.sequence() && control.slot_of(sequence) == Some(slot as u32) {
                writer.sequences[slot] = sequence;
            }
        }
        if feed == Feed::Producer {
            writer.mirroring = Mirroring::new(stream, newest.sequence())?;
        }
        Ok(writer)
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// A slot to write the next frame into: never the newest one or one that a reader holds. The same one until it is
    /// published. `None` only if an `every` reader's queue is full; then wait for [`Writer::room`].
    #[inline]
    pub fn begin(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            self.find_free();
        }
        let slot = *self.free.last()?;
        let record = self.stream.control().slots().get(slot as usize)?;
        // A reader that lost its pin (its process is not visible from ours) can tell that the frame is gone.
        record.sequence.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        Some(slot)
    }

    /// Copies a frame into a slot that [`Writer::begin`] returned; for producers that are not kernels.
    ///
    /// # Errors
    /// `frame` is not one frame long, or the slot is not free.
    pub fn write(&mut self, slot: u32, frame: &[u8]) -> Result<(), StreamError> {
        let wanted = self.stream.bytes();
        if frame.len() != wanted || !self.free.contains(&slot) {
            return Err(StreamError::FrameSize {
                name: self.stream.name().to_owned(),
                wanted,
                given: frame.len(),
            });
        }
        // SAFETY: the slot is one of ours and nobody reads it; `frame` is as long as a slot's frame, and private.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), self.stream.slot(slot), frame.len()) };
        Ok(())
    }

    /// Publishes what lies in `slot`, which [`Writer::begin`] returned; `None` for any other slot.
    ///
    /// Does not wait for anybody. Calls the kernel only if a reader sleeps, or to copy the frame to pyshmem's place.
    #[inline]
    pub fn publish(&mut self, slot: u32, stamp: Stamp) -> Option<Publication> {
        let place = self.free.iter().rposition(|&free| free == slot)?;
        let control = self.stream.control();
        let record = control.slots().get(slot as usize)?;
        self.free.remove(place);
        let now = now_ns();
        let sequence = self.newest.sequence() + 1;
        let origin = if stamp.origin_ns == 0 {
            now
        } else {
            stamp.origin_ns
        };
        record.frame_id.store(stamp.frame_id, Ordering::Relaxed);
        record.published_ns.store(now, Ordering::Relaxed);
        record.origin_ns.store(origin, Ordering::Relaxed);
        record.sequence.store(sequence, Ordering::Release);
        self.newest = Head::new(slot, sequence);
        self.sequences[slot as usize] = sequence;
        control.remember(self.newest);
        control.fixed().head.0.store(self.newest.0);
        if let Some(mirroring) = &mut self.mirroring {
            mirroring.published(&self.stream, slot, sequence, stamp.frame_id, now);
        }
        Some(Publication {
            sequence,
            published_ns: now,
        })
    }

    /// Copies the newest frame to pyshmem's place, if that was put off. If it still is: when to try again. To be
    /// called when there is nothing else to do.
    pub fn flush_mirror(&mut self) -> Option<Duration> {
        let stream = &self.stream;
        self.mirroring.as_mut()?.flush(stream)
    }

    /// Says that no more frames will come, and copies the last one to pyshmem's place. Publishing again takes it back.
    pub fn close(&mut self) {
        if let Some(mirroring) = &mut self.mirroring {
            mirroring.finish(&self.stream);
        }
        self.stream.control().fixed().head.0.set_bits(Head::CLOSED);
    }

    /// To wait for a free slot after [`Writer::begin`] returned `None`. Wait with a deadline (100 ms, say) and try again: a
    /// reader that was killed wakes nobody, but is found by the next try.
    pub fn room(&self) -> WaitWord<'_> {
        self.stream.control().fixed().room.0.word(self.room_seen)
    }

    /// What [`Writer::room`] has seen.
    pub(super) fn room_seen(&self) -> u64 {
        self.room_seen
    }

    /// Publications so far, those of earlier writers included.
    pub fn published(&self) -> u64 {
        self.newest.sequence()
    }

    /// Finds all slots that are nobody's.
    #[cold]
    fn find_free(&mut self) {
        self.room_seen = self.stream.control().fixed().room.0.load();
        self.search();
        if self.free.is_empty() && self.release_the_dead() {
            self.search();
        }
    }

    fn search(&mut self) {
        let readers = self.stream.control().readers();
        // What is kept first, then the pins: a reader pins a frame before it says that it need not be kept any more.
        let kept_after = readers
            .iter()
            .filter(|reader| reader.every.load(Ordering::SeqCst) == 1)
            .map(|reader| reader.consumed.load(Ordering::SeqCst))
            .min()
            .unwrap_or(u64::MAX);
        let mut pinned = [false; u8::MAX as usize + 1];
        for reader in readers {
            // One more than the slot; anything else is not a pin.
            let pin = reader.pin.load(Ordering::SeqCst).wrapping_sub(1);
            if let Some(pinned) = pinned.get_mut(pin as usize) {
                *pinned = true;
            }
        }
        // Before the first publication the last slot is what readers show in place of a frame (see `Reader::current`).
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
    fn release_the_dead(&mut self) -> bool {
        let now = now_ns();
        if now < self.next_death_check_ns {
            return false;
        }
        self.next_death_check_ns = now + DEATH_CHECK_NS;
        let mut released = false;
        for reader in self.stream.control().readers() {
            let owner = Owner(reader.owner.load(Ordering::Acquire));
            let dead = owner != Owner::NOBODY && !owner.is_alive();
            if dead && reader.take_over(owner, Owner::this()) {
                reader.free();
                released = true;
            }
        }
        released
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(mirroring) = &mut self.mirroring {
            mirroring.finish(&self.stream);
        }
        self.stream
            .control()
            .fixed()
            .writer
            .store(0, Ordering::Release);
    }
}

/// Takes the writer's lease, from a dead process if need be.
fn take_lease(name: &str, control: &Control) -> Result<(), StreamError> {
    let lease = &control.fixed().writer;
    let mut holder = Owner::NOBODY;
    loop {
        let this = Owner::this().0;
        match lease.compare_exchange(holder.0, this, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Ok(()),
            Err(other) if Owner(other) != Owner::NOBODY && Owner(other).is_alive() => {
                return Err(StreamError::Written {
                    name: name.to_owned(),
                    process: Owner(other).process(),
                });
            }
            Err(other) => holder = Owner(other),
        }
    }
}
