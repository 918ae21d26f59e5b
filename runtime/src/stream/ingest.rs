//! Frames that other processes write through pyshmem, brought into the ring: by one copy each, which is the only one.
//!
//! A frame is copied between two looks at pyshmem's sequence, and dropped if it has changed. That the sequence is even is not
//! enough: after a writer was killed in the middle of a frame, pyshmem's next one has it even *during* the write (see `place`).
//! Two things tell:
//!
//! - Whoever writes has signed for the lock. So a frame is taken without the lock only while nobody has.
//! - The count grows only with whole frames. So it is taken without the lock only if sequence and count have grown together since
//!   they were last known to be right.
//!
//! Neither would do alone: a writer that is killed after it counted its frame makes both grow by what they should, and a third
//! process that takes the lock and writes nothing wipes out the signature of a dead one. Where they do not tell, the
//! frame is taken with the lock held, which shows what the fields mean and puts them in order.

#![allow(
    unsafe_code,
    reason = "copies frames between two places of shared memory"
)]

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::Stream;
use super::control::Feed;
use super::error::StreamError;
use super::frame::{Publication, Stamp, now_ns};
use super::lock::StreamLock;
use super::place::{Look, Place};
use super::ring::WaitWord;
use super::wait::distrust;
use super::writer::Writer;

/// Copies that may be torn before the lock is tried.
const COPIES: u32 = 3;

/// How often to look again while somebody has signed: one who has just written lets go within microseconds.
const LOOKS: u32 = 500;

/// How often the lock is tried, once copies were torn: a writer at full speed lets go of it for an instant per frame.
const LOCK_TRIES: u32 = 100;

/// A write that takes longer, or a signature that stays longer without one, may have been left by a process that died: then
/// the lock is free.
const LONG_WRITE: Duration = Duration::from_millis(10);

/// How long to sleep where somebody was at work when we looked: he changes no word that wakes us when he lets go of the lock.
const UNSETTLED_PAUSE: Duration = Duration::from_millis(1);

/// Where writers wake nobody, how long to sleep between looks: a part of the time between the last two frames, within these
/// bounds. So most frames of a steady writer are seen, soon, and one that writes seldom costs little.
const LOOKS_PER_FRAME: u64 = 16;
const PAUSE_NS: RangeInclusive<u64> = 20_000..=200_000;
/// And so long where nobody has written for a while.
const IDLE_PAUSE: Duration = Duration::from_millis(1);
const IDLE_NS: u64 = 1_000_000_000;

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
    missed: AtomicU64,
    /// When the last frame was brought in, and how long after the one before: nanoseconds.
    last_ns: AtomicU64,
    between_ns: AtomicU64,
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
    /// Whether it was told that the lock cannot be had.
    warned: bool,
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
    /// Becomes the stream's writer. A frame that lies in the place already is published at once, unless it comes from the ring.
    pub(super) fn new(stream: &Arc<Stream>) -> Result<Ingest, StreamError> {
        let there = stream.place.look().count;
        let mirrored = stream.mirrored.load(Ordering::Relaxed);
        let ingest = Ingest {
            stream: stream.clone(),
            seen: AtomicI64::new(0),
            settled: AtomicBool::new(false),
            room_seen: AtomicU64::new(HAS_ROOM),
            missed: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
            between_ns: AtomicU64::new(0),
            state: Mutex::new(State {
                writer: Writer::new(stream, Feed::Outside)?,
                lock: StreamLock::open(&stream.files)?,
                right: (0, 0),
                taken: match mirrored {
                    // What was overwritten before anybody could ask for it is not skipped.
                    0 => there.saturating_sub(1),
                    mirrored => mirrored,
                },
                at_work: (i64::MIN, Instant::now()),
                warned: false,
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
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// To wait until [`Ingest::poll`] may have something to do.
    pub fn word(&self) -> WaitWord<'_> {
        match self.room_seen.load(Ordering::Acquire) {
            HAS_ROOM => {
                let seen = self.seen.load(Ordering::Acquire);
                let most = match self.settled.load(Ordering::Acquire) {
                    true => Duration::MAX,
                    false => UNSETTLED_PAUSE,
                };
                let place = &self.stream.place;
                place.wait_word(seen, most, || self.pause())
            }
            seen => distrust(self.stream.records().shared.room.0.word(seen)),
        }
    }

    /// How long to sleep until the next look, where nobody wakes us.
    fn pause(&self) -> Duration {
        let last = self.last_ns.load(Ordering::Relaxed);
        if now_ns().saturating_sub(last) > IDLE_NS {
            return IDLE_PAUSE;
        }
        let pause = self.between_ns.load(Ordering::Relaxed) / LOOKS_PER_FRAME;
        Duration::from_nanos(pause.clamp(*PAUSE_NS.start(), *PAUSE_NS.end()))
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
            let look = look_when_unsigned(place, state.taken);
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
        self.missed.fetch_add(missed, Ordering::Relaxed);
        let last = self
            .last_ns
            .swap(publication.published_ns, Ordering::Relaxed);
        let between = publication.published_ns.saturating_sub(last);
        self.between_ns.store(between, Ordering::Relaxed);
        Some(publication)
    }

    /// Takes the frame while nobody can write, unless the lock is held by somebody who keeps it.
    fn take_with_the_lock(&self, state: &mut State) -> Outcome {
        let place = &self.stream.place;
        for _ in 0..LOCK_TRIES {
            let State { lock, writer, .. } = state;
            match lock.try_hold() {
                Ok(Some(held)) => {
                    let Some(look) = place.settle(&held, state.right) else {
                        return Outcome::Later;
                    };
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
                Err(error) => {
                    if !state.warned {
                        state.warned = true;
                        tracing::warn!(
                            "a frame of stream '{}' waits for its lock, which cannot be had: {error}",
                            self.stream.name()
                        );
                    }
                    break;
                }
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
        if look.signed {
            return self.unless_long(look);
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

/// A look at the place, if it can be without anybody's signature where it holds a frame that is not the one that was taken last.
fn look_when_unsigned(place: &Place, taken: u64) -> Look {
    let mut look = place.look();
    for _ in 0..LOOKS {
        if !look.signed || !look.is_whole() || look.count == taken {
            break;
        }
        std::hint::spin_loop();
        look = place.look();
    }
    look
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
