//! Whether a recording is of a pipeline.

use crate::pipeline::{Plan, PlannedStage};
use crate::recording::{RecordedStage, Recording};
use crate::sandbox::Digest;

/// A recording that is not of this pipeline: every reason, a sentence each.
#[derive(Debug, thiserror::Error)]
#[error("the recording is not of this pipeline: {}", .0.join("; "))]
pub struct Unfit(pub Vec<String>);

/// A recording and the pipeline that it is of.
pub struct Checked<'a> {
    pub(super) plan: &'a Plan,
    pub(super) recording: &'a Recording,
    /// For each recorded stage the one of the plan.
    pub(super) stages: Vec<&'a PlannedStage>,
    /// Stages whose module is another one than was recorded.
    pub changed: Vec<String>,
}

impl<'a> Checked<'a> {
    /// Holds a recording against a pipeline.
    ///
    /// # Errors
    /// Streams or stages are not there, or others.
    pub fn new(plan: &'a Plan, recording: &'a Recording) -> Result<Checked<'a>, Unfit> {
        let mut unfit = Vec::new();
        for recorded in &recording.streams {
            let stream = plan.config.find_stream(&recorded.name);
            match stream.map(|stream| &plan.config.stream(stream).array) {
                None => unfit.push(format!("there is no stream {:?} in it", recorded.name)),
                Some(array) if *array != recorded.array => unfit.push(format!(
                    "stream '{}' is {array} in it, and was {}",
                    recorded.name, recorded.array
                )),
                Some(_) => {}
            }
        }
        let (mut stages, mut changed) = (Vec::new(), Vec::new());
        for recorded in &recording.stages {
            let mut planned = plan.stages.iter();
            let planned = planned.find(|stage| stage.context.name == recorded.name);
            let Some(planned) = planned else {
                unfit.push(format!("there is no kernel {:?} in it", recorded.name));
                continue;
            };
            if let Some(why) = other_place(planned, recorded) {
                unfit.push(format!("kernel '{}' {why}", recorded.name));
            }
            let kernel = &planned.resolved.kernel;
            if Digest(kernel.sha256).to_string() != recorded.sha256 {
                changed.push(recorded.name.clone());
            }
            stages.push(planned);
        }
        match unfit.is_empty() {
            true => Ok(Checked {
                plan,
                recording,
                stages,
                changed,
            }),
            false => Err(Unfit(unfit)),
        }
    }
}

/// How a stage is connected in another way than when it was recorded.
fn other_place(planned: &PlannedStage, recorded: &RecordedStage) -> Option<&'static str> {
    let context = &planned.context;
    if !context
        .inputs()
        .map(|array| &array.name)
        .eq(&recorded.inputs)
    {
        return Some("reads other streams in it");
    }
    if !context
        .outputs
        .iter()
        .map(|array| &array.name)
        .eq(&recorded.outputs)
    {
        return Some("writes other streams in it");
    }
    let state = context
        .state
        .iter()
        .map(|array| (&array.alias, &array.array));
    let other = !state.eq(recorded.state.iter().map(|(alias, array)| (alias, array)));
    other.then_some("has other state in it")
}

/// The largest frame or state of a pipeline, in bytes.
pub fn largest(plan: &Plan) -> u64 {
    let frames = plan
        .config
        .streams
        .iter()
        .map(|stream| stream.array.bytes());
    let states = plan.stages.iter().map(|stage| {
        let mut arrays = stage.context.state.iter().map(|array| array.array.bytes());
        arrays.try_fold(0_usize, |sum, bytes| sum.checked_add(bytes?))
    });
    let largest = frames.chain(states).flatten().max();
    largest.unwrap_or(0) as u64
}
