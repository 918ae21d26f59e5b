//! Our control block: what the ring's writer and readers agree on, 4096 bytes behind pyshmem's header (never on a page that
//! a guest can see).
//!
//! Everything in it is an atomic, and everything in it may be scribbled on by another process of the same user. So the
//! geometry is read once and checked; every slot number is range-checked where it is read; sequences, times and pins are
//! compared and copied, never used as addresses.

#![allow(unsafe_code, reason = "views shared memory as records of atomics")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::mapping::Mapping;
use super::owner::Owner;
use super::ring::{ReaderRecord, Ring, Shared, SlotRecord};

/// Where the block begins in the metadata file of a stream of ours.
pub(super) const OFFSET: usize = 4096;

/// "SANDPIPE", little-endian.
const MAGIC: u64 = u64::from_le_bytes(*b"SANDPIPE");

/// Changes with the layout.
const VERSION: u32 = 2;

/// A slot number has 8 bits in a ring's head.
pub const MOST_SLOTS: u32 = 255;

/// A reader takes a slot, so there are fewer.
pub(super) const MOST_READERS: u32 = 200;

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
    /// On cache lines of its own.
    shared: Shared,
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

    /// The records that the ring's writer and readers share.
    #[inline]
    pub fn ring(&self) -> Ring<'_> {
        let slots = self.offset + size_of::<Fixed>();
        let readers = self.offset + readers_offset(self.slots);
        // SAFETY: as for `fixed`; `view` has checked that this many records fit, `Fixed` has a multiple of their alignment, and
        // `readers_offset` keeps it.
        unsafe {
            let base = self.mapping.base();
            Ring {
                shared: &self.fixed().shared,
                slots: slice::from_raw_parts(base.add(slots).cast(), self.slots),
                readers: slice::from_raw_parts(base.add(readers).cast(), self.readers),
            }
        }
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
