//! Stopping a guest that runs too long.
//!
//! Each instance has a [`Watch`] with one word: 0 while the guest is idle, an even number (a new one every call) while it
//! runs, that number plus one when it has been told to stop. One thread looks at all words from time to time; when it has seen
//! the same call for longer than its deadline, it marks the word and makes running guests notice (`interrupt`). The caller
//! learns from [`Watch::end`] that it was marked. So a call costs two exchanges of one word, no clock and no system call.
//!
//! How a guest notices is not known here. Today `interrupt` advances wasmtime's epoch: every guest that runs then asks
//! [`Revoked::is_set`] at its next loop or call, and goes on unless it is the one. A revoked page per instance could take
//! its place; only the engine and the store's set-up would change.
//!
//! When no guest has run for a while the thread sleeps, and the next call wakes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A deadline is looked at this often, so that it is overrun by at most a quarter.
const LOOKS_PER_DEADLINE: u32 = 8;
/// Bounds of the time between two looks.
const SHORTEST_PERIOD: Duration = Duration::from_micros(250);
const LONGEST_PERIOD: Duration = Duration::from_millis(50);
/// After this long without a call the thread sleeps until it is woken.
const IDLE: Duration = Duration::from_millis(200);

/// The word of one instance, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Word {
    state: AtomicU64,
    deadline_ns: AtomicU64,
}

impl Word {
    fn deadline(&self) -> Duration {
        Duration::from_nanos(self.deadline_ns.load(Ordering::Relaxed))
    }
}

/// A watched word, and what the thread saw last.
struct Entry {
    word: Arc<Word>,
    seen: u64,
    since: Instant,
}

/// What the thread and the callers share.
struct Shared {
    entries: Mutex<Vec<Entry>>,
    /// The thread sleeps, or is about to.
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// The watching thread. Dropping it ends the thread.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread. `interrupt` makes every running guest look at its [`Revoked`].
    pub fn start(interrupt: impl Fn() + Send + 'static) -> std::io::Result<Watchdog> {
        let shared = Arc::new(Shared {
            entries: Mutex::default(),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || watch(&seen, interrupt))?;
        Ok(Watchdog {
            shared,
            thread: Some(thread),
        })
    }

    /// Begins to watch an instance.
    pub fn watch(&self, deadline: Duration) -> Option<Watch> {
        let word = Arc::new(Word::default());
        let watch = Watch {
            word: Arc::clone(&word),
            shared: Arc::clone(&self.shared),
            thread: self.thread.as_ref()?.thread().clone(),
            next: 0,
        };
        lock(&self.shared).push(Entry {
            word,
            seen: 0,
            since: Instant::now(),
        });
        watch.set_deadline(deadline);
        Some(watch)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread cannot panic; if it did, there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

/// One instance under watch.
pub(super) struct Watch {
    word: Arc<Word>,
    shared: Arc<Shared>,
    thread: thread::Thread,
    next: u64,
}

impl Watch {
    /// Sets the time that a call may take.
    pub fn set_deadline(&self, deadline: Duration) {
        let nanoseconds = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        self.word.deadline_ns.store(nanoseconds, Ordering::Relaxed);
        // The thread may be in a sleep that is too long for the new deadline.
        self.thread.unpark();
    }

    /// A handle by which any thread can shorten that time, while a call runs too.
    pub fn deadline(&self) -> Deadline {
        Deadline {
            word: Arc::clone(&self.word),
            thread: self.thread.clone(),
        }
    }

    /// A call begins.
    #[inline]
    pub fn begin(&mut self) {
        self.next = self.next.wrapping_add(2).max(2);
        // This store and the load after it are sequentially consistent, as are the thread's store to `asleep` and its look at
        // the word after that: so either we see that it sleeps, or it sees that we run.
        self.word.state.swap(self.next, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// The call is over. True when it had been told to stop, though it may have finished by itself just then.
    #[inline]
    pub fn end(&mut self) -> bool {
        self.word.state.swap(0, Ordering::SeqCst) & 1 == 1
    }

    /// What the guest asks when it is interrupted.
    pub fn revoked(&self) -> Revoked {
        Revoked(Arc::clone(&self.word))
    }

    #[cold]
    fn wake(&self) {
        self.thread.unpark();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.shared).retain(|entry| !Arc::ptr_eq(&entry.word, &self.word));
    }
}

/// The time that each call of one instance may take, to be shortened from any thread.
#[derive(Clone)]
pub struct Deadline {
    word: Arc<Word>,
    thread: thread::Thread,
}

impl Deadline {
    /// Shortens the time, if it is longer. A call that has run for so long already is stopped.
    pub fn shorten(&self, deadline: Duration) {
        let nanoseconds = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        self.word
            .deadline_ns
            .fetch_min(nanoseconds, Ordering::Relaxed);
        // The thread may be in a sleep that is too long for the new deadline.
        self.thread.unpark();
    }
}

/// Whether the present call has been told to stop.
pub(super) struct Revoked(Arc<Word>);

impl Revoked {
    pub fn is_set(&self) -> bool {
        self.0.state.load(Ordering::SeqCst) & 1 == 1
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Vec<Entry>> {
    shared
        .entries
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The thread.
fn watch(shared: &Shared, interrupt: impl Fn()) {
    let mut active = Instant::now();
    while !shared.stop.load(Ordering::SeqCst) {
        let look = look(shared, &interrupt);
        let now = Instant::now();
        if look.active {
            active = now;
        }
        if now.duration_since(active) < IDLE {
            thread::park_timeout(look.period);
            continue;
        }
        shared.asleep.store(true, Ordering::SeqCst);
        let running = |entry: &Entry| entry.word.state.load(Ordering::SeqCst) != 0;
        if !lock(shared).iter().any(running) && !shared.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        shared.asleep.store(false, Ordering::SeqCst);
        active = Instant::now();
    }
}

struct Look {
    /// A guest runs, or has run since the last look.
    active: bool,
    /// When to look again.
    period: Duration,
}

fn look(shared: &Shared, interrupt: &impl Fn()) -> Look {
    let now = Instant::now();
    let mut look = Look {
        active: false,
        period: LONGEST_PERIOD,
    };
    let mut revoked = false;
    for entry in lock(shared).iter_mut() {
        let deadline = entry.word.deadline();
        look.period = look.period.min(deadline / LOOKS_PER_DEADLINE);
        let state = entry.word.state.load(Ordering::SeqCst);
        if state != entry.seen {
            entry.seen = state;
            entry.since = now;
            look.active = true;
        } else if state != 0 {
            look.active = true;
            if state & 1 == 0 && now.duration_since(entry.since) >= deadline {
                revoked |= entry
                    .word
                    .state
                    .compare_exchange(state, state | 1, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok();
            }
        }
        // A guest may miss one interrupt (it asked just before its word was marked), so they go on until it has stopped.
        revoked |= state & 1 == 1;
    }
    if revoked {
        interrupt();
    }
    look.period = look.period.max(SHORTEST_PERIOD);
    look
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// A watchdog and how often it has interrupted.
    fn watchdog() -> (Watchdog, Arc<AtomicUsize>) {
        let interrupts = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&interrupts);
        let count = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        (Watchdog::start(count).unwrap(), interrupts)
    }

    fn wait_until(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_call_is_told_to_stop_after_its_deadline_until_it_has() {
        let (watchdog, interrupts) = watchdog();
        let mut watch = watchdog.watch(Duration::from_millis(20)).unwrap();
        let revoked = watch.revoked();
        let start = Instant::now();
        watch.begin();
        wait_until(|| revoked.is_set());
        assert!(start.elapsed() >= Duration::from_millis(20), "never early");
        let before = interrupts.load(Ordering::SeqCst);
        wait_until(|| interrupts.load(Ordering::SeqCst) > before + 2);
        assert!(watch.end());
        assert!(!revoked.is_set());
        watch.begin();
        assert!(!revoked.is_set(), "the next call starts afresh");
        assert!(!watch.end());
    }

    #[test]
    fn short_calls_and_pauses_are_left_alone() {
        let (watchdog, interrupts) = watchdog();
        let mut watch = watchdog.watch(Duration::from_millis(500)).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            watch.begin();
            thread::sleep(Duration::from_millis(1));
            assert!(!watch.end());
        }
        thread::sleep(Duration::from_millis(600));
        assert_eq!(interrupts.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_sleeping_watchdog_wakes_for_a_call() {
        let (watchdog, _) = watchdog();
        let mut watch = watchdog.watch(Duration::from_millis(20)).unwrap();
        wait_until(|| watchdog.shared.asleep.load(Ordering::SeqCst));
        let revoked = watch.revoked();
        watch.begin();
        wait_until(|| revoked.is_set());
        assert!(watch.end());
    }

    #[test]
    fn a_watch_that_is_gone_is_forgotten() {
        let (watchdog, _) = watchdog();
        for _ in 0..100 {
            drop(watchdog.watch(Duration::from_secs(1)));
        }
        assert!(lock(&watchdog.shared).is_empty());
    }
}
