//! Frames that other processes write through pyshmem, brought into the ring: by one copy each, which is the only one.
//!
//! A frame is copied between two looks at pyshmem's sequence, and dropped if it has changed. That the sequence is even is not
//! enough: after a writer was killed in the middle of a frame, pyshmem's next one has it even *during* the write (see `place`).
//! But then sequence and count have not grown together, since the count grows only with whole frames. So a frame is taken
//! without the lock only if both have grown together since they were last known to be right; otherwise with the lock held,
//! which shows what the fields mean and puts them in order.

#![allow(
    unsafe_code,
    reason = "copies frames between two places of shared memory"
)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::Stream;
use super::control::Feed;
use super::error::StreamError;
use super::frame::{Publication, Stamp};
use super::lock::StreamLock;
use super::place::{Look, Place};
use super::ring::WaitWord;
use super::wait::distrust;
use super::writer::Writer;

/// Copies that may be torn before the lock is tried.
const COPIES: u32 = 3;

/// How often the lock is tried, once copies were torn: a writer at full speed lets go of it for an instant per frame.
const LOCK_TRIES: u32 = 100;

/// A write that takes longer, or a signature that stays longer without one, may have been left by a process that died: then
/// the lock is free.
const LONG_WRITE: Duration = Duration::from_millis(10);

/// [`Ingest::room_seen`] where the ring has room.
const HAS_ROOM: u64 = u64::MAX;

/// Publishes what other processes write into a stream. Shared by all lanes that read it: whoever notices a new frame first
/// brings it in, and the others are woken by the publication as ever.
#[derive(Debug)]
pub struct Ingest {
    stream: Arc<Stream>,
    /// The sequence at the last look.
    seen: AtomicI64,
    /// Whether nothing is left to do about what was seen then.
    settled: AtomicBool,
    /// The value of the ring's room word when an `every` reader was too far behind to bring a frame in.
    room_seen: AtomicU64,
    skipped: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    writer: Writer,
    lock: StreamLock,
    /// Sequence and count of a moment when both were right.
    right: (i64, u64),
    /// The count of the frame that was brought in last.
    taken: u64,
    /// The sequence of the last look that found somebody at work, and since when.
    at_work: (i64, Instant),
}

/// What one look at the place came to.
enum Outcome {
    Published(Publication),
    /// There is nothing to bring in until somebody writes.
    Nothing,
    /// There may be something even if nobody writes: a writer may have died, or somebody keeps the lock.
    Later,
    /// A writer came by while the frame was copied.
    Torn,
    /// Only with the lock held can be told what the fields mean.
    Unclear,
    /// An `every` reader has to take a frame first.
    Full,
}

impl Ingest {
    /// Becomes the stream's writer. A frame that lies in the place already is published at once.
    pub(super) fn new(stream: &Arc<Stream>) -> Result<Ingest, StreamError> {
        let ingest = Ingest {
            stream: stream.clone(),
            seen: AtomicI64::new(0),
            settled: AtomicBool::new(false),
            room_seen: AtomicU64::new(HAS_ROOM),
            skipped: AtomicU64::new(0),
            state: Mutex::new(State {
                writer: Writer::new(stream, Feed::Outside)?,
                lock: StreamLock::open(&stream.files)?,
                right: (0, 0),
                // What was overwritten before anybody could ask for it is not skipped.
                taken: stream.place.look().count.saturating_sub(1),
                at_work: (i64::MIN, Instant::now()),
            }),
        };
        ingest.poll();
        Ok(ingest)
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Brings in a frame, if a new one has been written. Three loads where nothing has happened; returns at once where another
    /// lane is at it.
    #[inline]
    pub fn poll(&self) -> Option<Publication> {
        let place = &self.stream.place;
        let settled = self.settled.load(Ordering::Acquire);
        // A signature that a dead writer left keeps pyshmem from opening the stream.
        if settled && place.sequence() == self.seen.load(Ordering::Acquire) && !place.is_signed() {
            return None;
        }
        self.bring_in()
    }

    /// Says that no more frames will be brought in: the ring is closed for its readers.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writer.close();
    }

    /// Frames that were overwritten before they could be brought in.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// To wait until [`Ingest::poll`] may have something to do.
    pub fn word(&self) -> WaitWord<'_> {
        match self.room_seen.load(Ordering::Acquire) {
            HAS_ROOM => self
                .stream
                .place
                .wait_word(self.seen.load(Ordering::Acquire)),
            seen => distrust(self.stream.records().shared.room.0.word(seen)),
        }
    }

    fn bring_in(&self) -> Option<Publication> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let place = &self.stream.place;
        let before = state.taken;
        let mut outcome = Outcome::Torn;
        for _ in 0..COPIES {
            let look = place.look();
            self.seen.store(look.sequence, Ordering::Release);
            outcome = state.take(place, &look);
            if !matches!(outcome, Outcome::Torn) {
                break;
            }
        }
        if matches!(outcome, Outcome::Torn | Outcome::Unclear) {
            outcome = self.take_with_the_lock(&mut state);
        }
        let room_seen = match outcome {
            Outcome::Full => state.writer.room_seen(),
            _ => HAS_ROOM,
        };
        self.room_seen.store(room_seen, Ordering::Release);
        let settled = matches!(outcome, Outcome::Published(_) | Outcome::Nothing);
        self.settled.store(settled, Ordering::Release);
        let Outcome::Published(publication) = outcome else {
            return None;
        };
        let missed = state.taken.saturating_sub(before + 1);
        self.skipped.fetch_add(missed, Ordering::Relaxed);
        Some(publication)
    }

    /// Takes the frame while nobody can write, unless the lock is held by somebody who keeps it.
    fn take_with_the_lock(&self, state: &mut State) -> Outcome {
        let place = &self.stream.place;
        for _ in 0..LOCK_TRIES {
            let State { lock, writer, .. } = state;
            match lock.try_hold() {
                Ok(Some(held)) => {
                    let regular = grown_together(state.right, &place.look());
                    let look = place.settle(&held, regular);
                    self.seen.store(look.sequence, Ordering::Release);
                    if look.sequence < 0 {
                        return Outcome::Nothing;
                    }
                    if look.sequence % 2 != 0 {
                        return Outcome::Later;
                    }
                    state.right = (look.sequence, look.count);
                    if look.count == state.taken {
                        return Outcome::Nothing;
                    }
                    let outcome = copy(writer, place, &look);
                    if matches!(outcome, Outcome::Published(_)) {
                        state.taken = look.count;
                    }
                    return outcome;
                }
                Ok(None) => std::hint::spin_loop(),
                Err(_) => break,
            }
        }
        // Whoever holds it is alive, and has as long again.
        state.at_work.1 = Instant::now();
        Outcome::Later
    }
}

impl State {
    /// Takes the frame that was looked at, without the lock.
    fn take(&mut self, place: &Place, look: &Look) -> Outcome {
        if look.sequence < 0 {
            // Given up. The next write begins on the odd number that follows and ends on the even one after it.
            if !place.is_still(look) {
                return Outcome::Torn;
            }
            let given_up = look.sequence.wrapping_neg();
            self.right = (given_up.wrapping_add(given_up % 2), look.count);
            return Outcome::Nothing;
        }
        if look.sequence % 2 != 0 {
            return self.unless_long(look);
        }
        if !grown_together(self.right, look) {
            return if place.is_still(look) {
                Outcome::Unclear
            } else {
                Outcome::Torn
            };
        }
        if look.count == self.taken {
            return if look.signed {
                self.unless_long(look)
            } else {
                Outcome::Nothing
            };
        }
        let outcome = copy(&mut self.writer, place, look);
        if matches!(outcome, Outcome::Published(_)) {
            self.right = (look.sequence, look.count);
            self.taken = look.count;
        }
        outcome
    }

    /// Somebody is at work; whether for so long that the lock has to tell whether that is still so.
    fn unless_long(&mut self, look: &Look) -> Outcome {
        if self.at_work.0 != look.sequence {
            self.at_work = (look.sequence, Instant::now());
        }
        if self.at_work.1.elapsed() > LONG_WRITE {
            Outcome::Unclear
        } else {
            Outcome::Later
        }
    }
}

/// Whether every frame since `right` has moved the sequence by two.
fn grown_together(right: (i64, u64), look: &Look) -> bool {
    let frames = look.count.wrapping_sub(right.1);
    look.sequence.wrapping_sub(right.0) as u64 == frames.wrapping_mul(2)
}

/// Copies the frame into a slot and publishes it, if it is still the one that was looked at.
fn copy(writer: &mut Writer, place: &Place, look: &Look) -> Outcome {
    let Some(slot) = writer.begin() else {
        return Outcome::Full;
    };
    // SAFETY: the slot is the writer's to fill, one frame long, and apart from the place.
    unsafe { place.copy_to(writer.stream().slot(slot)) };
    if !place.is_still(look) {
        return Outcome::Torn;
    }
    match writer.publish(slot, Stamp::source(look.frame_id)) {
        Some(publication) => Outcome::Published(publication),
        None => Outcome::Nothing,
    }
}
