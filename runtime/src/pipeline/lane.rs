//! A lane: one pinned thread that runs its workers to completion in graph order.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::control::RunHandle;
use crate::report::FaultReport;
use crate::stream::{Bell, Gate, Spin, WaitWord, Woken, wait};

/// A lane that waits for a point in time parks until so long before it, then polls, because the kernel wakes late: by twice as
/// much as it did lately, within these bounds.
const EARLY: RangeInclusive<Duration> = Duration::from_micros(10)..=Duration::from_micros(80);
/// How often in a row the stages and sinks of a lane may have work before its sources and intakes get a turn.
const MOST_BUSY_SWEEPS: u32 = 16;

/// What one turn of a worker came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It moved a frame.
    Worked,
    /// There was nothing to do.
    Idle,
    /// There was nothing to do, and the lane need not wait for more.
    Finished,
}

/// Something that a lane runs: a source, a stage, a sink, or the intake of an outside stream.
pub trait Worker: Send {
    /// Moves one frame if it can.
    ///
    /// # Errors
    /// A fault that ends the run.
    fn turn(&mut self) -> Result<Turn, FaultReport>;

    /// Whether a turn would move a frame now. Asked after [`Worker::words`], so that no publication is missed.
    fn ready(&self) -> bool;

    /// Adds the words that change when the worker may become ready.
    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>);

    /// When the worker becomes ready by the clock alone.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Called after a pause: what was to happen by the clock happens so much later.
    fn delay(&mut self, by: Duration) {
        let _ = by;
    }

    /// Called when the lane is idle: makes mirrors that were left for later. If some are still pending: when to try
    /// again.
    fn settle(&mut self) -> Option<Duration> {
        None
    }

    /// Called once when the lane ends, however it ends.
    ///
    /// # Errors
    /// What was done so far could not be brought to an end.
    fn end(&mut self) -> Result<(), FaultReport> {
        Ok(())
    }
}

/// Why a lane went round no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything has finished, or the run is stopped.
    Over,
    /// It was to go on elsewhere.
    Left,
}

impl Worker for Box<dyn Worker> {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        (**self).turn()
    }

    fn ready(&self) -> bool {
        (**self).ready()
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        (**self).words(words);
    }

    fn due(&self) -> Option<Instant> {
        (**self).due()
    }

    fn delay(&mut self, by: Duration) {
        (**self).delay(by);
    }

    fn settle(&mut self) -> Option<Duration> {
        (**self).settle()
    }

    fn end(&mut self) -> Result<(), FaultReport> {
        (**self).end()
    }
}

/// What a lane runs.
pub struct Crew<W = Box<dyn Worker>> {
    /// Sources and intakes. They get a turn when all others are idle: what has entered the lane goes through to its
    /// end before more comes in, so that frames do not queue up behind one another. But when another lane keeps this
    /// one busy, they get one now and then all the same.
    pub feeds: Vec<W>,
    /// Stages and sinks, in graph order.
    pub workers: Vec<W>,
}

impl<W> Default for Crew<W> {
    fn default() -> Self {
        Self {
            feeds: Vec::new(),
            workers: Vec::new(),
        }
    }
}

impl<W: Worker> Crew<W> {
    /// Feeds, then workers.
    pub fn all(&self) -> impl Iterator<Item = &W> {
        self.feeds.iter().chain(&self.workers)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.feeds.iter_mut().chain(&mut self.workers)
    }

    /// Runs until everything has finished or the run is stopped. Then ends each.
    ///
    /// # Errors
    /// The first fault that ends the run.
    pub fn run(mut self, run: &RunHandle) -> Result<(), FaultReport> {
        run.gate().enter();
        let result = self.turns(run, |_| false);
        self.end(result.map(drop), run)
    }

    /// Ends each worker, in a thread that has entered the gate, after `result`.
    ///
    /// # Errors
    /// The first fault that ends the run.
    pub fn end(
        &mut self,
        mut result: Result<(), FaultReport>,
        run: &RunHandle,
    ) -> Result<(), FaultReport> {
        for worker in self.all_mut() {
            // Each is ended, whatever became of the others; the first fault is the one that counts.
            let ended = worker.end();
            result = result.and(ended);
        }
        run.gate().leave();
        result
    }

    /// Goes round, in a thread that has entered the gate, until it is to leave, everything has finished or the run is stopped.
    ///
    /// # Errors
    /// A fault that ends the run.
    pub fn turns(
        &mut self,
        run: &RunHandle,
        leaves: impl Fn(&Self) -> bool,
    ) -> Result<End, FaultReport> {
        let (stop, pause) = (run.bell(), run.gate());
        let mut words = Vec::new();
        let mut rest = Rest::default();
        let mut busy_sweeps = 0;
        while !stop.is_rung() {
            if leaves(self) {
                return Ok(End::Left);
            }
            if pause.is_closed() {
                self.wait_at(pause, stop);
                continue;
            }
            let through = sweep(&mut self.workers, stop)?;
            if through == Turn::Worked && busy_sweeps < MOST_BUSY_SWEEPS {
                busy_sweeps += 1;
                continue;
            }
            busy_sweeps = 0;
            let fed = sweep(&mut self.feeds, stop)?;
            if through == Turn::Worked || fed == Turn::Worked {
                continue;
            }
            let retry = self.all_mut().filter_map(Worker::settle).min();
            if (through, fed) == (Turn::Finished, Turn::Finished) {
                return Ok(End::Over);
            }
            self.idle(&mut words, &mut rest, retry, run);
        }
        Ok(End::Over)
    }

    /// Waits until the run is resumed or is to end.
    #[cold]
    fn wait_at(&mut self, pause: &Gate, stop: &Bell) {
        let since = Instant::now();
        pause.hold(stop);
        let paused = since.elapsed();
        self.all_mut().for_each(|worker| worker.delay(paused));
    }

    /// Waits until a worker may be ready, the run is stopped, or a mirror wants another try.
    fn idle(
        &self,
        room: &mut Vec<WaitWord<'static>>,
        rest: &mut Rest,
        retry: Option<Duration>,
        run: &RunHandle,
    ) {
        let mut words: Vec<WaitWord<'_>> = std::mem::take(room);
        words.extend([run.bell().word(), run.gate().word()]);
        for worker in self.all() {
            worker.words(&mut words);
        }
        // The words were read before this look: whatever is published after it changes one of them.
        if !self.all().any(Worker::ready) {
            let due = self.all().filter_map(Worker::due).min();
            let retry = retry.map(|after| Instant::now() + after);
            rest.wait(&words, due.into_iter().chain(retry).min());
        }
        words.clear();
        // The same allocation for the next time: no element is left that could outlive its worker.
        *room = words.into_iter().map_while(|_| None).collect();
    }
}

/// Gives each worker a turn. `Worked` if one moved a frame, `Finished` if all have finished.
fn sweep(workers: &mut [impl Worker], stop: &Bell) -> Result<Turn, FaultReport> {
    let (mut worked, mut finished) = (false, true);
    for worker in workers {
        if stop.is_rung() {
            return Ok(Turn::Idle);
        }
        let turn = worker.turn()?;
        worked |= turn == Turn::Worked;
        finished &= turn == Turn::Finished;
    }
    Ok(match (worked, finished) {
        (true, _) => Turn::Worked,
        (false, true) => Turn::Finished,
        (false, false) => Turn::Idle,
    })
}

/// How an idle lane waits. It polls as long as polling has lately been rewarded: a hand-off by polling costs well under a
/// microsecond, waking a parked thread 20 to 30, and a lane that polls in vain burns a processor.
#[derive(Default)]
struct Rest {
    spin: Spin,
    /// How late the kernel woke the lane lately.
    late: Duration,
}

impl Rest {
    /// Waits for a word to change, or until a point in time, which is met by polling at the end.
    fn wait(&mut self, words: &[WaitWord<'_>], until: Option<Instant>) {
        let Some(until) = until else {
            self.spin.wait(words, None);
            return;
        };
        let early = (2 * self.late).clamp(*EARLY.start(), *EARLY.end());
        let alarm = until.checked_sub(early).unwrap_or(until);
        if alarm <= Instant::now() {
            wait(words, early, Some(until));
        } else if self.spin.wait(words, Some(alarm)) == Woken::Deadline {
            self.woken(alarm.elapsed());
        }
    }

    /// Learns from a wake that came so late: at once from one that is later than expected, slowly from others.
    fn woken(&mut self, late: Duration) {
        self.late = match late > self.late {
            true => late,
            false => self.late - (self.late - late) / 16,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_learns_how_late_it_is_woken() {
        let us = Duration::from_micros;
        let mut rest = Rest::default();
        rest.woken(us(40));
        assert_eq!(rest.late, us(40), "at once from a late wake");
        rest.woken(us(8));
        assert_eq!(rest.late, us(38), "slowly from an early one");
    }
}
