//! The handle by which a run is told what to do from any thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lifecycle::{self, Event};
use crate::report::{Clock, State};
use crate::sandbox::Deadline;
use crate::stream::{Bell, Gate};

/// How long a call may still take when the run is being stopped.
const LAST_CALL: Duration = Duration::from_millis(25);

/// Which guest a deadline belongs to: the index of its stage, and its part.
pub type WatchKey = (usize, u32);

/// Interrupts, pauses and resumes a run from any thread, from before it is built.
#[derive(Clone, Default)]
pub struct RunHandle(Arc<Shared>);

struct Shared {
    stop: Bell,
    pause: Gate,
    clock: Clock,
    state: Mutex<State>,
    deadlines: Mutex<HashMap<WatchKey, Deadline>>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            stop: Bell::new(),
            pause: Gate::new(),
            clock: Clock::default(),
            state: Mutex::new(State::Built),
            deadlines: Mutex::default(),
        }
    }
}

impl RunHandle {
    /// A handle for one run.
    pub fn new() -> RunHandle {
        RunHandle::default()
    }

    /// What the run does. Stopped, interrupted and failed mean that it has ended or is about to.
    pub fn state(&self) -> State {
        *self.lock()
    }

    /// Stops the run because a person wants it.
    pub fn interrupt(&self) {
        self.tell(Event::Interrupt);
        self.stop();
    }

    /// Lets every lane wait after the frame that it is at, and stops the clock. Does not wait for the lanes:
    /// [`RunHandle::wait_until_paused`] does. False, without any effect, unless the run is running.
    pub fn pause(&self) -> bool {
        self.tell(Event::Pause)
    }

    /// Lets the lanes go on. Sources go on where they were: nothing is caught up. False, without any effect, unless the run
    /// is paused.
    pub fn resume(&self) -> bool {
        self.tell(Event::Resume)
    }

    /// Waits until nothing is computed any more in a run that is paused, at most so long, or until the run is to end. Whether
    /// that is so.
    pub fn wait_until_paused(&self, timeout: Duration) -> bool {
        self.0.pause.wait_until_all_are_held(timeout, &self.0.stop)
    }

    /// Takes an event into the state; false if it changes nothing.
    pub(super) fn tell(&self, event: Event) -> bool {
        let mut state = self.lock();
        let Some(next) = lifecycle::after(*state, event) else {
            return false;
        };
        // Under the lock, so that gate and clock follow the state in its order.
        match next {
            State::Paused => {
                self.0.clock.pause();
                self.0.pause.close();
            }
            State::Running => {
                self.0.clock.start();
                self.0.pause.open();
            }
            State::Built | State::Stopped | State::Interrupted | State::Failed => {}
        }
        *state = next;
        true
    }

    /// Stops the run: lanes end after the frame that they are at, and guests that take longer are stopped.
    pub(super) fn stop(&self) {
        self.tell(Event::Stop);
        self.0.stop.ring();
        for deadline in self.deadlines().values() {
            deadline.shorten(LAST_CALL);
        }
    }

    /// Whether the run is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.stop.is_rung()
    }

    /// Rung when the run is to end.
    pub(super) fn bell(&self) -> &Bell {
        &self.0.stop
    }

    /// Closed while the run is paused.
    pub(super) fn gate(&self) -> &Gate {
        &self.0.pause
    }

    /// The time of the run.
    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// From now on, stopping also shortens this, in place of what was watched under the key before.
    pub(super) fn watch(&self, key: WatchKey, deadline: Deadline) {
        let mut deadlines = self.deadlines();
        // Under the lock: either the bell is seen here, or whoever rang it sees the new deadline.
        if self.is_stopped() {
            deadline.shorten(LAST_CALL);
        }
        deadlines.insert(key, deadline);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadlines(&self) -> MutexGuard<'_, HashMap<WatchKey, Deadline>> {
        let deadlines = self.0.deadlines.lock();
        deadlines.unwrap_or_else(PoisonError::into_inner)
    }
}
