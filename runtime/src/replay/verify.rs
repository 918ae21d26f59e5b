//! Whether a recording's calls come out as they did.

use anyhow::Context as _;

use super::calls::Calls;
use super::checked::Checked;
use super::difference::{Difference, Place, first};
use super::frames::Frames;
use super::outcome::{Outcome, StageOutcome, StreamOutcome};
use super::stage::{Repeated, Stage};
use super::start::Start;
use crate::endpoint::initial_frame;
use crate::pipeline::Plan;
use crate::recording::{self, Call, RecordedStage, Recording};

/// Makes the calls of a recording again, in the order in which they began, and compares. `progress` is told how many have been dealt
/// with, and of how many.
///
/// # Errors
/// A kernel cannot start, or the file cannot be read any more. What differs is no error.
pub fn verify(
    checked: &Checked<'_>,
    start: Start,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<Outcome> {
    let Checked {
        plan, recording, ..
    } = checked;
    let mut verification = Verification::new(checked)?;
    let from_ns = start.in_recording(recording).unwrap_or(u64::MAX);
    verification.start_at(from_ns)?;
    let all = recording.stages.iter().map(RecordedStage::calls).sum();
    let mut calls = Calls::of(recording);
    let mut done = 0;
    while let Some((stage, call)) = calls.next()? {
        verification.call(stage, &call)?;
        done += 1;
        progress(done, all);
    }
    Ok(verification.finish(plan))
}

struct Verification<'a> {
    recording: &'a Recording,
    frames: Frames<'a>,
    stages: Vec<Stage<'a>>,
    /// For each stage, the calls that are passed over: all up to this number, or all before a time.
    skip: Vec<(u64, u64)>,
    outcomes: Vec<StageOutcome>,
    /// For each stream of the pipeline: equal, different.
    compared: Vec<[u64; 2]>,
    difference: Option<Difference>,
}

impl<'a> Verification<'a> {
    fn new(checked: &Checked<'a>) -> anyhow::Result<Verification<'a>> {
        let config = &checked.plan.config;
        let recording = checked.recording;
        let in_recording = |name: &str| {
            recording
                .streams
                .iter()
                .position(|other| other.name == name)
        };
        let streams = config.streams.iter();
        let streams: Vec<_> = streams
            .map(|stream| in_recording(&stream.name.value))
            .collect();
        let compared = vec![[0; 2]; streams.len()];
        let mut frames = Frames::new(recording, streams);
        let index = |name: &String| config.find_stream(name).map(|stream| stream.0);
        let mut stages = Vec::with_capacity(checked.stages.len());
        for (&planned, recorded) in checked.stages.iter().zip(&recording.stages) {
            // They are there: `Checked` has looked.
            let inputs = recorded.inputs.iter().filter_map(index);
            let inputs = inputs
                .map(|stream| (stream, frames.reader(stream)))
                .collect();
            let outputs = recorded.outputs.iter().filter_map(index).collect();
            stages.push(Stage::open(planned, recorded, inputs, outputs)?);
        }
        // What a stream begins with is known though it was not recorded.
        for (index, stream) in config.streams.iter().enumerate() {
            if let (Some(initial), false) = (&stream.initial, frames.is_recorded(index)) {
                let frame = initial_frame(initial, &stream.array)
                    .with_context(|| format!("stream '{}'", stream.name.value))?;
                frames.keep(index, 1, &frame);
            }
        }
        let outcome = |stage: &RecordedStage| StageOutcome {
            name: stage.name.clone(),
            ..StageOutcome::default()
        };
        Ok(Verification {
            recording,
            frames,
            skip: vec![(0, 0); stages.len()],
            outcomes: recording.stages.iter().map(outcome).collect(),
            stages,
            compared,
            difference: None,
        })
    }

    /// Passes over what was before this time: for a stage with state, up to the last time before when it was kept.
    fn start_at(&mut self, from_ns: u64) -> anyhow::Result<()> {
        for (stage, skip) in self.stages.iter().zip(&mut self.skip) {
            let recorded = stage.recorded;
            if recorded.state.is_empty() {
                skip.1 = from_ns;
                continue;
            }
            let before = calls_before(self.recording, recorded, from_ns)?;
            let snapshots = recorded.snapshots.iter().map(|snapshot| snapshot.after);
            skip.0 = snapshots
                .filter(|&after| after <= before)
                .max()
                .unwrap_or(0);
        }
        Ok(())
    }

    fn call(&mut self, index: usize, call: &Call) -> anyhow::Result<()> {
        let (number, from_ns) = self.skip[index];
        if call.number <= number && number > 0 || call.at_ns < from_ns {
            return Ok(());
        }
        match call.outcome {
            recording::Outcome::Fresh => self.fresh(index, call)?,
            recording::Outcome::Dropped => self.outcomes[index].dropped += 1,
            recording::Outcome::Held | recording::Outcome::Bypassed => {
                self.substituted(index, call)?
            }
        }
        let inputs = self.stages[index].inputs.iter().zip(&call.inputs);
        for (&(stream, reader), &sequence) in inputs {
            self.frames.passed(stream, reader, sequence);
        }
        Ok(())
    }

    fn fresh(&mut self, index: usize, call: &Call) -> anyhow::Result<()> {
        let repeated = self.stages[index].repeat(call, self.recording, &self.frames)?;
        if let Repeated::Unknown = repeated {
            self.outcomes[index].unknown += 1;
            return Ok(());
        }
        self.outcomes[index].repeated += 1;
        if let Repeated::Failed(why) = repeated {
            let outputs = self.stages[index].outputs.iter();
            for &stream in outputs {
                self.compared[stream][1] += 1;
            }
            let sequence = call.outputs.first().copied().unwrap_or(0);
            self.differs(index, 0, sequence, call, Err(why));
            return Ok(());
        }
        for (place, &sequence) in call.outputs.iter().enumerate() {
            let computed = self.stages[index].output(place)?;
            self.compare(index, place, sequence, call, &computed)?;
        }
        self.compare_state(index, call)
    }

    /// Compares a frame with the recorded one, or keeps it where there is none.
    fn compare(
        &mut self,
        index: usize,
        place: usize,
        sequence: u64,
        call: &Call,
        computed: &[u8],
    ) -> anyhow::Result<()> {
        let Some(&stream) = self.stages[index].outputs.get(place) else {
            return Ok(());
        };
        if !self.frames.is_recorded(stream) {
            if !self.frames.keep(stream, sequence, computed) {
                anyhow::bail!(
                    "too many frames of stream '{}' have to be kept, because it was not recorded; record it as well",
                    self.stages[index].recorded.outputs[place]
                );
            }
            return Ok(());
        }
        let mut recorded = vec![0; computed.len()];
        if !self.frames.copy(stream, sequence, &mut recorded)? {
            return Ok(());
        }
        let equal = recorded == computed;
        self.compared[stream][usize::from(!equal)] += 1;
        let array = self.stages[index].planned.context.outputs.get(place);
        let found = array.and_then(|array| first(&array.array, &recorded, computed));
        if let Some(found) = found {
            self.differs(index, place, sequence, call, Ok(found));
        }
        Ok(())
    }

    /// Checks what was published in place of an output.
    fn substituted(&mut self, index: usize, call: &Call) -> anyhow::Result<()> {
        self.outcomes[index].substituted += 1;
        for (place, &sequence) in call.outputs.iter().enumerate() {
            let stage = &self.stages[index];
            let Some(&stream) = stage.outputs.get(place) else {
                continue;
            };
            let array = stage.planned.context.outputs.get(place);
            let bytes = array.and_then(|array| array.array.bytes()).unwrap_or(0);
            let mut wanted = vec![0; bytes];
            let (from, of) = match call.outcome {
                recording::Outcome::Bypassed => {
                    let first = stage.inputs.first().zip(call.inputs.first());
                    first.map_or((stream, 0), |((stream, _), &sequence)| (*stream, sequence))
                }
                _ => (stream, sequence.saturating_sub(1)),
            };
            if self.frames.copy(from, of, &mut wanted)? {
                self.compare(index, place, sequence, call, &wanted)?;
            }
        }
        Ok(())
    }

    /// Compares the state after a call with what was kept of it.
    fn compare_state(&mut self, index: usize, call: &Call) -> anyhow::Result<()> {
        let stage = &self.stages[index];
        let Some(snapshot) = stage.recorded.snapshot(call.number) else {
            return Ok(());
        };
        let recorded = self.recording.read_state(stage.recorded, snapshot)?;
        let computed = stage.state()?;
        if recorded == computed {
            self.outcomes[index].states_equal += 1;
            return Ok(());
        }
        let arrays = recorded.iter().zip(&computed).zip(&stage.recorded.state);
        let difference = arrays
            .filter_map(|((recorded, computed), (alias, array))| {
                let (element, place, [recorded, computed]) = first(array, recorded, computed)?;
                Some(Difference {
                    stage: stage.recorded.name.clone(),
                    array: alias.clone(),
                    is_state: true,
                    sequence: call.number,
                    frame_id: 0,
                    element: Some(element),
                    index: place,
                    recorded,
                    computed,
                })
            })
            .next();
        self.difference = self.difference.take().or(difference);
        Ok(())
    }

    /// Notes what differs, if it is the first.
    fn differs(
        &mut self,
        index: usize,
        place: usize,
        sequence: u64,
        call: &Call,
        found: Result<Place, String>,
    ) {
        let recorded = self.stages[index].recorded;
        let (element, axes, [was, is]) = match found {
            Ok((element, axes, values)) => (Some(element), axes, values),
            Err(why) => (None, Vec::new(), [String::new(), why]),
        };
        self.difference.get_or_insert_with(|| Difference {
            stage: recorded.name.clone(),
            array: recorded.outputs.get(place).cloned().unwrap_or_default(),
            is_state: false,
            sequence,
            frame_id: call.frame_id,
            element,
            index: axes,
            recorded: was,
            computed: is,
        });
    }

    fn finish(self, plan: &Plan) -> Outcome {
        let written = |stream: usize| {
            self.stages
                .iter()
                .any(|stage| stage.outputs.contains(&stream))
        };
        let streams = plan.config.streams.iter().enumerate();
        let streams =
            streams.filter(|(index, _)| written(*index) && self.frames.is_recorded(*index));
        Outcome {
            streams: streams
                .map(|(index, stream)| {
                    let [equal, different] = self.compared[index];
                    let name = stream.name.value.clone();
                    let recorded = self.recording.stream(&name);
                    let all = recorded.map_or(0, |stream| stream.frames.len() as u64);
                    StreamOutcome {
                        name,
                        equal,
                        different,
                        unchecked: all.saturating_sub(equal + different),
                    }
                })
                .collect(),
            stages: self.outcomes,
            difference: self.difference,
        }
    }
}

/// How many calls of a stage had succeeded before this time.
pub(super) fn calls_before(
    recording: &Recording,
    stage: &RecordedStage,
    from_ns: u64,
) -> anyhow::Result<u64> {
    let mut before = 0;
    for batch in &stage.batches {
        for call in recording.read_calls(stage, batch)? {
            if call.at_ns >= from_ns {
                return Ok(before);
            }
            before = call.number;
        }
    }
    Ok(before)
}
