//! A running pipeline: its threads, how it is stopped, and what is left at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::awake::Awake;
use super::build::{Built, build};
use super::control::RunHandle;
use super::feeding::Feeding;
use super::lifecycle::Event;
use super::plan::Plan;
use super::quarantine::{Keeper, QuarantineDirectory};
use super::resume::Resume;
use super::work::ReadyLane;
use crate::recording::{Recorder, RecordingOptions};
use crate::report::{FaultReport, Monitor, RunReport, State};
use crate::stream::Stream;

/// When a run ends by itself, and what it keeps.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// After so many frames from every source and outside stream, once they have gone through.
    pub frames: Option<u64>,
    /// After so long.
    pub duration: Option<Duration>,
    /// What makes sources publish.
    pub feeding: Feeding,
    /// Where frames are kept that make stages fault.
    pub quarantine: Option<QuarantineDirectory>,
    /// What is recorded of it.
    pub recording: Option<RecordingOptions>,
    /// What it begins with.
    pub resume: Resume,
}

/// A pipeline that is ready to run, runs, or has run.
pub struct Run {
    monitor: Arc<Monitor>,
    handle: RunHandle,
    /// The lanes that have not been started.
    ready: Vec<ReadyLane>,
    threads: Vec<JoinHandle<()>>,
    endings: (Sender<Ending>, Receiver<Ending>),
    open_lanes: usize,
    duration: Option<Duration>,
    /// Writes what is kept of faults.
    keeper: Option<Keeper>,
    /// Records what happens.
    recorder: Option<Recorder>,
    /// Kept to the end; dropping the last owner removes the streams.
    streams: Vec<Arc<Stream>>,
    /// Kept to the end, too.
    _awake: Option<Awake>,
}

type Ending = Result<(), FaultReport>;

/// How often a run that is paused looks whether its time counts again.
const PAUSED_LOOK: Duration = Duration::from_millis(50);

impl Run {
    /// Creates the streams and opens the kernels. Nothing runs yet.
    ///
    /// # Errors
    /// Something of this failed; nothing is left behind then.
    pub fn build(plan: &Plan, options: RunOptions, handle: RunHandle) -> anyhow::Result<Self> {
        let keeper = options.quarantine.clone().map(Keeper::start).transpose();
        let keeper = keeper.context("cannot start the thread of the quarantine")?;
        let Built {
            lanes,
            monitor,
            streams,
            recorder,
            awake,
        } = build(plan, &options, keeper.as_ref(), &handle)?;
        Ok(Self {
            monitor: Arc::new(monitor),
            handle,
            open_lanes: lanes.len(),
            threads: Vec::with_capacity(lanes.len()),
            ready: lanes,
            endings: channel(),
            duration: options.duration,
            keeper,
            recorder,
            streams,
            _awake: awake,
        })
    }

    /// As [`Run::build`], and starts the lanes.
    ///
    /// # Errors
    /// As for [`Run::build`] and [`Run::launch`].
    pub fn start(plan: &Plan, options: RunOptions, handle: RunHandle) -> anyhow::Result<Self> {
        let mut run = Self::build(plan, options, handle)?;
        run.launch()?;
        Ok(run)
    }

    /// Starts the lanes, unless the run has been started or is to end.
    ///
    /// # Errors
    /// The system refuses a thread. The run is to be dropped then.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        if !self.handle.tell(Event::Start) {
            return Ok(());
        }
        for ReadyLane { name, thread, work } in self.ready.drain(..) {
            let ended = self.endings.0.clone();
            let handle = self.handle.clone();
            let started = Builder::new().name(name.clone()).spawn(move || {
                thread.apply();
                let ending = catch_unwind(AssertUnwindSafe(|| work.run(&handle)));
                let ending = ending.unwrap_or_else(|_| Err(panicked(name)));
                // Nobody listens any more only when the run itself is gone.
                let _ = ended.send(ending);
            });
            self.threads
                .push(started.context("cannot start the thread of a lane")?);
        }
        Ok(())
    }

    /// What is being measured.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// What it does.
    pub fn state(&self) -> State {
        self.handle.state()
    }

    /// See [`RunHandle::pause`].
    pub fn pause(&self) -> bool {
        self.handle.pause()
    }

    /// See [`RunHandle::resume`].
    pub fn resume(&self) -> bool {
        self.handle.resume()
    }

    /// Waits for the end, at most so long. Whether the run has ended.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let give_up = Instant::now() + timeout;
        while self.open_lanes > 0 {
            let left = self.time_left();
            if left == Some(Duration::ZERO) {
                self.handle.stop();
            }
            self.examine_streams();
            let timeout = give_up.saturating_duration_since(Instant::now());
            let timeout = left.map_or(timeout, |left| left.min(timeout));
            match self.endings.1.recv_timeout(timeout) {
                Ok(ending) => self.lane_ended(ending),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= give_up => return false,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.open_lanes = 0,
            }
        }
        self.handle.tell(Event::Stop);
        true
    }

    /// How long it is until the run is to be stopped, or until that is to be asked again; `None`: for ever.
    fn time_left(&self) -> Option<Duration> {
        let duration = self.duration?;
        match self.state() {
            State::Running => Some(duration.saturating_sub(self.handle.clock().elapsed())),
            State::Paused => Some(PAUSED_LOOK),
            State::Built | State::Stopped | State::Interrupted | State::Failed => None,
        }
    }

    fn lane_ended(&mut self, ending: Ending) {
        self.open_lanes -= 1;
        if let Err(fault) = ending {
            self.fail(fault);
        }
    }

    /// Ends the run if a stream was cut short by another process: its lanes may wait for ever for frames that nobody can
    /// publish any more.
    fn examine_streams(&mut self) {
        if self.handle.is_stopped() {
            return;
        }
        let damage =
            |stream: &Arc<Stream>| Some((stream.name().to_owned(), stream.examine().err()?));
        if let Some((name, error)) = self.streams.iter().find_map(damage) {
            self.fail(FaultReport::ending(name, 0, "segment", error.to_string()));
        }
    }

    fn fail(&self, fault: FaultReport) {
        self.monitor.fault(fault);
        self.handle.tell(Event::Fail);
        self.handle.stop();
    }

    /// Stops what still runs, removes the streams and says how it went.
    pub fn finish(mut self) -> RunReport {
        self.handle.stop();
        if self.ready.is_empty() {
            while !self.wait(Duration::from_secs(3600)) {}
        }
        // The lanes have ended, and what they published last is in the rings.
        let recording = self.recorder.take().map(Recorder::finish);
        RunReport {
            recording,
            ..self.monitor.report(self.state())
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.handle.stop();
        for thread in self.threads.drain(..) {
            // Its panic, had it one, has been reported.
            let _ = thread.join();
        }
        // The stages that were never started hold it up too.
        self.ready.clear();
        if let Some(recorder) = self.recorder.take() {
            recorder.finish();
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.finish();
        }
    }
}

/// A defect of ours, reported as a fault so that the other lanes are stopped and the streams removed.
fn panicked(lane: String) -> FaultReport {
    let message = "the lane panicked; this is a defect of sandpipe";
    FaultReport::ending(lane, 0, "defect", message)
}
