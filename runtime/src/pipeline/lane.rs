//! A lane: one pinned thread that runs its workers to completion in graph order.

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::control::RunHandle;
use crate::report::FaultReport;
use crate::stream::{Bell, Gate, WaitWord, wait};

/// How long an idle lane polls before it parks. A hand-off by polling costs well under a microsecond, waking a
/// parked thread 20 to 30: so this bounds what idling burns at the rates where parking hurts little.
const SPIN: Duration = Duration::from_micros(50);
/// A lane that waits for a point in time parks until so long before it, then polls: the kernel wakes late.
const EARLY: Duration = Duration::from_micros(80);
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

/// What a lane runs.
#[derive(Default)]
pub struct Crew {
    /// Sources and intakes. They get a turn when all others are idle: what has entered the lane goes through to its
    /// end before more comes in, so that frames do not queue up behind one another. But when another lane keeps this
    /// one busy, they get one now and then all the same.
    pub feeds: Vec<Box<dyn Worker>>,
    /// Stages and sinks, in graph order.
    pub workers: Vec<Box<dyn Worker>>,
}

impl Crew {
    fn all(&self) -> impl Iterator<Item = &dyn Worker> {
        self.feeds.iter().chain(&self.workers).map(Box::as_ref)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Worker>> {
        self.feeds.iter_mut().chain(&mut self.workers)
    }

    /// Runs until everything has finished or the run is stopped. Then ends each.
    ///
    /// # Errors
    /// The first fault that ends the run.
    pub fn run(mut self, run: &RunHandle) -> Result<(), FaultReport> {
        run.gate().enter();
        let mut result = self.turns(run);
        for worker in self.all_mut() {
            // Each is ended, whatever became of the others; the first fault is the one that counts.
            let ended = worker.end();
            result = result.and(ended);
        }
        run.gate().leave();
        result
    }

    fn turns(&mut self, run: &RunHandle) -> Result<(), FaultReport> {
        let (stop, pause) = (run.bell(), run.gate());
        let mut words = Vec::new();
        let mut busy_sweeps = 0;
        while !stop.is_rung() {
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
            let settle = |worker: &mut Box<dyn Worker>| worker.settle();
            let retry = self.all_mut().filter_map(settle).min();
            if (through, fed) == (Turn::Finished, Turn::Finished) {
                return Ok(());
            }
            self.idle(&mut words, retry, run);
        }
        Ok(())
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
    fn idle(&self, room: &mut Vec<WaitWord<'static>>, retry: Option<Duration>, run: &RunHandle) {
        let mut words: Vec<WaitWord<'_>> = std::mem::take(room);
        words.extend([run.bell().word(), run.gate().word()]);
        for worker in self.all() {
            worker.words(&mut words);
        }
        // The words were read before this look: whatever is published after it changes one of them.
        if !self.all().any(Worker::ready) {
            let due = self.all().filter_map(Worker::due).min();
            let retry = retry.map(|after| Instant::now() + after);
            wait_until(&words, due.into_iter().chain(retry).min());
        }
        words.clear();
        // The same allocation for the next time: no element is left that could outlive its worker.
        *room = words.into_iter().map_while(|_| None).collect();
    }
}

/// Gives each worker a turn. `Worked` if one moved a frame, `Finished` if all have finished.
fn sweep(workers: &mut [Box<dyn Worker>], stop: &Bell) -> Result<Turn, FaultReport> {
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

/// Waits for a word to change, or until a point in time, which is met by polling at the end.
fn wait_until(words: &[WaitWord<'_>], until: Option<Instant>) {
    let now = Instant::now();
    let park = until.map(|until| until.saturating_duration_since(now + EARLY));
    match (until, park) {
        (Some(until), Some(Duration::ZERO)) => wait(words, EARLY, Some(until)),
        (_, Some(park)) => wait(words, SPIN.min(park), Some(now + park)),
        (_, None) => wait(words, SPIN, None),
    };
}

/// The processors that this process may use, the one that the caller runs on first: runs that start on different
/// processors then pin their first lanes to different ones. Empty where the system does not say.
pub fn processors() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return Vec::new();
    };
    let mut processors: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&processor| allowed.is_set(processor))
        .collect();
    let here = processors
        .iter()
        .position(|&processor| processor == sched_getcpu());
    processors.rotate_left(here.unwrap_or(0));
    processors
}

/// Pins the calling thread to a processor.
pub fn pin(processor: usize) {
    let mut one = CpuSet::new();
    one.set(processor);
    // Pinning only steadies the timing: where the system refuses it, the lane runs unpinned.
    let _ = sched_setaffinity(None, &one);
}
