//! A worker whose turns are measured.

use std::time::{Duration, Instant};

use super::FRAMES;
use crate::pipeline::lane::{Turn, Worker};
use crate::report::FaultReport;
use crate::stream::WaitWord;

/// A worker, and how long it takes to move a frame.
pub struct Timed {
    pub(super) worker: Box<dyn Worker>,
    /// What reports call it.
    pub(super) name: String,
    /// Where it stands in the graph: producers before those whom they trigger.
    pub(super) place: usize,
    /// Nanoseconds of the first turns that moved a frame.
    times: Vec<u64>,
    turns: usize,
}

impl Timed {
    /// Measures a worker.
    pub fn new(worker: Box<dyn Worker>, name: String, place: usize) -> Timed {
        Timed {
            worker,
            name,
            place,
            times: Vec::with_capacity(FRAMES),
            turns: 0,
        }
    }

    /// Frames that it has moved.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// Nanoseconds that it has spent: the frames that it moved times the median, which a disturbed frame does not change.
    pub(super) fn load(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or(0);
        median as f64 * self.turns as f64
    }
}

impl Worker for Timed {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        let start = Instant::now();
        let turn = self.worker.turn()?;
        if turn == Turn::Worked {
            self.turns += 1;
            if self.times.len() < self.times.capacity() {
                self.times.push(start.elapsed().as_nanos() as u64);
            }
        }
        Ok(turn)
    }

    fn ready(&self) -> bool {
        self.worker.ready()
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.worker.words(words);
    }

    fn due(&self) -> Option<Instant> {
        self.worker.due()
    }

    fn delay(&mut self, by: Duration) {
        self.worker.delay(by);
    }

    fn settle(&mut self) -> Option<Duration> {
        self.worker.settle()
    }

    fn end(&mut self) -> Result<(), FaultReport> {
        self.worker.end()
    }
}
