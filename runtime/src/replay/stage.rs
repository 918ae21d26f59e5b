//! One stage that is called again.

use anyhow::{Context as _, anyhow};
use std::time::Duration;

use super::frames::{Frames, Reader};
use crate::pipeline::{PlannedStage, Solo};
use crate::recording::{Call, RecordedStage, Recording};
use crate::sandbox::Limits;

/// A call that took its time while it was recorded may take it again, on a slower machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of calling it again.
pub(super) enum Repeated {
    /// Its outputs can be looked at.
    Computed,
    /// It failed, which it did not while it was recorded.
    Failed(String),
    /// What it took then is not known: frames or calls were lost.
    Unknown,
}

/// A stage with its kernel.
pub(super) struct Stage<'a> {
    pub planned: &'a PlannedStage,
    pub recorded: &'a RecordedStage,
    /// The streams that it reads, and as whom.
    pub inputs: Vec<(usize, Reader)>,
    /// The streams that it writes.
    pub outputs: Vec<usize>,
    solo: Solo,
    /// The sequence of the frame in each input.
    loaded: Vec<Option<u64>>,
    frame: Vec<u8>,
    /// After how many calls its state is the one that it has; `None` once a call could not be repeated.
    after: Option<u64>,
}

impl<'a> Stage<'a> {
    /// Opens the kernel, with state as at the beginning of a run.
    pub fn open(
        planned: &'a PlannedStage,
        recorded: &'a RecordedStage,
        inputs: Vec<(usize, Reader)>,
        outputs: Vec<usize>,
    ) -> anyhow::Result<Stage<'a>> {
        Ok(Stage {
            solo: open(planned)?,
            loaded: vec![None; inputs.len()],
            planned,
            recorded,
            inputs,
            outputs,
            frame: Vec::new(),
            after: Some(0),
        })
    }

    /// Calls it as it was called then.
    pub fn repeat(
        &mut self,
        call: &Call,
        recording: &Recording,
        frames: &Frames<'_>,
    ) -> anyhow::Result<Repeated> {
        let before = call.number.saturating_sub(1);
        if !self.has_state_after(before, recording)? || !self.load(call, frames)? {
            self.after = None;
            return Ok(Repeated::Unknown);
        }
        match self.solo.compute(call.frame_id) {
            Ok(_) => {
                self.after = Some(call.number);
                Ok(Repeated::Computed)
            }
            Err(fault) => {
                self.reopen()?;
                self.after = None;
                let name = &self.recorded.name;
                Ok(Repeated::Failed(format!(
                    "the call of '{name}' fails now: {fault}"
                )))
            }
        }
    }

    /// Restores the state that it had after so many calls, if that is in the recording and it has another one.
    fn has_state_after(&mut self, calls: u64, recording: &Recording) -> anyhow::Result<bool> {
        if self.recorded.state.is_empty() || self.after == Some(calls) {
            return Ok(true);
        }
        let Some(snapshot) = self.recorded.snapshot(calls) else {
            return Ok(false);
        };
        let arrays = recording.read_state(self.recorded, snapshot)?;
        for (index, array) in arrays.iter().enumerate() {
            self.solo.set_state(index, array)?;
        }
        self.after = Some(calls);
        Ok(true)
    }

    /// Puts the frames of a call into the inputs. False if one is not known.
    fn load(&mut self, call: &Call, frames: &Frames<'_>) -> anyhow::Result<bool> {
        let wanted = call.inputs.iter().zip(&self.inputs);
        for (index, (&sequence, &(stream, _))) in wanted.enumerate() {
            if self.loaded[index] == Some(sequence) {
                continue;
            }
            let array = self.planned.context.inputs().nth(index);
            let bytes = array.and_then(|array| array.array.bytes());
            self.frame.resize(bytes.context("a frame has no size")?, 0);
            self.loaded[index] = None;
            if !frames.copy(stream, sequence, &mut self.frame)? {
                return Ok(false);
            }
            self.solo.set_input(index, &self.frame)?;
            self.loaded[index] = Some(sequence);
        }
        Ok(true)
    }

    /// What the last call wrote to an output.
    pub fn output(&self, index: usize) -> anyhow::Result<Vec<u8>> {
        self.solo.output(index)
    }

    /// Its state arrays after the last call.
    pub fn state(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let arrays = 0..self.recorded.state.len();
        arrays.map(|index| self.solo.state(index)).collect()
    }

    /// A fresh instance with the state of the one that failed.
    fn reopen(&mut self) -> anyhow::Result<()> {
        let state = self.state()?;
        self.solo = open(self.planned)?;
        self.loaded.fill(None);
        for (index, array) in state.iter().enumerate() {
            self.solo.set_state(index, array)?;
        }
        Ok(())
    }
}

fn open(planned: &PlannedStage) -> anyhow::Result<Solo> {
    let limits = Limits {
        deadline: planned.limits.deadline.max(DEADLINE),
        ..planned.limits
    };
    let name = &planned.context.name;
    Solo::open_parts(&planned.program, &planned.context, &limits)
        .map_err(|error| anyhow!("kernel '{name}' cannot start: {error}"))
}
