//! A stage at work: pins its inputs, calls the guest, commits and publishes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::{Turn, Worker};
use super::output::Output;
use super::state::{self, State};
use super::trigger::Trigger;
use crate::config::TriggerPolicy;
use crate::report::FaultReport;
use crate::report::meter::StageMeter;
use crate::sandbox::{Cause, Deadline, Fault, Instance};
use crate::stream::{Reader, Stamp, WaitWord};

/// One stage with everything that it needs for a frame.
pub struct Stage {
    pub(super) name: String,
    pub(super) policy: TriggerPolicy,
    pub(super) triggers: Vec<Trigger>,
    pub(super) auxiliary: Vec<Reader>,
    pub(super) outputs: Vec<Output>,
    pub(super) state: Vec<State>,
    /// The name of the stream or state array behind each window, in frame-table order.
    pub(super) windows: Vec<String>,
    /// The slot of each window for the coming call, in frame-table order.
    pub(super) slots: Vec<u32>,
    pub(super) instance: Instance,
    pub(super) meter: Arc<StageMeter>,
    pub(super) closed: bool,
}

impl Stage {
    /// By which the time of a call can be shortened while it runs.
    pub fn deadline(&self) -> Deadline {
        self.instance.deadline()
    }

    /// Whether the triggers call for a run.
    fn triggered(&self) -> bool {
        match self.policy {
            TriggerPolicy::AnyNew => self.triggers.iter().any(Trigger::ready),
            TriggerPolicy::AllNew => self.triggers.iter().all(Trigger::ready),
        }
    }

    /// Whether the triggers can never call for a run again.
    fn exhausted(&self) -> bool {
        match self.policy {
            TriggerPolicy::AnyNew => self.triggers.iter().all(Trigger::exhausted),
            TriggerPolicy::AllNew => self.triggers.iter().any(Trigger::exhausted),
        }
    }

    /// Takes a free slot of every output, into `slots`. False while a reader that wants every frame is behind.
    fn begin_outputs(&mut self) -> bool {
        let first = self.triggers.len() + self.auxiliary.len();
        for (output, place) in self.outputs.iter_mut().zip(&mut self.slots[first..]) {
            match output.begin() {
                Some(slot) => *place = slot,
                None => return false,
            }
        }
        true
    }

    /// Pins the inputs, into `slots`, and says whose frame this is: the id of the first new trigger frame, and
    /// the earliest origin of the new ones.
    fn pin_inputs(&mut self) -> Stamp {
        let mut stamp: Option<Stamp> = None;
        let (inputs, rest) = self.slots.split_at_mut(self.triggers.len());
        for ((trigger, skipped), place) in self
            .triggers
            .iter_mut()
            .zip(&self.meter.skipped)
            .zip(inputs)
        {
            let (frame, new) = trigger.take();
            *place = frame.slot;
            if new {
                skipped.set(trigger.skipped());
                let origin_ns = frame.origin_ns;
                stamp = Some(match stamp {
                    None => Stamp {
                        frame_id: frame.frame_id,
                        origin_ns,
                    },
                    Some(first) => Stamp {
                        origin_ns: first.origin_ns.min(origin_ns),
                        ..first
                    },
                });
            }
        }
        for (reader, place) in self.auxiliary.iter_mut().zip(rest) {
            *place = reader.current().slot;
        }
        stamp.unwrap_or(Stamp::source(0))
    }

    fn fault(&self, frame_id: u64, fault: &Fault) -> FaultReport {
        fault_report(&self.name, frame_id, fault, &self.windows)
    }
}

/// A fault as reports show it; windows are called by the names of their streams.
pub(super) fn fault_report(
    stage: &str,
    frame_id: u64,
    fault: &Fault,
    windows: &[String],
) -> FaultReport {
    let message = match fault.cause {
        Cause::IllegalWrite { window } => match windows.get(window) {
            Some(name) => format!("wrote to '{name}', which it may only read"),
            None => fault.message.clone(),
        },
        _ => fault.message.clone(),
    };
    FaultReport {
        stage: stage.to_owned(),
        frame_id,
        cause: fault.cause.name().to_owned(),
        message,
    }
}

impl Worker for Stage {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        if self.closed {
            return Ok(Turn::Finished);
        }
        if !self.triggered() {
            if !self.exhausted() {
                return Ok(Turn::Idle);
            }
            self.closed = true;
            self.outputs.iter_mut().for_each(Output::close);
            // Producers need not wait any more for this stage to take what it will never take.
            self.triggers.clear();
            return Ok(Turn::Finished);
        }
        if !self.begin_outputs() {
            return Ok(Turn::Idle);
        }
        let stamp = self.pin_inputs();
        state::point(&self.state, &mut self.slots);
        let start = Instant::now();
        self.instance
            .compute_into(stamp.frame_id, &self.slots)
            .map_err(|fault| self.fault(stamp.frame_id, &fault))?;
        self.meter.exec.record(start.elapsed().as_nanos() as u64);
        self.meter.frames.add(1);
        state::commit(&mut self.state);
        let first_output = self.triggers.len() + self.auxiliary.len();
        for (output, slot) in self.outputs.iter_mut().zip(&self.slots[first_output..]) {
            output.publish(*slot, stamp);
        }
        Ok(Turn::Worked)
    }

    fn ready(&self) -> bool {
        if self.closed {
            return false;
        }
        if self.triggered() {
            !self.outputs.iter().any(Output::is_blocked)
        } else {
            self.exhausted()
        }
    }

    fn due(&self) -> Option<Instant> {
        self.outputs.iter().filter_map(Output::due).min()
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.triggers
            .iter()
            .for_each(|trigger| trigger.words(words));
        self.outputs.iter().for_each(|output| output.words(words));
    }

    fn settle(&mut self) -> Option<Duration> {
        self.outputs.iter_mut().filter_map(Output::settle).min()
    }
}
