//! Our control block: what the ring's writer and readers agree on, 4096 bytes behind pyshmem's header (never on a page that
//! a guest can see).
//!
//! Everything in it is an atomic, and everything in it may be scribbled on by another process of the same user. So the
//! geometry is read once and checked; every slot number is range-checked where it is read; sequences, times and pins are
//! compared and copied, never used as addresses.

#![allow(unsafe_code, reason = "views shared memory as records of atomics")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::mapping::Mapping;
use super::owner::Owner;
use super::wait::Signal;

/// Where the block begins in the metadata file of a stream of ours.
pub(super) const OFFSET: usize = 4096;

/// "SANDPIPE", little-endian.
const MAGIC: u64 = u64::from_le_bytes(*b"SANDPIPE");

/// Changes with the layout.
const VERSION: u32 = 1;

/// A slot number has 8 bits in [`Head`].
pub(super) const MOST_SLOTS: u32 = 255;

/// A reader takes a slot, so there are fewer.
pub(super) const MOST_READERS: u32 = 200;

/// How many publications back [`Fixed::history`] knows the slot: more than there are slots.
const HISTORY: usize = 256;

/// One publication in one word: the slot in the top 8 bits, the sequence (the publication's number, from 1) in the next 55,
/// and in bit 0 whether the writer has closed the stream. The low half is the futex word, so closing must change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head(pub u64);

impl Head {
    /// Set when no more frames will come.
    pub const CLOSED: u64 = 1;

    #[inline]
    pub fn new(slot: u32, sequence: u64) -> Head {
        Head(u64::from(slot) << 56 | (sequence << 1 & ((1 << 56) - 1)))
    }

    #[inline]
    pub fn slot(self) -> u32 {
        (self.0 >> 56) as u32
    }

    /// 0: nothing has been published.
    #[inline]
    pub fn sequence(self) -> u64 {
        self.0 << 8 >> 9
    }

    #[inline]
    pub fn is_closed(self) -> bool {
        self.0 & Head::CLOSED != 0
    }
}

/// Where the slots lie and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of one frame.
    pub bytes: u32,
    /// From one slot to the next: whole pages.
    pub stride: u32,
    /// Slots.
    pub slots: u32,
    /// Places for readers.
    pub readers: u32,
    /// Of the first slot in its file: whole pages.
    pub offset: u64,
}

impl Geometry {
    /// Where the last slot ends in its file, or `None` where that overflows.
    pub fn end(&self) -> Option<usize> {
        let slots = u64::from(self.stride).checked_mul(u64::from(self.slots))?;
        usize::try_from(self.offset.checked_add(slots)?).ok()
    }

    /// Whether the numbers agree with each other; for a block that somebody else has written.
    fn is_sound(&self) -> bool {
        let page = rustix::param::page_size() as u64;
        (2..=MOST_SLOTS).contains(&self.slots)
            && (1..=MOST_READERS).contains(&self.readers)
            && self.bytes > 0
            && self.stride >= self.bytes
            && u64::from(self.stride).is_multiple_of(page)
            && self.offset.is_multiple_of(page)
            && self.end().is_some()
    }
}

/// What writes a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// A source or a stage of the run.
    Producer = 1,
    /// Outside processes, through pyshmem.
    Outside = 2,
}

/// The part of the block whose size does not depend on the stream. The records of slots and then of readers follow.
#[repr(C, align(128))]
pub(super) struct Fixed {
    // The first three fields keep their places in every version.
    magic: AtomicU64,
    /// The process that made the stream: an [`Owner`].
    run: AtomicU64,
    version: AtomicU32,
    length: AtomicU32,
    bytes: AtomicU32,
    stride: AtomicU32,
    slots: AtomicU32,
    readers: AtomicU32,
    offset: AtomicU64,
    /// Who writes it: an [`Owner`], 0 for nobody.
    pub writer: AtomicU64,
    /// A [`Feed`].
    feed: AtomicU32,
    pub head: Padded<Signal>,
    /// Counted up when an `every` reader has taken a frame: what a writer without a free slot waits for.
    pub room: Padded<Signal>,
    /// The [`Head`] of publication `s` at `s % HISTORY`.
    history: [AtomicU64; HISTORY],
}

/// On cache lines of its own (two, since they are fetched in pairs).
#[repr(C, align(128))]
#[derive(Default)]
pub(super) struct Padded<T>(pub T);

/// What is known about the frame in a slot.
#[repr(C, align(64))]
pub(super) struct SlotRecord {
    /// Of the frame; 0 while it is being written.
    pub sequence: AtomicU64,
    pub frame_id: AtomicU64,
    pub published_ns: AtomicU64,
    pub origin_ns: AtomicU64,
}

/// One reader.
#[repr(C, align(128))]
pub(super) struct ReaderRecord {
    /// An `Owner`; 0: the place is free.
    pub owner: AtomicU64,
    /// One more than the slot that it reads; 0: none.
    pub pin: AtomicU32,
    /// 1 if the writer has to keep what this reader has not taken.
    pub every: AtomicU32,
    /// Sequence of the frame it took last.
    pub consumed: AtomicU64,
}

/// The control block in a mapping.
#[derive(Debug)]
pub(super) struct Control {
    mapping: Arc<Mapping>,
    offset: usize,
    slots: usize,
    readers: usize,
}

impl Control {
    /// Bytes of the block of a ring.
    pub fn length(slots: u32, readers: u32) -> usize {
        readers_offset(slots as usize) + readers as usize * size_of::<ReaderRecord>()
    }

    /// Writes a new block into zeroed memory at `offset` that nobody else sees yet; `None` if it does not fit there.
    pub fn create(
        mapping: Arc<Mapping>,
        offset: usize,
        geometry: &Geometry,
        run: Owner,
    ) -> Option<Control> {
        let control = Control::view(mapping, offset, geometry)?;
        let fixed = control.fixed();
        fixed.version.store(VERSION, Ordering::Relaxed);
        let length = Control::length(geometry.slots, geometry.readers) as u32;
        fixed.length.store(length, Ordering::Relaxed);
        fixed.bytes.store(geometry.bytes, Ordering::Relaxed);
        fixed.stride.store(geometry.stride, Ordering::Relaxed);
        fixed.slots.store(geometry.slots, Ordering::Relaxed);
        fixed.readers.store(geometry.readers, Ordering::Relaxed);
        fixed.offset.store(geometry.offset, Ordering::Relaxed);
        fixed.run.store(run.0, Ordering::Relaxed);
        fixed.magic.store(MAGIC, Ordering::Release);
        Some(control)
    }

    /// The block that another process has made, if it is whole and sound.
    pub fn open(mapping: Arc<Mapping>, offset: usize) -> Option<(Control, Geometry)> {
        let geometry = {
            let fixed = fixed_at(&mapping, offset)?;
            if fixed.magic.load(Ordering::Acquire) != MAGIC
                || fixed.version.load(Ordering::Relaxed) != VERSION
            {
                return None;
            }
            Geometry {
                bytes: fixed.bytes.load(Ordering::Relaxed),
                stride: fixed.stride.load(Ordering::Relaxed),
                slots: fixed.slots.load(Ordering::Relaxed),
                readers: fixed.readers.load(Ordering::Relaxed),
                offset: fixed.offset.load(Ordering::Relaxed),
            }
        };
        if !geometry.is_sound() {
            return None;
        }
        let control = Control::view(mapping, offset, &geometry)?;
        let length = control.fixed().length.load(Ordering::Relaxed) as usize;
        (length == Control::length(geometry.slots, geometry.readers)).then_some((control, geometry))
    }

    fn view(mapping: Arc<Mapping>, offset: usize, geometry: &Geometry) -> Option<Control> {
        let length = Control::length(geometry.slots, geometry.readers);
        let fits = offset.checked_add(length)? <= mapping.length();
        (fits && offset.is_multiple_of(align_of::<Fixed>())).then_some(Control {
            mapping,
            offset,
            slots: geometry.slots as usize,
            readers: geometry.readers as usize,
        })
    }

    #[inline]
    pub fn fixed(&self) -> &Fixed {
        // SAFETY: `view` has checked size and alignment; the record is all atomics, which any bytes are valid for and other
        // processes may change; the mapping lives as long as `self`.
        unsafe { &*self.mapping.base().add(self.offset).cast() }
    }

    #[inline]
    pub fn slots(&self) -> &[SlotRecord] {
        // SAFETY: as for `fixed`; `view` has checked that this many records fit, and `Fixed` has a multiple of their alignment.
        unsafe {
            let start = self.mapping.base().add(self.offset + size_of::<Fixed>());
            std::slice::from_raw_parts(start.cast(), self.slots)
        }
    }

    #[inline]
    pub fn readers(&self) -> &[ReaderRecord] {
        let start = self.offset + readers_offset(self.slots);
        // SAFETY: as for `slots`; `readers_offset` keeps the alignment.
        unsafe { std::slice::from_raw_parts(self.mapping.base().add(start).cast(), self.readers) }
    }

    /// The newest publication; one that names a slot that does not exist, as none.
    #[inline]
    pub fn head(&self) -> Head {
        let head = Head(self.fixed().head.0.load());
        if (head.slot() as usize) < self.slots {
            head
        } else {
            Head::default()
        }
    }

    /// Notes which slot a publication is in, before the head names it.
    #[inline]
    pub fn remember(&self, head: Head) {
        let place = head.sequence() as usize % HISTORY;
        self.fixed().history[place].store(head.0, Ordering::Release);
    }

    /// The slot of a publication, if it is not too long ago.
    #[inline]
    pub fn slot_of(&self, sequence: u64) -> Option<u32> {
        let head = Head(self.fixed().history[sequence as usize % HISTORY].load(Ordering::Acquire));
        (head.sequence() == sequence && (head.slot() as usize) < self.slots).then(|| head.slot())
    }

    pub fn feed(&self) -> Option<Feed> {
        match self.fixed().feed.load(Ordering::Relaxed) {
            1 => Some(Feed::Producer),
            2 => Some(Feed::Outside),
            _ => None,
        }
    }

    pub fn set_feed(&self, feed: Feed) {
        self.fixed().feed.store(feed as u32, Ordering::Relaxed);
    }
}

/// The run that made the stream, if its metadata file has a control block of any version.
pub(super) fn run_in(meta: &File) -> Option<Owner> {
    let mut start = [0; 16];
    meta.read_exact_at(&mut start, OFFSET as u64).ok()?;
    let (magic, run) = start.split_at(8);
    (magic == MAGIC.to_le_bytes())
        .then(|| Owner(u64::from_le_bytes(run.try_into().unwrap_or_default())))
}

/// Where the readers' records begin in the block, aligned for them.
#[inline]
fn readers_offset(slots: usize) -> usize {
    (size_of::<Fixed>() + slots * size_of::<SlotRecord>())
        .next_multiple_of(align_of::<ReaderRecord>())
}

fn fixed_at(mapping: &Mapping, offset: usize) -> Option<&Fixed> {
    let fits = offset.checked_add(size_of::<Fixed>())? <= mapping.length();
    // SAFETY: as for `Control::fixed`, with the same checks.
    (fits && offset.is_multiple_of(align_of::<Fixed>()))
        .then(|| unsafe { &*mapping.base().add(offset).cast() })
}
