//! Stopping a guest that runs too long.
//!
//! Each instance has a [`Watch`] with one word: 0 while the guest is idle; while it runs, an even number, the time at which its
//! call began; that number plus one when it has been told to stop. One thread ([`Watchdog`]) looks at all words from time to time;
//! it marks the word of a call that is due, and makes the guest notice ([`Stop`]). The caller learns from [`Watch::end`] that it
//! was marked. So a call costs a look at the clock, which its caller wants to know anyway, two exchanges of one word, and no
//! system call.
//!
//! A call that begins after a look is not due before a whole deadline has passed since: so one look a deadline is enough for every
//! call to be found in time.

mod watch;
mod watchdog;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use watch::{Deadline, observe_deadlines};
pub(super) use watch::{Revoked, Watch};
pub(super) use watchdog::Watchdog;

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
    /// Of CLOCK_MONOTONIC, in nanoseconds; the lowest bit is the mark.
    word: AtomicU64,
    /// Of the stage: it passes to the instance that takes this one's place.
    deadline_ns: Arc<AtomicU64>,
    /// Taken to mark the word and to stop the guest, and to allow it again, so that neither happens amid the other.
    turn: Mutex<()>,
    stop: Arc<dyn Stop>,
}

impl Shared {
    fn new(deadline: Duration, stop: Arc<dyn Stop>) -> Shared {
        Shared::with_deadline(Arc::new(AtomicU64::new(nanoseconds(deadline))), stop)
    }

    fn with_deadline(deadline_ns: Arc<AtomicU64>, stop: Arc<dyn Stop>) -> Shared {
        Shared {
            word: AtomicU64::new(0),
            deadline_ns,
            turn: Mutex::default(),
            stop,
        }
    }

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

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
