//! A gate for threads that go round and round: closed, it holds each that comes to it.

use std::time::{Duration, Instant};

use super::ring::{Signal, WaitWord};
use super::wait::{Bell, wait};

/// The pause of a run. Threads pass it between frames; those that wait at it use no processor.
#[derive(Debug, Default)]
pub struct Gate {
    /// 1: closed.
    closed: Signal,
    /// Threads that are not at the gate.
    inside: Signal,
}

impl Gate {
    /// An open gate.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Holds who comes from now on.
    pub fn close(&self) {
        self.closed.store(1);
    }

    /// Lets everybody go on.
    pub fn open(&self) {
        self.closed.store(0);
    }

    /// Whether it is closed.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.closed.load() != 0
    }

    /// To wait, among other things, for an open gate to be closed.
    pub fn word(&self) -> WaitWord<'_> {
        self.closed.word(0)
    }

    /// A thread begins to go round.
    pub fn enter(&self) {
        self.inside.increment();
    }

    /// A thread has ended.
    pub fn leave(&self) {
        self.inside.decrement();
    }

    /// Waits, in a thread that has entered, until the gate is open or `end` rings.
    pub fn hold(&self, end: &Bell) {
        self.leave();
        while self.is_closed() && !end.is_rung() {
            wait(&[self.closed.word(1), end.word()], Duration::ZERO, None);
        }
        self.enter();
    }

    /// Waits until every thread is held or has ended, at most so long, or until `end` rings. Whether none goes round.
    pub fn wait_until_all_are_held(&self, timeout: Duration, end: &Bell) -> bool {
        let give_up = Instant::now().checked_add(timeout);
        loop {
            let inside = self.inside.load();
            let late = give_up.is_some_and(|give_up| Instant::now() >= give_up);
            if inside == 0 || late || end.is_rung() {
                return inside == 0;
            }
            wait(
                &[self.inside.word(inside), end.word()],
                Duration::ZERO,
                give_up,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_closed_gate_holds_every_thread_until_it_opens_or_the_bell_rings() {
        let (gate, end, rounds) = (Gate::new(), Bell::new(), AtomicU64::new(0));
        let go_round = || {
            gate.enter();
            while !end.is_rung() {
                if gate.is_closed() {
                    gate.hold(&end);
                }
                rounds.fetch_add(1, Ordering::SeqCst);
            }
            gate.leave();
        };
        let goes_on = || {
            let (before, start) = (rounds.load(Ordering::SeqCst), Instant::now());
            while rounds.load(Ordering::SeqCst) < before + 10 {
                assert!(start.elapsed() < LONG);
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(go_round)));
            for _ in 0..20 {
                goes_on();
                gate.close();
                assert!(gate.wait_until_all_are_held(LONG, &end));
                let held = rounds.load(Ordering::SeqCst);
                thread::sleep(Duration::from_millis(1));
                assert_eq!(rounds.load(Ordering::SeqCst), held);
                gate.open();
            }
            goes_on();
            assert!(!gate.wait_until_all_are_held(Duration::from_millis(1), &end));
            gate.close();
            end.ring();
        });
        assert!(gate.wait_until_all_are_held(Duration::ZERO, &end));
    }
}
