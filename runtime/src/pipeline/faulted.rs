//! What a stage does about faults, and without an instance.

use std::time::Instant;

use super::lane::Turn;
use super::quarantine::StageQuarantine;
use super::stage::{Guest, Stage, Taken};
use super::state::State;
use super::supervision::Verdict;
use super::trigger::Trigger;
use crate::config::FaultAction;
use crate::recording::Outcome;
use crate::report::{Action, FaultReport};
use crate::sandbox::{Cause, Fault};
use crate::stream::{Mark, Stamp, StreamError, now_ns};

impl Stage {
    /// Takes a fresh instance, if one has come.
    pub(super) fn receive(&mut self) -> Result<(), FaultReport> {
        let Guest::Away(pending, since) = &self.guest else {
            return Ok(());
        };
        match pending.take() {
            None => Ok(()),
            Some(Ok(fresh)) => {
                self.meter.restarts.add(1);
                self.meter.restart.record(since.elapsed().as_nanos() as u64);
                for (part, instance) in fresh {
                    self.team.put(part, instance);
                }
                self.guest = Guest::Here;
                Ok(())
            }
            Some(Err(fault)) => self.fault(None, &fault),
        }
    }

    /// Does what the rule says about a fault: of the call for the frame that was `taken`, or of a fresh instance that could
    /// not start.
    ///
    /// # Errors
    /// The run is to end.
    #[cold]
    pub(super) fn fault(&mut self, taken: Option<Taken>, fault: &Fault) -> Result<(), FaultReport> {
        if self.run.is_stopped() && fault.cause == Cause::Deadline {
            // The deadline was shortened to end the run.
            self.meter.dropped.add(taken.iter().count() as u64);
            return Ok(());
        }
        self.meter.faults.add(1);
        if let Some(taken) = &taken {
            self.quarantine(taken, fault);
        }
        let report = |stage: &Stage, action| {
            fault_report(&stage.name, taken.as_ref(), fault, &stage.windows, action)
        };
        let now = Instant::now();
        match self.supervision.faulted(now, self.team.is_alive()) {
            Verdict::Stop => {
                self.meter.dropped.add(taken.iter().count() as u64);
                return Err(report(self, Action::Stopped));
            }
            Verdict::Keep => self.team.keep(),
            Verdict::Reopen(after) => {
                self.discard();
                if let Some(reopener) = &self.reopener {
                    self.guest = Guest::Away(reopener.open(self.team.missing(), after), now);
                }
            }
            Verdict::GiveUp => self.discard(),
        }
        let action = match &taken {
            Some(taken) => self.substitute(taken),
            None if matches!(self.guest, Guest::Away(..)) => Action::Restarted,
            None => match self.supervision.action() {
                FaultAction::Hold => Action::Held,
                FaultAction::Bypass => Action::Bypassed,
                FaultAction::Skip | FaultAction::Restart | FaultAction::Stop => Action::Skipped,
            },
        };
        self.meter.journal.note(report(self, action));
        Ok(())
    }

    /// Keeps the frame that was taken, if it is to be kept.
    fn quarantine(&mut self, taken: &Taken, fault: &Fault) {
        let wanted = |quarantine: &mut StageQuarantine| quarantine.has_room();
        if !self.quarantine.as_mut().is_some_and(wanted) {
            return;
        }
        let (arrays, message) = (self.evidence(), fault_message(fault, &self.windows));
        match (arrays, &mut self.quarantine) {
            (Ok(arrays), Some(quarantine)) => quarantine.keep(arrays, |record| {
                record.context.part.index = self.team.faulted_part();
                record.frame_id = taken.stamp.frame_id;
                record.sequence = taken.sequence;
                record.at_s = self.run.clock().seconds();
                record.cause = fault.cause.name().to_owned();
                record.message = message;
            }),
            (Err(error), _) => {
                let name = &self.name;
                tracing::warn!("the frame that made stage '{name}' fault cannot be kept: {error}");
            }
            (Ok(_), None) => {}
        }
    }

    /// What the call has read: inputs and previous state.
    fn evidence(&self) -> Result<Vec<Vec<u8>>, StreamError> {
        let triggers = self.triggers.iter().map(Trigger::reader);
        let readers = triggers.chain(&self.auxiliary);
        let inputs = readers.zip(&self.inputs).map(|(reader, frame)| {
            let mut bytes = vec![0; reader.stream().bytes()];
            reader.read(frame, &mut bytes).map(|()| bytes)
        });
        inputs
            .chain(self.state.iter().map(State::committed))
            .collect()
    }

    /// Lets go of the instances that have faulted, off the lane's thread.
    fn discard(&mut self) {
        self.guest = Guest::Gone;
        for instance in self.team.take_faulted() {
            if let Some(reopener) = &self.reopener {
                reopener.discard(instance);
            }
        }
    }

    /// Whether frames wait until there is an instance again. `restart` loses the frame that faulted and no other.
    pub(super) fn waits(&self) -> bool {
        matches!(self.guest, Guest::Away(..)) && self.supervision.action() == FaultAction::Restart
    }

    /// Whether a frame that is taken now may lead to a publication.
    pub(super) fn publishes(&self) -> bool {
        match (&self.guest, self.supervision.action()) {
            (Guest::Here, _) | (_, FaultAction::Bypass) => true,
            (_, FaultAction::Hold) => self.has_output,
            (_, FaultAction::Stop | FaultAction::Restart | FaultAction::Skip) => false,
        }
    }

    /// A turn without an instance, though there are frames.
    pub(super) fn do_without(&mut self) -> Turn {
        if self.waits() || self.publishes() && !self.begin_outputs() {
            return Turn::Idle;
        }
        let taken = self.take();
        self.substitute(&taken);
        Turn::Worked
    }

    /// Does about a frame that is not computed what the rule says, and counts it. Where the rule publishes, a slot of each
    /// output has been taken.
    fn substitute(&mut self, taken: &Taken) -> Action {
        let (action, counter) = match self.supervision.action() {
            FaultAction::Hold if self.hold(taken) => (Action::Held, &self.meter.held),
            FaultAction::Bypass if self.bypass(taken) => (Action::Bypassed, &self.meter.bypassed),
            FaultAction::Restart => (Action::Restarted, &self.meter.dropped),
            FaultAction::Stop | FaultAction::Skip | FaultAction::Hold | FaultAction::Bypass => {
                (Action::Skipped, &self.meter.dropped)
            }
        };
        counter.add(1);
        if !matches!(action, Action::Held | Action::Bypassed) {
            self.note(Outcome::Dropped, now_ns(), taken);
        }
        action
    }

    /// Publishes the last output again. False if there was none.
    fn hold(&mut self, taken: &Taken) -> bool {
        // All outputs or none: they have been published together so far.
        if !self.has_output
            || self
                .outputs
                .iter_mut()
                .any(|output| output.repeat().is_err())
        {
            return false;
        }
        self.publish_marked(taken, Mark::Held, Outcome::Held);
        true
    }

    /// Publishes the first trigger's frame. False if it has none yet, or another process has damaged its stream.
    fn bypass(&mut self, taken: &Taken) -> bool {
        let (Some(frame), Some(trigger)) = (self.inputs.first(), self.triggers.first()) else {
            return false;
        };
        let passed = |output: &mut super::output::Output| output.pass(trigger, frame).is_ok();
        if frame.sequence == 0 || !self.outputs.iter_mut().all(passed) {
            return false;
        }
        self.publish_marked(taken, Mark::Bypassed, Outcome::Bypassed);
        true
    }

    fn publish_marked(&mut self, taken: &Taken, mark: Mark, outcome: Outcome) {
        self.note(outcome, now_ns(), taken);
        let stamp = Stamp {
            mark,
            ..taken.stamp
        };
        self.outputs
            .iter_mut()
            .for_each(|output| output.publish(stamp));
    }
}

/// A fault as reports show it; windows are called by the names of their streams.
fn fault_report(
    stage: &str,
    taken: Option<&Taken>,
    fault: &Fault,
    windows: &[String],
    action: Action,
) -> FaultReport {
    FaultReport {
        sequence: taken.and_then(|taken| taken.sequence),
        action,
        ..FaultReport::ending(
            stage,
            taken.map_or(0, |taken| taken.stamp.frame_id),
            fault.cause.name(),
            fault_message(fault, windows),
        )
    }
}

/// What a fault says, with the names of streams for the numbers of windows.
pub(super) fn fault_message(fault: &Fault, windows: &[String]) -> String {
    let name = |window: usize| windows.get(window);
    match fault.cause {
        Cause::IllegalWrite { window } => {
            name(window).map(|name| format!("wrote to '{name}', which it may only read"))
        }
        Cause::Segment { window } => name(window).map(|name| {
            let (number, stream) = (format!("window {window}"), format!("stream '{name}'"));
            fault.message.replace(&number, &stream)
        }),
        _ => None,
    }
    .unwrap_or_else(|| fault.message.clone())
}
