//! The thread that watches over the calls.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::watch::Watch;
use super::{Shared, Stop, lock, nanoseconds};
use crate::sandbox::schedule::schedule;
use crate::stream::now_ns;

/// Bounds of the time between two looks.
const SHORTEST_PERIOD: Duration = Duration::from_micros(250);
const LONGEST_PERIOD: Duration = Duration::from_millis(50);
/// After this long without a call the thread sleeps until it is woken.
const IDLE: Duration = Duration::from_millis(200);

/// When this thread wakes so much later than it asked for, the whole process was stopped (SIGSTOP, a debugger, a machine that was
/// suspended or has no time for it), guests included: that time is not counted as theirs.
const STOPPED: Duration = Duration::from_millis(20);

/// An instance under watch, and what the thread saw of it last.
struct Entry {
    shared: Arc<Shared>,
    seen: u64,
    /// Time of the call that was seen which does not count.
    forgiven_ns: u64,
}

impl Entry {
    /// The call that runs, told to stop or not; 0: none. Whether that has changed since the last look.
    fn look(&mut self) -> (u64, bool) {
        let call = self.shared.word.load(Ordering::SeqCst) & !1;
        let changed = call != self.seen;
        if changed {
            self.seen = call;
            self.forgiven_ns = 0;
        }
        (call, changed)
    }

    /// Does not count so much of the time of the present call, if there is one.
    fn forgive(&mut self, time_ns: u64) {
        self.look();
        self.forgiven_ns = self.forgiven_ns.saturating_add(time_ns);
    }
}

/// What the thread and everybody else share.
#[derive(Default)]
pub(super) struct Watched {
    entries: Mutex<Vec<Entry>>,
    /// The thread sleeps, or is about to.
    asleep: AtomicBool,
    stop: AtomicBool,
    /// The system's number of the thread; 0 before it runs.
    thread: AtomicI32,
}

impl Watched {
    /// Whether the thread has to be woken for a call.
    #[inline]
    pub fn asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst)
    }

    /// Watches an instance no more.
    pub fn forget(&self, shared: &Arc<Shared>) {
        lock(&self.entries).retain(|entry| !Arc::ptr_eq(&entry.shared, shared));
    }
}

/// The watching thread. Dropping it ends the thread.
pub(in crate::sandbox) struct Watchdog {
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
        let watch = self.begin(Shared::new(deadline, stop));
        watch.set_deadline(deadline);
        watch
    }

    /// Begins to watch an instance that takes the place of another: whoever has that one's deadline has this one's.
    pub fn watch_successor(&self, of: &Watch, stop: Arc<dyn Stop>) -> Watch {
        self.begin(Shared::with_deadline(of.deadline_ns(), stop))
    }

    fn begin(&self, shared: Shared) -> Watch {
        let shared = Arc::new(shared);
        let thread = match &self.thread {
            Some(thread) => thread.thread().clone(),
            // Nobody has to be woken.
            None => thread::current(),
        };
        let watch = Watch::new(&shared, &self.watched, thread);
        lock(&self.watched.entries).push(Entry {
            shared,
            seen: 0,
            forgiven_ns: 0,
        });
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
                let forgive = |entry: &mut Entry| entry.forgive(nanoseconds(late));
                lock(&watched.entries).iter_mut().for_each(forgive);
            }
            continue;
        }
        watched.asleep.store(true, Ordering::SeqCst);
        let any = lock(&watched.entries)
            .iter_mut()
            .any(|entry| entry.look().0 != 0);
        if !any && !watched.stop.load(Ordering::SeqCst) {
            thread::park();
            forgive_late_waking(watched);
        }
        watched.asleep.store(false, Ordering::SeqCst);
        active = Instant::now();
    }
}

/// A call wakes the sleeping thread at once, unless everything was stopped between.
fn forgive_late_waking(watched: &Watched) {
    let now = now_ns();
    for entry in lock(&watched.entries).iter_mut() {
        let (call, _) = entry.look();
        let ran = now.saturating_sub(call);
        if call != 0 && ran > nanoseconds(STOPPED) {
            entry.forgive(ran);
        }
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
        look.next = look.next.min(deadline.max(SHORTEST_PERIOD));
        let (call, changed) = entry.look();
        look.active |= changed || call != 0;
        if call == 0 {
            continue;
        }
        let allowed = nanoseconds(deadline).saturating_add(entry.forgiven_ns);
        let left = allowed.saturating_sub(now_ns().saturating_sub(call));
        if left == 0 {
            entry.shared.stop(call);
            look.next = look.next.min(SHORTEST_PERIOD);
        } else {
            look.next = look.next.min(Duration::from_nanos(left));
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

    /// An instance under watch whose call began so long ago, for a thread that never runs.
    fn running_since(time: Duration, deadline: Duration) -> (Watched, Arc<Shared>, Arc<Count>) {
        let count = Arc::<Count>::default();
        let shared = Arc::new(Shared::new(deadline, Arc::clone(&count) as Arc<dyn Stop>));
        let begun = now_ns() - nanoseconds(time);
        shared.word.store(begun & !1, Ordering::SeqCst);
        let watched = Watched::default();
        lock(&watched.entries).push(Entry {
            shared: Arc::clone(&shared),
            seen: 0,
            forgiven_ns: 0,
        });
        (watched, shared, count)
    }

    #[test]
    fn a_call_is_due_a_deadline_after_it_began_whenever_it_is_first_seen() {
        let second = Duration::from_secs(1);
        let (watched, shared, count) = running_since(second, 2 * second);
        let next = look(&watched).next;
        assert_eq!(next, LONGEST_PERIOD);
        assert_eq!(count.stops.load(Ordering::SeqCst), 0);
        shared
            .deadline_ns
            .store(nanoseconds(second), Ordering::SeqCst);
        look(&watched);
        assert_eq!(count.stops.load(Ordering::SeqCst), 1);
        assert_eq!(shared.word.load(Ordering::SeqCst) & 1, 1, "marked");
    }

    #[test]
    fn a_look_comes_no_later_than_the_next_call_may_be_due() {
        let deadline = Duration::from_millis(2);
        let (watched, shared, _) = running_since(Duration::ZERO, deadline);
        assert!(look(&watched).next <= deadline);
        shared.word.store(0, Ordering::SeqCst);
        assert_eq!(look(&watched).next, deadline);
    }

    #[test]
    fn time_in_which_the_process_stood_still_does_not_count_and_only_for_that_call() {
        let second = Duration::from_secs(1);
        let (watched, shared, count) = running_since(2 * second, second);
        forgive_late_waking(&watched);
        look(&watched);
        assert_eq!(count.stops.load(Ordering::SeqCst), 0);
        let next_call = (now_ns() - nanoseconds(2 * second)) & !1;
        shared.word.store(next_call, Ordering::SeqCst);
        look(&watched);
        assert_eq!(count.stops.load(Ordering::SeqCst), 1);
    }
}
