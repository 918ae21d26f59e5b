//! Waiting for any of several words in shared or private memory to change: spinning first, then in the kernel.
//!
//! A word is 64 bits wide; its low half is what the kernel's futex compares (so the machine is little-endian), without the
//! private flag, because the other side may be another process. Beside each word of ours lies a flag that a waiter raises
//! before it sleeps: whoever changes the word calls the kernel only if it is up. A waiter that dies leaves the flag up,
//! which costs the next change one needless call and nothing more.
//!
//! Protocol: futex(2), `FUTEX_WAIT`, `FUTEX_WAKE`; futex_waitv(2) for several words (Linux 5.16).

#![allow(unsafe_code, reason = "hands the address of half a word to the kernel")]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::{ClockId, futex};
use rustix::time::{Timespec, clock_gettime};

use super::ring::{Signal, WaitWord};

/// How many words the kernel can wait for at a time (`FUTEX_WAITV_MAX`); with more, [`wait`] looks every [`POLL`].
const MOST_WORDS: usize = 128;

/// How long to sleep between looks where the kernel cannot wait for several words.
const POLL: Duration = Duration::from_micros(200);

/// How long to sleep on a word of ours that other processes can write: one that scribbles over the word or over the flag beside
/// it wakes nobody, and one that truncates the file is noticed by touching it.
const RECHECK_SHARED: Duration = Duration::from_millis(500);

/// Looks at the words between two looks at the clock while spinning: about a microsecond.
const LOOKS_PER_CLOCK: u32 = 32;

/// The half of a word that the kernel looks at. Never accessed through the reference: only its address is used.
fn futex_word(word: &AtomicU64) -> &AtomicU32 {
    // SAFETY: the low half of a live, aligned 64-bit word is a live, aligned 32-bit word.
    unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
}

/// Wakes everybody, in every process, who sleeps on `word`.
#[cold]
pub(super) fn wake(word: &AtomicU64) {
    // It fails only for an address that is not mapped.
    let _ = futex::wake(futex_word(word), futex::Flags::empty(), i32::MAX as u32);
}

/// The word, to be looked at again from time to time though nobody wakes: it lies in a file that others can write.
#[inline]
pub(super) fn distrust(mut word: WaitWord<'_>) -> WaitWord<'_> {
    word.recheck = Some(RECHECK_SHARED);
    word
}

/// Why [`wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A word has changed, or is due for a look because nobody promises to wake us for it.
    Changed,
    /// The deadline has passed.
    Deadline,
}

/// Waits until one of `words` changes: spins for `spin`, then sleeps in the kernel until `deadline` (for ever without one).
///
/// A change between the caller's look and the call is never missed, since each word carries the value that was seen.
/// Returns early at times; the caller looks again anyway. The low 32 bits of words decide while asleep: 2^32 changes during
/// the few instructions before falling asleep would go unnoticed.
pub fn wait(words: &[WaitWord<'_>], spin: Duration, deadline: Option<Instant>) -> Woken {
    wait_and_tell(words, spin, deadline).0
}

/// As [`wait`], and tells whether it slept.
#[inline]
pub(super) fn wait_and_tell(
    words: &[WaitWord<'_>],
    spin: Duration,
    deadline: Option<Instant>,
) -> (Woken, bool) {
    let changed = || words.iter().any(WaitWord::is_changed);
    if changed() {
        return (Woken::Changed, false);
    }
    let start = Instant::now();
    let mut now = start;
    while now.duration_since(start) < spin {
        for _ in 0..LOOKS_PER_CLOCK {
            std::hint::spin_loop();
            if changed() {
                return (Woken::Changed, false);
            }
        }
        now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return (Woken::Deadline, false);
        }
    }
    let recheck = words.iter().filter_map(|word| word.recheck).min();
    let recheck = recheck.and_then(|after| now.checked_add(after));
    let until = [deadline, recheck].into_iter().flatten().min();
    let mut slept = false;
    loop {
        for word in words {
            word.announce();
        }
        if changed() {
            return (Woken::Changed, slept);
        }
        let left = until.map(|until| until.saturating_duration_since(now));
        if left.is_some_and(|left| left.is_zero()) {
            let late = deadline.is_some_and(|deadline| now >= deadline);
            let woken = if late {
                Woken::Deadline
            } else {
                Woken::Changed
            };
            return (woken, slept);
        }
        sleep(words, left);
        slept = true;
        now = Instant::now();
    }
}

/// Sleeps until one of the words is woken or has another low half than was seen, or `limit` has passed. May return early.
fn sleep(words: &[WaitWord<'_>], limit: Option<Duration>) {
    let outcome = match words {
        [] => Err(Errno::NOSYS),
        [word] => {
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            let value = futex_word(word.value);
            futex::wait(
                value,
                futex::Flags::empty(),
                word.seen as u32,
                limit.as_ref(),
            )
        }
        _ => sleep_on_several(words, limit),
    };
    match outcome {
        // Woken; the word differs; a signal came; the time is up.
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
        // An old kernel, a filter of system calls, or too many words.
        Err(_) => std::thread::sleep(limit.map_or(POLL, |limit| limit.min(POLL))),
    }
}

fn sleep_on_several(words: &[WaitWord<'_>], limit: Option<Duration>) -> Result<(), Errno> {
    /// Whether the kernel has said that it cannot.
    static MISSING: AtomicBool = AtomicBool::new(false);
    if words.len() > MOST_WORDS || MISSING.load(Ordering::Relaxed) {
        return Err(Errno::NOSYS);
    }
    let mut waits = [futex::Wait::new(); MOST_WORDS];
    for (wait, word) in waits.iter_mut().zip(words) {
        wait.val = u64::from(word.seen as u32);
        wait.uaddr = futex::WaitPtr::new(word.value.as_ptr().cast());
        wait.flags = futex::WaitFlags::SIZE_U32;
    }
    // The limit of this call is a time of day of the monotonic clock, not a duration.
    let until = limit.and_then(|limit| {
        let limit = Timespec::try_from(limit).ok()?;
        clock_gettime(ClockId::Monotonic).checked_add(limit)
    });
    let waits = &waits[..words.len()];
    let outcome = futex::waitv(
        waits,
        futex::WaitvFlags::empty(),
        until.as_ref(),
        ClockId::Monotonic,
    );
    if outcome == Err(Errno::NOSYS) {
        MISSING.store(true, Ordering::Relaxed);
    }
    outcome.map(|_| ())
}

/// Rung once, it stays rung: the end of a run, for every lane that waits.
#[derive(Debug, Default)]
pub struct Bell(Signal);

impl Bell {
    /// A bell that has not been rung.
    pub fn new() -> Bell {
        Bell::default()
    }

    /// Rings: every present and future wait for [`Bell::word`] ends at once. Safe in a signal handler.
    pub fn ring(&self) {
        self.0.store(1);
    }

    /// Whether it has been rung.
    #[inline]
    pub fn is_rung(&self) -> bool {
        self.0.load() != 0
    }

    /// To wait for the ring.
    pub fn word(&self) -> WaitWord<'_> {
        self.0.word(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);

    fn soon(duration: Duration) -> Option<Instant> {
        Some(Instant::now() + duration)
    }

    #[test]
    fn a_word_that_has_changed_already_does_not_wait() {
        let signal = Signal::default();
        signal.store(3);
        assert_eq!(
            wait(&[signal.word(2)], Duration::ZERO, None),
            Woken::Changed
        );
    }

    #[test]
    fn the_deadline_ends_the_wait_spinning_and_asleep() {
        let (a, b) = (Signal::default(), Bell::new());
        for spin in [Duration::ZERO, LONG] {
            for words in [&[][..], &[a.word(0)], &[a.word(0), b.word()]] {
                let start = Instant::now();
                assert_eq!(
                    wait(words, spin, soon(Duration::from_millis(5))),
                    Woken::Deadline
                );
                assert!(start.elapsed() >= Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn a_change_wakes_a_sleeper_on_one_or_several_words() {
        for several in [false, true] {
            let (a, bell) = (Signal::default(), Bell::new());
            thread::scope(|scope| {
                let sleeper = scope.spawn(|| {
                    let words = [a.word(0), bell.word()];
                    wait(
                        &words[..1 + usize::from(several)],
                        Duration::ZERO,
                        soon(LONG),
                    )
                });
                while !a.is_awaited() {
                    thread::yield_now();
                }
                a.increment();
                assert!(matches!(sleeper.join(), Ok(Woken::Changed)));
            });
        }
    }

    #[test]
    fn a_bell_ends_every_wait_and_stays_rung() {
        let (a, bell) = (Signal::default(), Bell::new());
        thread::scope(|scope| {
            let sleepers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| wait(&[a.word(0), bell.word()], Duration::ZERO, soon(LONG)))
                })
                .collect();
            bell.ring();
            for sleeper in sleepers {
                assert!(matches!(sleeper.join(), Ok(Woken::Changed)));
            }
        });
        assert!(bell.is_rung());
        assert_eq!(wait(&[bell.word()], Duration::ZERO, None), Woken::Changed);
    }

    #[test]
    fn a_word_of_others_is_looked_at_again_though_nobody_wakes() {
        let value = AtomicU64::new(7);
        let word = WaitWord::of_others(&value, 7, Duration::from_millis(1));
        assert_eq!(wait(&[word], Duration::ZERO, soon(LONG)), Woken::Changed);
    }

    #[test]
    fn no_wake_is_lost_between_two_threads() {
        const TURNS: u64 = 20_000;
        let (ping, pong) = (Signal::default(), Signal::default());
        let play = |own: &Signal, other: &Signal, first: bool| {
            for turn in 0..TURNS {
                if first {
                    own.store(turn + 1);
                }
                while other.load() <= turn {
                    // Seen before the look above or after it: both must work.
                    assert_eq!(
                        wait(&[other.word(turn)], Duration::ZERO, soon(LONG)),
                        Woken::Changed
                    );
                }
                if !first {
                    own.store(turn + 1);
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| play(&ping, &pong, true));
            scope.spawn(|| play(&pong, &ping, false));
        });
    }
}
