//! A stage at work: pins its inputs, calls the guest, commits and publishes. What it does when that fails is in `faulted`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clocked::Clocked;
use super::control::RunHandle;
use super::lane::{Turn, Worker};
use super::matching::{Matching, Step};
use super::output::Output;
use super::quarantine::StageQuarantine;
use super::reopen::{Pending, Reopener};
use super::state::{self, State};
use super::supervision::Supervision;
use super::team::Team;
use super::trigger::Trigger;
use crate::config::TriggerPolicy;
use crate::recording::{CallLog, Outcome};
use crate::report::FaultReport;
use crate::report::meter::StageMeter;
use crate::stream::{Frame, Reader, Stamp, WaitWord, now_ns};

/// One stage with everything that it needs for a frame.
pub struct Stage {
    pub(super) name: String,
    pub(super) start: Start,
    /// Whether it is where frames go: what was published for it is taken also where the run was ended.
    pub(super) is_sink: bool,
    /// What brings the triggers to frames of one id, if they have to match.
    pub(super) matching: Option<Matching>,
    /// Which trigger frame's id the outputs get.
    pub(super) frame_id: FrameId,
    pub(super) triggers: Vec<Trigger>,
    pub(super) auxiliary: Vec<Reader>,
    /// The frames of triggers, then of auxiliary inputs, that the last turn took.
    pub(super) inputs: Vec<Frame>,
    pub(super) outputs: Vec<Output>,
    pub(super) state: Vec<State>,
    /// The name of the stream or state array behind each window, in frame-table order.
    pub(super) windows: Vec<String>,
    /// The slot of each window for the coming call, in frame-table order.
    pub(super) slots: Vec<u32>,
    pub(super) team: Team,
    pub(super) guest: Guest,
    pub(super) supervision: Supervision,
    /// `None` where the rule never asks for a fresh instance.
    pub(super) reopener: Option<Reopener>,
    /// Where frames go that make it fault, if they are kept.
    pub(super) quarantine: Option<StageQuarantine>,
    /// Where its calls are noted, if the run is recorded.
    pub(super) calls: Option<CallLog>,
    pub(super) run: RunHandle,
    pub(super) meter: Arc<StageMeter>,
    /// Whether a frame was computed in this run.
    pub(super) has_output: bool,
    pub(super) closed: bool,
}

/// Which trigger frame's id the outputs get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameId {
    /// That of the first one that is new.
    First,
    /// The largest, of those that are not new too.
    Largest,
}

/// What makes a stage run.
pub enum Start {
    /// Frames of its triggers.
    Triggers(TriggerPolicy),
    /// The clock: it has no trigger.
    Clock(Clocked),
}

/// Whether frames can be computed.
pub enum Guest {
    /// Every part has its instance.
    Here,
    /// Fresh ones are being opened, since this time.
    Away(Arc<Pending>, Instant),
    /// Given up.
    Gone,
}

/// What a turn takes from the triggers.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    /// Whose frame it is: an id by the stage's [`FrameId`], and the earliest origin of the new trigger frames.
    pub stamp: Stamp,
    /// Sequence of the first new trigger frame.
    pub sequence: Option<u64>,
}

impl Stage {
    /// Whether the triggers, or the clock, call for a run.
    fn triggered(&self) -> bool {
        match &self.start {
            Start::Triggers(TriggerPolicy::AnyNew) => self.triggers.iter().any(Trigger::ready),
            Start::Triggers(TriggerPolicy::AllNew) => self.triggers.iter().all(Trigger::ready),
            Start::Clock(clock) => clock.is_due(),
        }
    }

    /// Whether they can never call for a run again.
    fn exhausted(&self) -> bool {
        match &self.start {
            Start::Triggers(TriggerPolicy::AnyNew) => self.triggers.iter().all(Trigger::exhausted),
            Start::Triggers(TriggerPolicy::AllNew) => self.triggers.iter().any(Trigger::exhausted),
            Start::Clock(clock) => clock.is_over(),
        }
    }

    /// Brings the report up to date about frames that were passed over.
    fn count_skipped(&self) {
        for (trigger, skipped) in self.triggers.iter().zip(&self.meter.skipped) {
            skipped.set(trigger.skipped());
        }
    }

    /// Takes a free slot of every output. False while a reader that wants every frame is behind.
    pub(super) fn begin_outputs(&mut self) -> bool {
        let first = self.triggers.len() + self.auxiliary.len();
        for (output, place) in self.outputs.iter_mut().zip(&mut self.slots[first..]) {
            if !output.begin() {
                return false;
            }
            *place = output.window_slot();
        }
        true
    }

    /// Pins the inputs, into `slots`.
    pub(super) fn take(&mut self) -> Taken {
        let mut taken = Taken {
            stamp: Stamp::source(0),
            sequence: None,
        };
        if let Start::Clock(clock) = &mut self.start {
            let missed;
            (taken.stamp, missed) = clock.take();
            self.outputs.iter().for_each(|output| output.missed(missed));
        }
        let (inputs, rest) = self.slots.split_at_mut(self.triggers.len());
        let mut largest = 0;
        self.inputs.clear();
        for ((trigger, skipped), place) in self
            .triggers
            .iter_mut()
            .zip(&self.meter.skipped)
            .zip(inputs)
        {
            let (frame, new) = trigger.take();
            *place = frame.slot;
            largest = largest.max(frame.frame_id);
            self.inputs.push(frame);
            if new {
                skipped.set(trigger.skipped());
                if taken.sequence.is_none() {
                    taken.sequence = Some(frame.sequence);
                    taken.stamp = Stamp::computed_from(&frame);
                } else {
                    let origin = &mut taken.stamp.origin_ns;
                    *origin = frame.origin_ns.min(*origin);
                }
            }
        }
        if self.frame_id == FrameId::Largest {
            taken.stamp.frame_id = largest;
        }
        for (reader, place) in self.auxiliary.iter_mut().zip(rest) {
            let frame = reader.current();
            *place = frame.slot;
            self.inputs.push(frame);
        }
        taken
    }

    /// A turn with an instance at hand.
    fn compute(&mut self) -> Result<Turn, FaultReport> {
        let entered_ns = self.meter.parts.as_ref().map(|_| now_ns());
        if !self.begin_outputs() {
            return Ok(Turn::Idle);
        }
        let taken = self.take();
        state::point(&self.state, &mut self.slots);
        let begun_ns = match self.team.compute_into(taken.stamp.frame_id, &self.slots) {
            Ok(begun_ns) => begun_ns,
            Err(fault) => {
                self.fault(Some(taken), &fault)?;
                return Ok(Turn::Worked);
            }
        };
        let ended_ns = now_ns();
        let call_ns = ended_ns.saturating_sub(begun_ns);
        self.meter.exec.record(call_ns);
        self.meter.frames.add(1);
        state::commit(&mut self.state);
        if let Some(calls) = &mut self.calls {
            calls.committed();
            self.note(Outcome::Fresh, begun_ns, &taken);
        }
        for output in &mut self.outputs {
            output.publish_computed(taken.stamp, ended_ns);
        }
        self.has_output = true;
        self.supervision.succeeded();
        if let Some(entered_ns) = entered_ns {
            self.measure_parts(entered_ns, call_ns);
        }
        Ok(Turn::Worked)
    }
}

impl Stage {
    /// Notes what becomes of the frame that was taken, before anything is published for it.
    pub(super) fn note(&mut self, outcome: Outcome, at_ns: u64, taken: &Taken) {
        let Some(calls) = &mut self.calls else {
            return;
        };
        let inputs = self.inputs.iter().map(|frame| frame.sequence);
        let outputs = self.outputs.iter().map(|output| match outcome {
            Outcome::Dropped => 0,
            Outcome::Fresh | Outcome::Held | Outcome::Bypassed => output.next_sequence(),
        });
        calls.note(outcome, at_ns, taken.stamp.frame_id, inputs, outputs);
    }

    /// Notes where the time of the frame went whose turn began at `entered_ns` and whose call took `call_ns`.
    fn measure_parts(&self, entered_ns: u64, call_ns: u64) {
        if let Some(parts) = &self.meter.parts {
            let triggers = &self.inputs[..self.triggers.len().min(self.inputs.len())];
            let published = triggers.iter().map(|frame| frame.published_ns).max();
            let wait_ns = entered_ns.saturating_sub(published.unwrap_or(entered_ns));
            parts.wait.record(wait_ns);
            let turn_ns = now_ns().saturating_sub(entered_ns);
            parts.around.record(turn_ns.saturating_sub(call_ns));
        }
    }
}

impl Worker for Stage {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        if self.closed {
            return Ok(Turn::Finished);
        }
        self.receive()?;
        let step = match &mut self.matching {
            Some(matching) => matching.step(&mut self.triggers),
            None => Step::Matched,
        };
        if step == Step::Moved {
            self.count_skipped();
            return Ok(Turn::Worked);
        }
        if !self.triggered() {
            if !self.exhausted() {
                return Ok(Turn::Idle);
            }
            self.closed = true;
            // What is held for frames that will never come.
            self.triggers.iter_mut().for_each(Trigger::pass);
            self.count_skipped();
            self.outputs.iter_mut().for_each(Output::close);
            // Producers need not wait any more for this stage to take what it will never take.
            self.triggers.clear();
            return Ok(Turn::Finished);
        }
        match self.guest {
            Guest::Here => self.compute(),
            Guest::Away(..) | Guest::Gone => Ok(self.do_without()),
        }
    }

    fn ready(&self) -> bool {
        if self.closed {
            return false;
        }
        if let Guest::Away(pending, _) = &self.guest
            && pending.is_ready()
        {
            return true;
        }
        if self.triggered() {
            let blocked = self.publishes() && self.outputs.iter().any(Output::is_blocked);
            !blocked && !self.waits()
        } else {
            self.exhausted()
        }
    }

    fn due(&self) -> Option<Instant> {
        let blocked = self.outputs.iter().filter_map(Output::due).min();
        let clock = match &self.start {
            Start::Clock(clock) if !self.closed && blocked.is_none() => clock.due(),
            Start::Clock(_) | Start::Triggers(_) => None,
        };
        let matching = self.matching.as_ref().and_then(Matching::due);
        blocked.into_iter().chain(clock).chain(matching).min()
    }

    fn delay(&mut self, by: Duration) {
        if let Some(matching) = &mut self.matching {
            matching.delay(by);
        }
        if let Start::Clock(clock) = &mut self.start {
            clock.delay(by);
        }
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.triggers
            .iter()
            .for_each(|trigger| trigger.words(words));
        self.outputs.iter().for_each(|output| output.words(words));
        if let Start::Clock(clock) = &self.start {
            clock.words(words);
        }
        if let Guest::Away(pending, _) = &self.guest {
            words.push(pending.word());
        }
    }

    fn settle(&mut self) -> Option<Duration> {
        self.outputs.iter_mut().filter_map(Output::settle).min()
    }

    fn end(&mut self) -> Result<(), FaultReport> {
        // A sink takes what was published before something ended the run: no more frames than its stream can hold.
        let most = match (self.is_sink, self.triggers.first()) {
            (true, Some(trigger)) => trigger.reader().stream().ring().slots,
            _ => 0,
        };
        for _ in 0..most {
            let can = matches!(self.guest, Guest::Here) && self.team.is_alive();
            if !can || !self.triggered() || self.turn()? != Turn::Worked {
                break;
            }
        }
        Ok(())
    }
}
