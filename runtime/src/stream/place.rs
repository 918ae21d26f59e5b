//! pyshmem's place for the one frame that its readers see, and the protocol for writing and reading it (pyshmem 1.4.0).
//!
//! `sequence` is even when the frame is whole, odd while it is written, negative when a write was given up. A writer holds the
//! stream's lock; a reader compares the sequence before and after its copy. Two rules differ from pyshmem's own, and heal
//! what its writers leave behind when they are killed:
//!
//! - a write that begins on an odd sequence stays odd (pyshmem makes it even *during* the write, so that readers take torn
//!   frames for whole ones; they are told from whole ones by the writer's signature, see `ingest`);
//! - the count is read inside the bracket of the two sequences, not behind it.
//!
//! pyshmem's sequence grows by 2 and its count by 1 a frame. Ours grow by so much for each frame of the ring since the last
//! copy, so that a Python reader's count of missed frames is true.

#![allow(unsafe_code, reason = "copies frames out of and into shared memory")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::error::StreamError;
use super::header;
use super::lock::Held;
use super::mapping::Mapping;
use super::owner::process_is_alive;
use super::ring::WaitWord;
use super::wait::wake;

// Offsets of the changing fields in pyshmem's header.
const AT_COUNT: usize = 40;
const AT_SEQUENCE: usize = 48;
const AT_TIME: usize = 56;
pub(super) const AT_HOLDER: usize = 64;
const AT_DEPTH: usize = 72;
const AT_FRAME_ID: usize = 96;

/// Sequences beyond this are nonsense that somebody scribbled; numbering starts anew.
const MOST: u64 = 1 << 60;

/// How long to trust a writer that promises to wake us: it may die, or be another program that forgets.
const RECHECK_WOKEN: Duration = Duration::from_millis(50);

/// An even sequence that stays for so long is not that of a write that runs: its holder only keeps the lock, or is dead.
const LONG_WRITE: Duration = Duration::from_millis(100);

/// The place of one stream: the header that says what is in it, and its memory.
#[derive(Clone, Debug)]
pub(super) struct Place {
    header: Arc<Mapping>,
    payload: Arc<Mapping>,
    bytes: usize,
    notify: bool,
}

/// The changing fields, as they were at one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Even: a whole frame. Odd: a write is running. Negative: a write was given up.
    pub sequence: i64,
    /// Frames published since the stream was made.
    pub count: u64,
    /// The number that the frame's writer gave it.
    pub frame_id: u64,
    /// When it was written, in seconds of UNIX time; 0: never.
    pub written: f64,
    /// The process that holds the lock, or held it when it died; 0: none.
    pub holder: i64,
    /// Whether these fields say that the lock is held.
    pub signed: bool,
}

impl Look {
    /// Whether the place holds a whole frame, by the sequence alone.
    pub fn is_whole(&self) -> bool {
        self.sequence >= 0 && self.sequence % 2 == 0
    }
}

impl Place {
    /// The place whose header lies at the beginning of `header` and whose frame of `bytes` at that of `payload`; `None` if
    /// they are too small.
    pub fn new(
        header: Arc<Mapping>,
        payload: Arc<Mapping>,
        bytes: usize,
        notify: bool,
    ) -> Option<Place> {
        let fits = header.length() >= header::LENGTH && payload.length() >= bytes;
        fits.then_some(Place {
            header,
            payload,
            bytes,
            notify,
        })
    }

    #[inline]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= header::LENGTH && offset.is_multiple_of(8));
        // SAFETY: `new` has checked that the header is there; mappings are page-aligned and the offsets above multiples of 8;
        // an atomic may be shared with anybody, and lives as long as the mapping.
        unsafe { AtomicU64::from_ptr(self.header.base().add(offset).cast()) }
    }

    #[inline]
    fn depth(&self) -> &AtomicU32 {
        // SAFETY: as for `word`.
        unsafe { AtomicU32::from_ptr(self.header.base().add(AT_DEPTH).cast()) }
    }

    /// The sequence alone: one load.
    #[inline]
    pub fn sequence(&self) -> i64 {
        self.word(AT_SEQUENCE).load(Ordering::Acquire) as i64
    }

    /// The fields now: the sequence first, so that what follows belongs to it if [`Place::is_still`] says so.
    pub fn look(&self) -> Look {
        let sequence = self.sequence();
        Look {
            sequence,
            count: self.word(AT_COUNT).load(Ordering::Relaxed),
            frame_id: self.word(AT_FRAME_ID).load(Ordering::Relaxed),
            written: f64::from_bits(self.word(AT_TIME).load(Ordering::Relaxed)),
            holder: self.holder(),
            signed: self.is_signed(),
        }
    }

    /// The process that holds the stream's lock or did when it died, as far as it said so; 0: none.
    #[inline]
    pub fn holder(&self) -> i64 {
        self.word(AT_HOLDER).load(Ordering::Relaxed) as i64
    }

    /// Whether somebody has put down that the lock is held: by name, or, until that is complete, by how often alone.
    #[inline]
    pub fn is_signed(&self) -> bool {
        self.holder() != 0 || self.depth().load(Ordering::Relaxed) != 0
    }

    /// Whether nothing was written since `look`, and so whether what was copied since is the frame that it speaks of.
    pub fn is_still(&self, look: &Look) -> bool {
        fence(Ordering::Acquire);
        self.word(AT_SEQUENCE).load(Ordering::Relaxed) as i64 == look.sequence
    }

    /// To wait until a writer has come by after `seen`. `pause`: how long to sleep between looks where writers wake nobody; `most`:
    /// in any case.
    pub fn wait_word(
        &self,
        seen: i64,
        most: Duration,
        pause: impl FnOnce() -> Duration,
    ) -> WaitWord<'_> {
        let recheck = if self.notify { RECHECK_WOKEN } else { pause() };
        WaitWord::of_others(self.word(AT_SEQUENCE), seen as u64, recheck.min(most))
    }

    /// Copies the frame as it is now, whole or torn.
    ///
    /// # Safety
    /// `to` is valid for writing one frame and does not overlap the place.
    pub unsafe fn copy_to(&self, to: *mut u8) {
        // SAFETY: `new` has checked the source's size; the caller vouches for the target. The source may change meanwhile,
        // which the caller notices by the sequence.
        unsafe { ptr::copy_nonoverlapping(self.payload.base(), to, self.bytes) }
    }

    /// Publishes a frame, which is the `publications`-th of the stream since the last one here. Returns how many have been counted then.
    ///
    /// # Safety
    /// `from` is valid for reading one frame that nobody changes meanwhile, and does not overlap the place.
    pub unsafe fn publish(
        &self,
        held: &Held<'_>,
        from: *const u8,
        frame_id: Option<u64>,
        publications: u64,
    ) -> u64 {
        self.sign(held);
        let sequence = self.word(AT_SEQUENCE);
        let last = (sequence.load(Ordering::Relaxed) as i64).unsigned_abs();
        let last = if last < MOST { last } else { 0 };
        let publications = publications.clamp(1, MOST);
        let odd = last + 1 + last % 2 + 2 * (publications - 1);
        sequence.store(odd, Ordering::Relaxed);
        // A large copy may use stores that are not ordered with others: these fences are full ones for that.
        fence(Ordering::SeqCst);
        // SAFETY: as for `copy_to`, with the roles changed; the lock keeps other writers out.
        unsafe { ptr::copy_nonoverlapping(from, self.payload.base(), self.bytes) };
        fence(Ordering::SeqCst);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.word(AT_TIME)
            .store(now.as_secs_f64().to_bits(), Ordering::Relaxed);
        if let Some(frame_id) = frame_id {
            self.word(AT_FRAME_ID).store(frame_id, Ordering::Relaxed);
        }
        let count = self.word(AT_COUNT);
        let counted = count.load(Ordering::Relaxed).wrapping_add(publications);
        count.store(counted, Ordering::Relaxed);
        sequence.store(odd + 1, Ordering::Release);
        self.notify();
        self.unsign();
        counted
    }

    /// The process that has signed although the lock is held here: it uses another lock, in another directory.
    pub fn stranger(&self, _held: &Held<'_>) -> Option<i64> {
        let holder = self.holder();
        let is_other = holder != 0 && holder != i64::from(std::process::id());
        (is_other && process_is_alive(holder)).then_some(holder)
    }

    /// Brings the fields into order after a writer that died. Holding the lock, nobody is writing.
    ///
    /// `right` is a sequence with its count that were known to be right. Any other even sequence under the name of a dead holder may be
    /// the middle of a write (the defect in the module's notes), also where both have grown as they should: the writer before may
    /// have died after it counted its frame.
    ///
    /// `None` where a [`Place::stranger`] may be writing: then nothing is known.
    pub fn settle(&self, held: &Held<'_>, right: (i64, u64)) -> Option<Look> {
        let look = self.look();
        if look.sequence >= 0 {
            let odd = look.sequence % 2 == 1;
            let signed = look.holder != 0;
            if self.stranger(held).is_some() {
                return None;
            }
            if odd && !signed {
                // A whole frame, published by a writer that had begun on the odd sequence of a dead one.
                self.word(AT_SEQUENCE)
                    .store(look.sequence.wrapping_add(1) as u64, Ordering::Release);
            } else if odd || (signed && right != (look.sequence, look.count)) {
                self.word(AT_SEQUENCE)
                    .store(-look.sequence as u64, Ordering::Release);
                self.notify();
            }
        }
        if look.signed {
            self.clear_signature_of(look.holder);
        }
        // A stranger signs before it changes the sequence. So whoever has changed it before this look is seen after it.
        let look = self.look();
        self.stranger(held).is_none().then_some(look)
    }

    /// Copies the frame into `frame`, trying until it is whole.
    ///
    /// # Errors
    /// Nothing was ever written, the last write was given up, or no whole frame came by before `limit`.
    pub fn read(&self, name: &str, frame: &mut [u8], limit: Duration) -> Result<Look, StreamError> {
        let name = || name.to_owned();
        if frame.len() != self.bytes {
            let (wanted, given) = (self.bytes, frame.len());
            return Err(StreamError::FrameSize {
                name: name(),
                wanted,
                given,
            });
        }
        let start = Instant::now();
        let mut signed = (0, start);
        loop {
            let look = self.look();
            if look.sequence < 0 {
                return Err(StreamError::Unfinished { name: name() });
            }
            if signed.0 != look.sequence {
                signed = (look.sequence, Instant::now());
            }
            let at_work = look.signed && signed.1.elapsed() < LONG_WRITE;
            if look.is_whole() && !at_work {
                // SAFETY: the slice is a frame long and private.
                unsafe { self.copy_to(frame.as_mut_ptr()) };
                if self.is_still(&look) {
                    let empty = look.count == 0;
                    return if empty {
                        Err(StreamError::Empty { name: name() })
                    } else {
                        Ok(look)
                    };
                }
            }
            if start.elapsed() >= limit {
                let holder = look.holder;
                return Err(StreamError::Locked {
                    name: name(),
                    holder,
                });
            }
            std::thread::sleep(Duration::from_micros(1));
        }
    }

    /// Notes who holds the lock, in pyshmem's order.
    fn sign(&self, _held: &Held<'_>) {
        let process = u64::from(std::process::id());
        self.word(AT_HOLDER).store(process, Ordering::Relaxed);
        self.depth().store(1, Ordering::Release);
    }

    /// Unsigns for a process that died, unless another has signed meanwhile.
    fn clear_signature_of(&self, holder: i64) {
        let (holder, order) = (holder as u64, Ordering::Relaxed);
        let word = self.word(AT_HOLDER);
        if word.compare_exchange(holder, 0, order, order).is_ok() {
            self.depth().store(0, Ordering::Release);
        }
    }

    fn unsign(&self) {
        self.word(AT_HOLDER).store(0, Ordering::Relaxed);
        self.depth().store(0, Ordering::Release);
    }

    fn notify(&self) {
        if self.notify {
            wake(self.word(AT_SEQUENCE));
        }
    }

    /// Whether another process has cut the stream's memory short.
    pub fn is_damaged(&self) -> bool {
        self.header.is_damaged() || self.payload.is_damaged()
    }
}
