//! Stopping a guest that runs too long.
//!
//! Each instance has a [`Watch`] with one word: 0 while the guest is idle, an even number (a new one every call) while it
//! runs, that number plus one when it has been told to stop. One thread looks at all words from time to time; when it has seen
//! the same call for as long as its deadline, it marks the word and makes the guest notice ([`Stop`]). The caller learns from
//! [`Watch::end`] that it was marked. So a call costs two exchanges of one word, no clock and no system call.
//!
//! The thread does not know when a call began, only when it first saw it, so it is never early, and late by the time between
//! two looks at most; a call that it has seen is looked at again when it falls due. When no guest has run for a while the
//! thread sleeps, and the next call wakes it.

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::schedule::schedule;

/// New calls are looked for this often, so that a deadline is overrun by a quarter of it at most.
const LOOKS_PER_DEADLINE: u32 = 4;
/// Bounds of the time between two looks.
const SHORTEST_PERIOD: Duration = Duration::from_micros(250);
const LONGEST_PERIOD: Duration = Duration::from_millis(50);
/// After this long without a call the thread sleeps until it is woken.
const IDLE: Duration = Duration::from_millis(200);

/// When this thread wakes so much later than it asked for, the whole process was stopped (SIGSTOP, a debugger, a machine that was
/// suspended or has no time for it), guests included: that time is not counted as theirs.
const STOPPED: Duration = Duration::from_millis(20);

/// How one guest is made to stop.
pub(super) trait Stop: Send + Sync {
    /// Makes the running guest stop. Called again from time to time until its call has ended.
    fn stop(&self);
    /// The call that was told to stop is over: the next one may run.
    fn allow(&self);
}

/// What the thread and the callers share about one instance. The word is on a cache line of its own.
#[repr(align(128))]
struct Shared {
    word: AtomicU64,
    deadline_ns: AtomicU64,
    /// Taken to mark the word and to stop the guest, and to allow it again, so that neither happens amid the other.
    turn: Mutex<()>,
    stop: Arc<dyn Stop>,
}

impl Shared {
    fn deadline(&self) -> Duration {
        Duration::from_nanos(self.deadline_ns.load(Ordering::Relaxed))
    }

    /// Marks the word, if `call` (an even number) still runs, and stops the guest; also if it was marked already.
    fn stop(&self, call: u64) {
        let _turn = lock(&self.turn);
        let stopped = call | 1;
        let marked = self
            .word
            .compare_exchange(call, stopped, Ordering::SeqCst, Ordering::SeqCst)
            .unwrap_or_else(|present| present);
        // Whoever ends the call now finds the mark, waits for its turn, and allows the guest again.
        if marked | 1 == stopped {
            self.stop.stop();
        }
    }

    /// The call has ended and its word was marked.
    #[cold]
    fn allow(&self) {
        let _turn = lock(&self.turn);
        self.stop.allow();
    }
}

/// An instance under watch, and what the thread saw of it last.
struct Entry {
    shared: Arc<Shared>,
    seen: u64,
    since: Instant,
}

/// What the thread and everybody else share.
#[derive(Default)]
struct Watched {
    entries: Mutex<Vec<Entry>>,
    /// The thread sleeps, or is about to.
    asleep: AtomicBool,
    stop: AtomicBool,
    /// The system's number of the thread; 0 before it runs.
    thread: AtomicI32,
}

/// The watching thread. Dropping it ends the thread.
pub(super) struct Watchdog {
    watched: Arc<Watched>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Watchdog> {
        let watched = Arc::<Watched>::default();
        let seen = Arc::clone(&watched);
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || watch(&seen))?;
        Ok(Watchdog {
            watched,
            thread: Some(thread),
        })
    }

    /// None at all, in a process that is killed from outside when its guest takes too long.
    pub fn absent() -> Watchdog {
        Watchdog {
            watched: Arc::default(),
            thread: None,
        }
    }

    /// Lets the thread run in real time: above the threads that it watches, or a guest could keep it from its processor.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn run_in_real_time(&self, priority: u32) -> std::io::Result<()> {
        if self.thread.is_none() {
            return Ok(());
        }
        loop {
            match self.watched.thread.load(Ordering::SeqCst) {
                // It has only just been started.
                0 => thread::yield_now(),
                number => return schedule(number, priority),
            }
        }
    }

    /// Begins to watch an instance, whose calls are stopped by `stop`.
    pub fn watch(&self, deadline: Duration, stop: Arc<dyn Stop>) -> Watch {
        let shared = Arc::new(Shared {
            word: AtomicU64::new(0),
            deadline_ns: AtomicU64::new(0),
            turn: Mutex::default(),
            stop,
        });
        let watch = Watch {
            shared: Arc::clone(&shared),
            watched: Arc::clone(&self.watched),
            thread: match &self.thread {
                Some(thread) => thread.thread().clone(),
                // Nobody has to be woken.
                None => thread::current(),
            },
            next: 0,
        };
        lock(&self.watched.entries).push(Entry {
            shared,
            seen: 0,
            since: Instant::now(),
        });
        watch.set_deadline(deadline);
        watch
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread cannot panic; if it did, there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

/// One instance under watch.
pub(super) struct Watch {
    shared: Arc<Shared>,
    watched: Arc<Watched>,
    thread: thread::Thread,
    next: u64,
}

impl Watch {
    /// Sets the time that a call may take.
    pub fn set_deadline(&self, deadline: Duration) {
        self.shared
            .deadline_ns
            .store(nanoseconds(deadline), Ordering::Relaxed);
        // The thread may be in a sleep that is too long for the new deadline.
        self.thread.unpark();
        if let Some(observe) = OBSERVER.with_borrow(Option::clone) {
            observe(self.deadline());
        }
    }

    /// A handle by which any thread can shorten that time, while a call runs too.
    pub fn deadline(&self) -> Deadline {
        Deadline {
            shared: Arc::clone(&self.shared),
            thread: self.thread.clone(),
        }
    }

    /// A call begins.
    #[inline]
    pub fn begin(&mut self) {
        self.next = self.next.wrapping_add(2).max(2);
        // This store and the load after it are sequentially consistent, as are the thread's store to `asleep` and its look at
        // the word after that: so either we see that it sleeps, or it sees that we run.
        self.shared.word.store(self.next, Ordering::SeqCst);
        if self.watched.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// The call is over. True when it had been told to stop, though it may have finished by itself just then.
    #[inline]
    pub fn end(&mut self) -> bool {
        let marked = self.shared.word.swap(0, Ordering::SeqCst) & 1 == 1;
        if marked {
            self.shared.allow();
        }
        marked
    }

    /// What a guest asks that cannot be stopped from outside.
    pub fn revoked(&self) -> Revoked {
        Revoked(Arc::clone(&self.shared))
    }

    #[cold]
    fn wake(&self) {
        self.thread.unpark();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.watched.entries).retain(|entry| !Arc::ptr_eq(&entry.shared, &self.shared));
    }
}

type Observer = Rc<dyn Fn(Deadline)>;

thread_local! {
    /// Who is told of the deadlines that are set in this thread.
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// Opens an instance in this thread, telling `observe` of its deadline before any of its code runs, and whenever that is set
/// anew: so that starting it can be cut short from another thread, which has no [`Instance`](super::Instance) to ask yet.
pub fn observe_deadlines<T>(observe: impl Fn(Deadline) + 'static, open: impl FnOnce() -> T) -> T {
    struct Observed;
    impl Drop for Observed {
        fn drop(&mut self) {
            OBSERVER.take();
        }
    }
    OBSERVER.set(Some(Rc::new(observe)));
    let _observed = Observed;
    open()
}

/// The time that each call of one instance may take, to be shortened from any thread.
#[derive(Clone)]
pub struct Deadline {
    shared: Arc<Shared>,
    thread: thread::Thread,
}

impl Deadline {
    /// Shortens the time, if it is longer. A call that has run for so long already is stopped.
    pub fn shorten(&self, deadline: Duration) {
        self.shared
            .deadline_ns
            .fetch_min(nanoseconds(deadline), Ordering::Relaxed);
        // The thread may be in a sleep that is too long for the new deadline.
        self.thread.unpark();
    }
}

/// Whether the present call has been told to stop.
pub(super) struct Revoked(Arc<Shared>);

impl Revoked {
    pub fn is_set(&self) -> bool {
        self.0.word.load(Ordering::SeqCst) & 1 == 1
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread.
fn watch(watched: &Watched) {
    let number = rustix::thread::gettid().as_raw_nonzero();
    watched.thread.store(number.get(), Ordering::SeqCst);
    // The kernel may wake an ordinary thread 50 µs late, to wake several at once. Should this be refused, it does.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let mut active = Instant::now();
    while !watched.stop.load(Ordering::SeqCst) {
        let look = look(watched);
        if look.active {
            active = Instant::now();
        }
        if active.elapsed() < IDLE {
            let asleep = Instant::now();
            thread::park_timeout(look.next);
            let late = asleep.elapsed().saturating_sub(look.next);
            if late > STOPPED {
                lock(&watched.entries)
                    .iter_mut()
                    .for_each(|entry| entry.since += late);
            }
            continue;
        }
        watched.asleep.store(true, Ordering::SeqCst);
        let running = |entry: &Entry| entry.shared.word.load(Ordering::SeqCst) != 0;
        let any = lock(&watched.entries).iter().any(running);
        if !any && !watched.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        watched.asleep.store(false, Ordering::SeqCst);
        active = Instant::now();
    }
}

struct Look {
    /// A guest runs, or has run since the last look.
    active: bool,
    /// When to look again.
    next: Duration,
}

fn look(watched: &Watched) -> Look {
    let mut look = Look {
        active: false,
        next: LONGEST_PERIOD,
    };
    for entry in lock(&watched.entries).iter_mut() {
        let deadline = entry.shared.deadline();
        let period = (deadline / LOOKS_PER_DEADLINE).max(SHORTEST_PERIOD);
        look.next = look.next.min(period);
        // Marked or not, it is the same call.
        let call = entry.shared.word.load(Ordering::SeqCst) & !1;
        if call != entry.seen {
            entry.seen = call;
            // After the look at the word: the call has run for at least as long as this says.
            entry.since = Instant::now();
            look.active = true;
        }
        if call == 0 {
            continue;
        }
        look.active = true;
        let left = deadline.saturating_sub(entry.since.elapsed());
        if left.is_zero() {
            entry.shared.stop(call);
            look.next = look.next.min(SHORTEST_PERIOD);
        } else {
            look.next = look.next.min(left);
        }
    }
    look
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Counts what it is told.
    #[derive(Default)]
    struct Count {
        stops: AtomicUsize,
        allows: AtomicUsize,
    }

    impl Stop for Count {
        fn stop(&self) {
            self.stops.fetch_add(1, Ordering::SeqCst);
        }

        fn allow(&self) {
            self.allows.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn watched(deadline: Duration) -> (Watchdog, Watch, Arc<Count>) {
        let count = Arc::<Count>::default();
        let watchdog = Watchdog::start().unwrap();
        let watch = watchdog.watch(deadline, Arc::clone(&count) as Arc<dyn Stop>);
        (watchdog, watch, count)
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
        let deadline = Duration::from_millis(20);
        let (_watchdog, mut watch, count) = watched(deadline);
        let revoked = watch.revoked();
        let start = Instant::now();
        watch.begin();
        wait_until(|| revoked.is_set());
        assert!(start.elapsed() >= deadline, "never early");
        let stops = count.stops.load(Ordering::SeqCst);
        wait_until(|| count.stops.load(Ordering::SeqCst) > stops + 5);
        assert_eq!(count.allows.load(Ordering::SeqCst), 0);
        assert!(watch.end());
        assert!(!revoked.is_set());
        assert_eq!(count.allows.load(Ordering::SeqCst), 1);
        watch.begin();
        assert!(!revoked.is_set(), "the next call starts afresh");
        assert!(!watch.end());
    }

    #[test]
    fn short_calls_and_pauses_are_left_alone() {
        let (_watchdog, mut watch, count) = watched(Duration::from_millis(500));
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            watch.begin();
            thread::sleep(Duration::from_millis(1));
            assert!(!watch.end());
        }
        thread::sleep(Duration::from_millis(600));
        assert_eq!(count.stops.load(Ordering::SeqCst), 0);
        assert_eq!(count.allows.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_stop_of_one_call_never_reaches_the_next() {
        /// Whether the guest is stopped now.
        #[derive(Default)]
        struct Gate(AtomicBool);
        impl Stop for Gate {
            fn stop(&self) {
                self.0.store(true, Ordering::SeqCst);
            }
            fn allow(&self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }
        let gate = Arc::<Gate>::default();
        let watchdog = Watchdog::start().unwrap();
        let mut watch = watchdog.watch(
            Duration::from_micros(300),
            Arc::clone(&gate) as Arc<dyn Stop>,
        );
        let mut stopped = 0;
        let start = Instant::now();
        while stopped < 100 && start.elapsed() < Duration::from_secs(20) {
            watch.begin();
            let begun = Instant::now();
            // Ends at about the time at which it is stopped.
            while begun.elapsed() < Duration::from_micros(400) {
                std::hint::spin_loop();
            }
            stopped += usize::from(watch.end());
            assert!(!gate.0.load(Ordering::SeqCst));
        }
        assert!(stopped > 0);
    }

    #[test]
    fn a_sleeping_watchdog_wakes_for_a_call() {
        let (watchdog, mut watch, _) = watched(Duration::from_millis(20));
        wait_until(|| watchdog.watched.asleep.load(Ordering::SeqCst));
        let revoked = watch.revoked();
        watch.begin();
        wait_until(|| revoked.is_set());
        assert!(watch.end());
    }

    #[test]
    fn a_watch_that_is_gone_is_forgotten() {
        let (watchdog, watch, count) = watched(Duration::from_secs(1));
        drop(watch);
        for _ in 0..100 {
            drop(watchdog.watch(Duration::from_secs(1), Arc::clone(&count) as Arc<dyn Stop>));
        }
        assert!(lock(&watchdog.watched.entries).is_empty());
    }
}
