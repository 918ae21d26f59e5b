//! A sink at work in a lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::{Turn, Worker};
use super::trigger::Trigger;
use crate::endpoint::{Consumed, Sink};
use crate::report::FaultReport;
use crate::report::meter::StageMeter;
use crate::stream::WaitWord;

/// A sink and the stream that it consumes.
pub struct SinkWorker {
    name: String,
    sink: Box<dyn Sink>,
    trigger: Trigger,
    /// The frame in private memory, where the sink can work on it as bytes.
    frame: Vec<u8>,
    meter: Arc<StageMeter>,
    /// How long it may take for a frame.
    timeout: Option<Duration>,
    busy_until: Option<Instant>,
    /// It could not take a frame, and gets no more.
    failed: bool,
    last: u64,
    finished: bool,
}

impl SinkWorker {
    /// Consumes frames, each of which is copied into `frame` first and may take it as long as `timeout`.
    pub fn new(
        name: String,
        sink: Box<dyn Sink>,
        trigger: Trigger,
        frame: Vec<u8>,
        meter: Arc<StageMeter>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            name,
            sink,
            trigger,
            frame,
            meter,
            timeout,
            busy_until: None,
            failed: false,
            last: 0,
            finished: false,
        }
    }

    fn is_busy(&self) -> bool {
        self.busy_until.is_some_and(|time| Instant::now() < time)
    }

    fn fault(&self, frame_id: u64, message: String) -> FaultReport {
        FaultReport::ending(&self.name, frame_id, "sink", message)
    }
}

impl Worker for SinkWorker {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        if !self.trigger.ready() {
            self.finished = self.trigger.exhausted();
            return Ok(if self.finished {
                Turn::Finished
            } else {
                Turn::Idle
            });
        }
        if self.is_busy() {
            return Ok(Turn::Idle);
        }
        let (frame, _) = self.trigger.take();
        self.trigger
            .read(&frame, &mut self.frame)
            .map_err(|error| self.fault(frame.frame_id, error.to_string()))?;
        let begun = self.timeout.map(|_| Instant::now());
        let consumed = self.sink.consume(&self.frame, frame.frame_id);
        self.failed = consumed.is_err();
        let consumed = consumed.map_err(|error| self.fault(frame.frame_id, error.to_string()))?;
        self.busy_until = match consumed {
            Consumed::Ready => None,
            Consumed::BusyUntil(time) => Some(time),
        };
        if let (Some(begun), Some(timeout)) = (begun, self.timeout) {
            let done = self.busy_until.unwrap_or_else(Instant::now);
            if done.saturating_duration_since(begun) > timeout {
                let message = format!("took longer than {timeout:?} for a frame (consume_timeout)");
                return Err(self.fault(frame.frame_id, message));
            }
        }
        self.last = frame.frame_id;
        self.meter.frames.add(1);
        self.meter.skipped[0].set(self.trigger.skipped());
        Ok(Turn::Worked)
    }

    fn ready(&self) -> bool {
        match self.trigger.ready() {
            true => !self.is_busy(),
            false => self.trigger.exhausted() && !self.finished,
        }
    }

    fn due(&self) -> Option<Instant> {
        self.busy_until.filter(|_| self.trigger.ready())
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.trigger.words(words);
    }

    fn settle(&mut self) -> Option<Duration> {
        self.sink.settle()
    }

    fn end(&mut self) -> Result<(), FaultReport> {
        // What was published before something ended the run is not lost: no more frames than the stream can hold.
        let mut outcome = Ok(());
        for _ in 0..self.trigger.reader().stream().ring().slots {
            if self.failed || outcome.is_err() || !self.trigger.ready() || self.is_busy() {
                break;
            }
            outcome = self.turn().map(drop);
        }
        let finished = self
            .sink
            .finish()
            .map_err(|error| self.fault(self.last, error.to_string()));
        outcome.and(finished)
    }
}
