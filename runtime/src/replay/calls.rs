//! The calls of a recording in the order of time.

use crate::recording::{Batch, Call, RecordedStage, Recording, RecordingError};

/// Reads the calls of each stage, some at a time.
pub(super) struct Calls<'a> {
    recording: &'a Recording,
    stages: Vec<Pending<'a>>,
}

struct Pending<'a> {
    stage: &'a RecordedStage,
    batches: std::slice::Iter<'a, Batch>,
    /// What has been read, the next one last.
    calls: Vec<Call>,
}

impl<'a> Calls<'a> {
    /// Of all stages, from the first call on.
    pub fn of(recording: &'a Recording) -> Calls<'a> {
        let pending = |stage: &'a RecordedStage| Pending {
            stage,
            batches: stage.batches.iter(),
            calls: Vec::new(),
        };
        Calls {
            recording,
            stages: recording.stages.iter().map(pending).collect(),
        }
    }

    /// The call that began first of those that are left, and the index of its stage. A call began after those whose frames it
    /// took.
    pub fn next(&mut self) -> Result<Option<(usize, Call)>, RecordingError> {
        let mut first: Option<(u64, usize)> = None;
        for (index, pending) in self.stages.iter_mut().enumerate() {
            while pending.calls.is_empty() {
                let Some(batch) = pending.batches.next() else {
                    break;
                };
                pending.calls = self.recording.read_calls(pending.stage, batch)?;
                pending.calls.reverse();
            }
            if let Some(call) = pending.calls.last()
                && first.is_none_or(|(at_ns, _)| call.at_ns < at_ns)
            {
                first = Some((call.at_ns, index));
            }
        }
        let taken = first.and_then(|(_, index)| Some((index, self.stages[index].calls.pop()?)));
        Ok(taken)
    }
}
