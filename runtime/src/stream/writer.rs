//! The one writer of a stream. Publishing never waits: `ring` says why.

#![allow(unsafe_code, reason = "copies frames into shared memory")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Stream;
use super::control::{Control, Feed};
use super::error::StreamError;
use super::frame::{Publication, Stamp, now_ns};
use super::mirror::Mirroring;
use super::owner::Owner;
use super::private::PrivateRing;
use super::reader::Reader;
use super::ring::{Frame, Head, Label, Producer, WaitWord};
use super::segment;
use super::wait::distrust;

/// How often a writer that has no free slot looks whether the readers that it waits for are alive.
const DEATH_CHECK_NS: u64 = 100_000_000;

/// Publishes frames on a stream. There is one at a time, in all processes.
#[derive(Debug)]
pub struct Writer {
    stream: Arc<Stream>,
    producer: Producer,
    next_death_check_ns: u64,
    mirroring: Option<Mirroring>,
}

impl Writer {
    /// Becomes the stream's writer, going on behind what has been published.
    pub(super) fn new(stream: &Arc<Stream>, feed: Feed) -> Result<Writer, StreamError> {
        let control = stream.control();
        take_lease(stream.name(), control)?;
        // From here on, dropping `writer` gives the lease back.
        let mut writer = Writer {
            stream: stream.clone(),
            producer: Producer::new(stream.records()),
            next_death_check_ns: 0,
            mirroring: None,
        };
        control.set_feed(feed);
        if feed == Feed::Producer {
            writer.mirroring = Mirroring::new(stream, writer.producer.published())?;
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
        if !self.producer.has_free() {
            self.find_free();
        }
        self.producer.begin(self.stream.records())
    }

    /// Copies a frame into a slot that [`Writer::begin`] returned; for producers that are not kernels.
    ///
    /// # Errors
    /// `frame` is not one frame long, or the slot is not free.
    pub fn write(&mut self, slot: u32, frame: &[u8]) -> Result<(), StreamError> {
        let to = self.place(slot, frame.len())?;
        // SAFETY: the slot is one of ours and nobody reads it; `frame` is as long as a slot's frame, and private.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), to, frame.len()) };
        Ok(())
    }

    /// As [`Writer::write`], from the first slot of a private ring.
    ///
    /// # Errors
    /// As for [`Writer::write`].
    pub fn write_private(&mut self, slot: u32, ring: &PrivateRing) -> Result<(), StreamError> {
        let to = self.place(slot, ring.bytes())?;
        let from = ring.slot(0, ring.bytes())?;
        // SAFETY: the slot is one of ours and nobody reads it; `from` has as many bytes, in a mapping of its own.
        unsafe { ptr::copy_nonoverlapping(from, to, ring.bytes()) };
        Ok(())
    }

    /// As [`Writer::write`], from another stream: `frame` is the one that `reader` holds.
    ///
    /// # Errors
    /// As for [`Writer::write`] and [`Reader::read`].
    pub fn write_from(
        &mut self,
        slot: u32,
        reader: &Reader,
        frame: &Frame,
    ) -> Result<(), StreamError> {
        let to = self.place(slot, reader.stream().bytes())?;
        // SAFETY: the slot is one of ours, nobody reads it, and it holds a frame of the size of `reader`'s.
        unsafe { reader.copy_to(frame, to) }
    }

    /// Copies the frame that was published last into a slot that [`Writer::begin`] returned.
    ///
    /// # Errors
    /// The slot is not free, or nothing has been published.
    pub fn repeat(&mut self, slot: u32) -> Result<(), StreamError> {
        let bytes = self.stream.bytes();
        let to = self.place(slot, bytes)?;
        let newest = self.producer.newest();
        if newest.sequence() == 0 {
            let name = self.stream.name().to_owned();
            return Err(StreamError::Empty { name });
        }
        let from = self.stream.slot(newest.slot());
        // SAFETY: the slot is one of ours and nobody reads it; the newest frame is in another one, since it is not free.
        unsafe { ptr::copy_nonoverlapping(from, to, bytes) };
        Ok(())
    }

    /// Where to write a frame of `given` bytes.
    fn place(&self, slot: u32, given: usize) -> Result<*mut u8, StreamError> {
        let wanted = self.stream.bytes();
        if given != wanted || !self.producer.is_free(slot) {
            return Err(StreamError::FrameSize {
                name: self.stream.name().to_owned(),
                wanted,
                given,
            });
        }
        Ok(self.stream.slot(slot))
    }

    /// Publishes what lies in `slot`, which [`Writer::begin`] returned; `None` for any other slot.
    ///
    /// Does not wait for anybody. Calls the kernel only if a reader sleeps, or to copy the frame to pyshmem's place.
    #[inline]
    pub fn publish(&mut self, slot: u32, stamp: Stamp) -> Option<Publication> {
        self.publish_at(slot, stamp, now_ns())
    }

    /// As [`Writer::publish`], by a caller that has looked at the clock just now: nanoseconds of CLOCK_MONOTONIC.
    #[inline]
    pub(crate) fn publish_at(&mut self, slot: u32, stamp: Stamp, now: u64) -> Option<Publication> {
        let label = Label {
            frame_id: stamp.frame_id,
            published_ns: now,
            origin_ns: if stamp.origin_ns == 0 {
                now
            } else {
                stamp.origin_ns
            },
            mark: stamp.mark,
        };
        let sequence = self.producer.publish(self.stream.records(), slot, label)?;
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
        self.stream.records().shared.head.0.set_bits(Head::CLOSED);
    }

    /// To wait for a free slot after [`Writer::begin`] returned `None`. Wait with a deadline (100 ms, say) and try again: a
    /// reader that was killed wakes nobody, but is found by the next try.
    pub fn room(&self) -> WaitWord<'_> {
        distrust(self.stream.records().shared.room.0.word(self.room_seen()))
    }

    /// What [`Writer::room`] has seen.
    pub(super) fn room_seen(&self) -> u64 {
        self.producer.room_seen()
    }

    /// Publications so far, those of earlier writers included.
    pub fn published(&self) -> u64 {
        self.producer.published()
    }

    /// Finds all slots that are nobody's.
    #[cold]
    fn find_free(&mut self) {
        self.producer.search(self.stream.records());
        if !self.producer.has_free() && self.release_the_dead() {
            self.producer.search(self.stream.records());
        }
    }

    /// Releases what readers hold whose processes are gone; whether there were any.
    fn release_the_dead(&mut self) -> bool {
        let now = now_ns();
        if now < self.next_death_check_ns {
            return false;
        }
        self.next_death_check_ns = now + DEATH_CHECK_NS;
        // Known since this writer took its lease.
        Owner::this().is_ok_and(|this| Producer::release_the_dead(self.stream.records(), this))
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
    let this = segment::this(name)?;
    loop {
        match lease.compare_exchange(holder.0, this.0, Ordering::AcqRel, Ordering::Acquire) {
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
