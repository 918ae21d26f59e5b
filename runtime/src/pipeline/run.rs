//! A running pipeline: its threads, how it is stopped, and what is left at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::build::{Built, ReadyLane, build};
use super::lane;
use super::plan::Plan;
use crate::report::{FaultReport, Monitor, RunReport, State};
use crate::sandbox::{Cause, Deadline};
use crate::stream::{Bell, Stream};

/// How long a call may still take when the run is being stopped.
const LAST_CALL: Duration = Duration::from_millis(25);

/// When a run ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// After so many frames from every source and outside stream, once they have gone through.
    pub frames: Option<u64>,
    /// After so long.
    pub duration: Option<Duration>,
}

/// Stops a run from any thread.
#[derive(Clone)]
pub struct StopHandle {
    bell: Arc<Bell>,
    interrupted: Arc<AtomicBool>,
    deadlines: Arc<Mutex<Vec<Deadline>>>,
}

impl StopHandle {
    /// A handle for one run.
    pub fn new() -> Self {
        Self {
            bell: Arc::new(Bell::new()),
            interrupted: Arc::default(),
            deadlines: Arc::default(),
        }
    }

    /// Stops the run because a person wants it.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
        self.stop();
    }

    /// Stops the run: lanes end after the frame that they are at, and guests that take longer are stopped.
    fn stop(&self) {
        self.bell.ring();
        for deadline in self
            .deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            deadline.shorten(LAST_CALL);
        }
    }

    /// From now on, stopping also shortens this.
    pub(super) fn watch(&self, deadline: Deadline) {
        let mut deadlines = self
            .deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            deadline.shorten(LAST_CALL);
        }
        deadlines.push(deadline);
    }

    /// Whether the run is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.bell.is_rung()
    }

    /// Whether a person wanted it to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

impl Default for StopHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// A running pipeline.
pub struct Run {
    monitor: Arc<Monitor>,
    stop: StopHandle,
    threads: Vec<JoinHandle<()>>,
    endings: Receiver<Result<(), FaultReport>>,
    open_lanes: usize,
    failed: bool,
    until: Option<Instant>,
    /// Kept to the end; dropping the last owner removes the streams.
    _streams: Vec<Arc<Stream>>,
}

impl Run {
    /// Creates the streams, opens the kernels and starts the lanes.
    ///
    /// # Errors
    /// Something of this failed; nothing is left behind then.
    pub fn start(plan: Plan, options: RunOptions, stop: StopHandle) -> anyhow::Result<Self> {
        let Built {
            lanes,
            monitor,
            streams,
        } = build(plan, options.frames, &stop)?;
        let (ended, endings) = channel();
        let mut run = Self {
            monitor: Arc::new(monitor),
            stop,
            threads: Vec::with_capacity(lanes.len()),
            endings,
            open_lanes: lanes.len(),
            failed: false,
            // A time that cannot be counted never comes.
            until: options
                .duration
                .and_then(|duration| Instant::now().checked_add(duration)),
            _streams: streams,
        };
        let processors = lane::processors();
        for (index, ReadyLane { name, crew }) in lanes.into_iter().enumerate() {
            let processor = processors.get(index % processors.len().max(1)).copied();
            let ended = ended.clone();
            let bell = Arc::clone(&run.stop.bell);
            let started = thread::Builder::new().name(name.clone()).spawn(move || {
                processor.into_iter().for_each(lane::pin);
                let ending = catch_unwind(AssertUnwindSafe(|| crew.run(&bell)));
                let ending = ending.unwrap_or_else(|_| Err(panicked(name)));
                // Nobody listens any more only when the run itself is gone.
                let _ = ended.send(ending);
            });
            match started.context("cannot start the thread of a lane") {
                Ok(thread) => run.threads.push(thread),
                Err(error) => {
                    run.open_lanes = index;
                    return Err(error);
                }
            }
        }
        Ok(run)
    }

    /// What is being measured.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Waits for the end, at most so long. Whether the run has ended.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let give_up = Instant::now() + timeout;
        while self.open_lanes > 0 {
            let now = Instant::now();
            if self.until.is_some_and(|until| now >= until) {
                self.until = None;
                self.stop.stop();
            }
            let wake = self.until.map_or(give_up, |until| until.min(give_up));
            match self
                .endings
                .recv_timeout(wake.saturating_duration_since(now))
            {
                Ok(ending) => self.lane_ended(ending),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= give_up => return false,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.open_lanes = 0,
            }
        }
        true
    }

    fn lane_ended(&mut self, ending: Result<(), FaultReport>) {
        self.open_lanes -= 1;
        if let Err(fault) = ending {
            if self.stop.is_stopped() && fault.cause == Cause::Deadline.name() {
                // The deadline was shortened to end the run.
                return;
            }
            self.failed = true;
            self.monitor.fault(fault);
            self.stop.stop();
        }
    }

    /// Stops what still runs, removes the streams and says how it went.
    pub fn finish(mut self) -> RunReport {
        self.stop.stop();
        while !self.wait(Duration::from_secs(3600)) {}
        let state = if self.failed {
            State::Failed
        } else if self.stop.is_interrupted() {
            State::Interrupted
        } else {
            State::Stopped
        };
        self.monitor.report(state)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop.stop();
        for thread in self.threads.drain(..) {
            // Its panic, had it one, has been reported.
            let _ = thread.join();
        }
    }
}

/// A defect of ours, reported as a fault so that the other lanes are stopped and the streams removed.
fn panicked(lane: String) -> FaultReport {
    FaultReport {
        stage: lane,
        frame_id: 0,
        cause: "defect".to_owned(),
        message: "the lane panicked; this is a defect of sandpipe".to_owned(),
    }
}
