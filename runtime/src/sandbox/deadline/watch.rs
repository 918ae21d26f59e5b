//! The watch over one instance, as its caller knows it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::watchdog::Watched;
use super::{Shared, nanoseconds};
use crate::stream::now_ns;

/// One instance under watch.
pub(in crate::sandbox) struct Watch {
    shared: Arc<Shared>,
    watched: Arc<Watched>,
    thread: thread::Thread,
    last: u64,
}

impl Watch {
    /// The watch over the instance that `shared` is about, by the thread `thread`.
    pub(super) fn new(
        shared: &Arc<Shared>,
        watched: &Arc<Watched>,
        thread: thread::Thread,
    ) -> Watch {
        Watch {
            shared: Arc::clone(shared),
            watched: Arc::clone(watched),
            thread,
            last: 0,
        }
    }

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

    /// Replaces the time `from` by `to`, unless somebody has shortened it.
    pub fn replace_deadline(&self, from: Duration, to: Duration) {
        // Where it is not `from`, it was shortened, and stays so.
        let _ = self.shared.deadline_ns.compare_exchange(
            nanoseconds(from),
            nanoseconds(to),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        self.thread.unpark();
    }

    /// Where the time is kept, for the instance that takes this one's place.
    pub(super) fn deadline_ns(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.deadline_ns)
    }

    /// A handle by which any thread can shorten that time, while a call runs too.
    pub fn deadline(&self) -> Deadline {
        Deadline {
            deadline_ns: self.deadline_ns(),
            thread: self.thread.clone(),
        }
    }

    /// A call begins: when, in nanoseconds of CLOCK_MONOTONIC.
    #[inline]
    pub fn begin(&mut self) -> u64 {
        let now = now_ns();
        // Even, never earlier, and not a number that a call had before.
        self.last = (now.saturating_add(1) & !1).max(self.last + 2);
        // This store and the load after it are sequentially consistent, as are the thread's store to `asleep` and its look at
        // the word after that: so either we see that it sleeps, or it sees that we run.
        self.shared.word.store(self.last, Ordering::SeqCst);
        if self.watched.asleep() {
            self.wake();
        }
        now
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
        self.watched.forget(&self.shared);
    }
}

type Observer = Rc<dyn Fn(Deadline)>;

thread_local! {
    /// Who is told of the deadlines that are set in this thread.
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// Opens an instance in this thread, telling `observe` of its deadline before any of its code runs, and whenever that is set
/// anew: so that starting it can be cut short from another thread, which has no [`Instance`](crate::sandbox::Instance) to ask yet.
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
    deadline_ns: Arc<AtomicU64>,
    thread: thread::Thread,
}

impl Deadline {
    /// Shortens the time, if it is longer. A call that has run for so long already is stopped.
    pub fn shorten(&self, deadline: Duration) {
        self.deadline_ns
            .fetch_min(nanoseconds(deadline), Ordering::Relaxed);
        // The thread may be in a sleep that is too long for the new deadline.
        self.thread.unpark();
    }
}

/// Whether the present call has been told to stop.
pub(in crate::sandbox) struct Revoked(Arc<Shared>);

impl Revoked {
    pub fn is_set(&self) -> bool {
        self.0.word.load(Ordering::SeqCst) & 1 == 1
    }
}
