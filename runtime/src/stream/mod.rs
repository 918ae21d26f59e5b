//! Shared-memory streams: named, of one dtype and shape, with one writer and any number of readers.
//!
//! ```text
//!                     ┌── ring ────────────────────────────┐
//!  Writer ──publish──▶│ slot │ slot │ slot │ … (whole pages)│──pin──▶ Reader, Reader, …      (windows of kernels map these)
//!    │                └────────────────────────────────────┘
//!    └──mirror──▶ pyshmem's place ──ingest──▶ Writer        Python: pyshmem.open(name), read and write
//! ```
//!
//! - [`Stream`] is the segment: made, attached to or joined by name; removed by the run that made it.
//! - [`Writer`] publishes. It never waits for a reader and never touches what one holds.
//! - [`Reader`] takes the newest frame, or every one, without a copy.
//! - [`Tap`] copies the frames that come by, unseen by the writer.
//! - [`Gate`] holds threads while a run is paused.
//! - [`wait`] waits for readers' words, a writer's room, a [`Bell`]: spinning, then asleep.
//! - [`PrivateRing`] is memory that a kernel may write to without any reader seeing it.
//! - [`Ingest`] publishes what other processes write through pyshmem.
//! - [`list`], [`info`], [`read_frame`], [`write_frame`], [`remove`] are for tools.
//! - [`guard`] keeps the process alive when a mapping fails under it.
//!
//! The layout is that of `segment`, the ring's protocol is explained in `ring`, pyshmem's in `place`.
//!
//! Other processes of the same user can write into all of this. They can spoil what is computed from a stream and make its
//! readers or its writer stop; they cannot make this process touch memory that is not the stream's.

#![allow(unsafe_code, reason = "computes addresses in shared memory")]

#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64"
)))]
compile_error!("streams need 64-bit little-endian Linux");

mod atomic;
mod control;
mod create;
mod error;
mod frame;
mod gate;
pub mod guard;
mod header;
mod ingest;
mod inventory;
mod lock;
mod mapping;
mod mirror;
mod name;
mod owner;
mod place;
mod private;
mod reader;
mod ring;
mod segment;
mod space;
mod spec;
mod spin;
mod tap;
mod user;
mod wait;
mod writer;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use control::MOST_SLOTS;
pub use error::StreamError;
pub(crate) use frame::now_ns;
pub use frame::{Publication, Stamp};
pub use gate::Gate;
pub use ingest::Ingest;
pub use inventory::{Info, RingInfo, Snapshot, info, list, read_frame, remove, write_frame};
pub use lock::OtherLock;
pub use private::PrivateRing;
pub use reader::Reader;
pub(crate) use ring::Signal;
pub use ring::{Delivery, Frame, Mark, WaitWord};
pub use spec::{Mirror, Mode, StreamSpec};
pub use spin::Spin;
pub use tap::Tap;
pub use wait::{Bell, Woken, wait};
pub use writer::Writer;

use crate::array::ArrayType;
use control::{Control, Feed};
use lock::StreamLock;
use name::StreamFiles;
use place::Place;
use segment::{Found, Segment};

/// How long the end of a run waits for somebody who is just writing, before it removes its stream all the same.
const REMOVE_PATIENCE: Duration = Duration::from_millis(20);

/// A stream: the memory, and what is in it.
#[derive(Debug)]
pub struct Stream {
    files: StreamFiles,
    segment: Segment,
    place: Place,
    mirror: Mirror,
    /// The count in pyshmem's place after what this process mirrored there last; 0: nothing yet.
    mirrored: AtomicU64,
    /// Whether this process made it, and so removes it.
    made: bool,
}

/// The slots of a stream's ring, to be mapped into a kernel's memory.
#[derive(Clone, Copy, Debug)]
pub struct RingWindow<'a> {
    /// The file.
    pub file: BorrowedFd<'a>,
    /// Where the first slot begins in it: whole pages.
    pub offset: u64,
    /// From one slot to the next: whole pages.
    pub stride: u32,
    /// How many there are.
    pub slots: u32,
    /// Bytes of a frame, at the beginning of its slot.
    pub bytes: u32,
}

impl Stream {
    /// Makes the stream, or attaches to the one that exists, as [`StreamSpec::mode`] says.
    ///
    /// # Errors
    /// A name, dtype, shape or number of slots that cannot be; no room in shared memory; a stream that exists and is in use,
    /// differs, or is not a stream. Nothing is left behind.
    pub fn create(spec: &StreamSpec) -> Result<Arc<Stream>, StreamError> {
        let files = StreamFiles::of(&spec.name)?;
        let ring = spec.geometry()?;
        let (segment, made) = create::segment_for(&files, spec, &ring)?;
        let mirror = match (spec.mirror, made) {
            (Mirror::IfAttached, true) => Mirror::Never,
            (Mirror::IfAttached, false) => Mirror::Auto,
            (mirror, _) => mirror,
        };
        Stream::new(files, segment, mirror, made).map(Arc::new)
    }

    /// Opens the ring of a stream that a run of sandpipe, in another process, has made: for its workers and for tools.
    ///
    /// # Errors
    /// There is no such stream, or it is not one of sandpipe's.
    pub fn join(name: &str) -> Result<Arc<Stream>, StreamError> {
        let files = StreamFiles::of(name)?;
        match segment::find(&files)? {
            Found::Ours(existing, _) => {
                let segment = segment::join(&files, existing)?;
                Stream::new(files, segment, Mirror::Never, false).map(Arc::new)
            }
            Found::Unusable(error) => Err(error),
            Found::Pyshmem(_) | Found::Nothing | Found::Remains => {
                Err(StreamError::Missing { name: files.name })
            }
        }
    }

    fn new(
        files: StreamFiles,
        segment: Segment,
        mirror: Mirror,
        made: bool,
    ) -> Result<Stream, StreamError> {
        let bytes = segment.geometry.bytes as usize;
        let place = Place::new(
            segment.header_map.clone(),
            segment.payload_map.clone(),
            bytes,
            segment.header.notify,
        );
        let place = place.ok_or_else(|| StreamError::Damaged {
            name: files.name.clone(),
        })?;
        Ok(Stream {
            files,
            segment,
            place,
            mirror,
            mirrored: AtomicU64::new(0),
            made,
        })
    }

    /// The name, with the namespace.
    pub fn name(&self) -> &str {
        &self.files.name
    }

    /// Dtype and shape of its frames.
    pub fn array(&self) -> &ArrayType {
        &self.segment.header.array
    }

    /// Bytes of one frame.
    pub fn bytes(&self) -> usize {
        self.segment.geometry.bytes as usize
    }

    /// Whether this process made it (and removes it when it is dropped), rather than attached to it.
    pub fn is_made_here(&self) -> bool {
        self.made
    }

    /// Becomes its writer.
    ///
    /// # Errors
    /// It has one, here or in a live process; or the lock that pyshmem's writers use cannot be opened.
    pub fn writer(self: &Arc<Self>) -> Result<Writer, StreamError> {
        Writer::new(self, Feed::Producer)
    }

    /// Becomes its writer on behalf of other processes that write it through pyshmem.
    ///
    /// # Errors
    /// As [`Stream::writer`].
    pub fn ingest(self: &Arc<Self>) -> Result<Ingest, StreamError> {
        Ingest::new(self)
    }

    /// Attaches a reader. What has been published already is [`Reader::newest`], but not [`Reader::next`].
    ///
    /// # Errors
    /// All places for readers are taken.
    pub fn reader(self: &Arc<Self>, delivery: Delivery) -> Result<Reader, StreamError> {
        Reader::new(self, delivery)
    }

    /// Follows the stream without being one of its readers, from the oldest frame on that is still in the ring.
    pub fn tap(self: &Arc<Self>) -> Tap {
        Tap::new(self)
    }

    /// Whether a living process writes its ring.
    pub fn is_written(&self) -> bool {
        inventory::writer_of(self).is_some()
    }

    /// The slots, for kernels.
    pub fn ring(&self) -> RingWindow<'_> {
        let geometry = &self.segment.geometry;
        RingWindow {
            file: self.segment.ring.as_fd(),
            offset: geometry.offset,
            stride: geometry.stride,
            slots: geometry.slots,
            bytes: geometry.bytes,
        }
    }

    /// Whether the stream's memory is still there.
    ///
    /// # Errors
    /// Another process has truncated one of its files. The stream is of no use any more; its user is safe.
    #[inline]
    pub fn check(&self) -> Result<(), StreamError> {
        if self.place.is_damaged() || self.segment.ring_map.is_damaged() {
            return Err(StreamError::Damaged {
                name: self.files.name.clone(),
            });
        }
        Ok(())
    }

    /// As [`Stream::check`], but also notices what nobody has stumbled over yet: asks the system how long the files are.
    ///
    /// # Errors
    /// As [`Stream::check`].
    pub fn examine(&self) -> Result<(), StreamError> {
        if !self.segment.is_whole() {
            return Err(StreamError::Damaged {
                name: self.files.name.clone(),
            });
        }
        self.check()
    }

    #[inline]
    fn control(&self) -> &Control {
        &self.segment.control
    }

    /// The records that its writer and its readers share.
    #[inline]
    fn records(&self) -> ring::Ring<'_> {
        self.segment.control.ring()
    }

    /// Where a slot begins in this process. The slot exists.
    #[inline]
    fn slot(&self, slot: u32) -> *mut u8 {
        let geometry = &self.segment.geometry;
        debug_assert!(slot < geometry.slots);
        let offset = geometry.offset as usize + slot as usize * geometry.stride as usize;
        // SAFETY: the mapping reaches to `geometry.end()`, and every caller's slot has an index below `geometry.slots`.
        unsafe { self.segment.ring_map.base().add(offset) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.made {
            return;
        }
        // The lock keeps somebody from replacing the stream between the look and the removal. Who holds it for long is
        // stopped in the middle of a write, and gains nothing from the name.
        let mut lock = StreamLock::open(&self.files).ok();
        let _held = lock
            .as_mut()
            .and_then(|lock| lock.hold_within(REMOVE_PATIENCE).ok()?);
        self.segment.remove_made(&self.files);
    }
}
