//! The faults of one stage: all counted, the first and the last of them kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::Clock;
use super::summary::FaultReport;

/// Faults that are kept from the beginning, and so many from the end: what began it, and what it has come to.
pub const KEPT: usize = 16;

/// What is kept of the faults of one stage. Memory is bounded, and the lock is held for a few instructions only, so that a
/// stage that faults at kHz holds nobody up.
#[derive(Default)]
pub struct Journal {
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    first: Vec<Arc<FaultReport>>,
    last: VecDeque<Arc<FaultReport>>,
    left_out: u64,
}

impl Journal {
    /// An empty journal of a run with this clock.
    pub fn new(clock: &Clock) -> Journal {
        Journal {
            clock: clock.clone(),
            kept: Mutex::default(),
        }
    }

    /// Notes a fault that happened just now.
    pub fn note(&self, mut fault: FaultReport) {
        fault.at_s = self.clock.seconds();
        let fault = Arc::new(fault);
        let mut kept = self.lock();
        if kept.first.len() < KEPT {
            kept.first.push(fault);
            return;
        }
        let oldest = if kept.last.len() == KEPT {
            kept.left_out += 1;
            kept.last.pop_front()
        } else {
            None
        };
        kept.last.push_back(fault);
        drop(kept);
        // Freed when nobody waits for the lock any more.
        drop(oldest);
    }

    /// What is kept, in order, and how many faults between the first and the last are not.
    pub fn read(&self) -> (Vec<Arc<FaultReport>>, u64) {
        let kept = self.lock();
        let faults = kept.first.iter().chain(&kept.last).map(Arc::clone);
        (faults.collect(), kept.left_out)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_faults_are_kept_and_the_others_counted() {
        let journal = Journal::default();
        let count = 5 * KEPT as u64;
        for number in 0..count {
            journal.note(FaultReport::ending("s", number, "trap", "it fell"));
        }
        let (faults, left_out) = journal.read();
        let kept = KEPT as u64;
        let numbers: Vec<u64> = faults.iter().map(|fault| fault.frame_id).collect();
        let expected: Vec<u64> = (0..kept).chain(count - kept..count).collect();
        assert_eq!((numbers, left_out), (expected, count - 2 * kept));
    }
}
