//! Each built-in kernel's native build beside its sandboxed one, on the same frames.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use sandpipe_kernels_native::{Array as NativeArray, Description, Native, native};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::array::zeros;
use crate::endpoint;
use crate::kernel::Origin;
use crate::pipeline::{Node, PlannedStage, Solo};
use crate::report::Recorder;
use crate::sandbox::{Array, Context, Part};

use super::interruption::Interruption;
use super::prepare::Prepared;

/// The two take turns, for so long each.
const TURN: Duration = Duration::from_millis(5);
/// How long the turns of one kernel take together.
const BUDGET: Duration = Duration::from_millis(500);

/// One kernel, sandboxed and native: medians of a call in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct NativeComparison {
    /// The call into the sandbox, everything included.
    pub sandboxed_us: f64,
    /// The same source built for this machine's instruction set, called directly.
    pub native_us: f64,
    /// The first divided by the second.
    pub ratio: f64,
    /// Whether both gave the same bytes for the first frame.
    pub same_output: bool,
}

/// Compares the stages that are built in, by name. Others only make frames for them.
///
/// # Errors
/// A kernel fails on its frames, or it was interrupted.
pub fn compare(
    prepared: &Prepared,
    interruption: &Interruption,
) -> anyhow::Result<Vec<(String, NativeComparison)>> {
    let plan = &prepared.plan;
    let mut frames = first_frames(prepared)?;
    let mut compared = Vec::new();
    for node in &plan.graph.order {
        let Node::Stage(index) = *node else {
            continue;
        };
        interruption.check()?;
        let (planned, config) = (&plan.stages[index], &plan.config.stages[index]);
        let triggers = config.trigger.iter().map(|stream| stream.0);
        let auxiliary = config.auxiliary.iter().map(|input| input.stream.0);
        let inputs: Vec<&[u8]> = triggers
            .chain(auxiliary)
            .map(|stream| &frames[stream][..])
            .collect();
        // A wide stage too is one instance here: the native build computes all rows.
        let context = Context {
            part: Part::WHOLE,
            ..planned.context.clone()
        };
        let mut solo = Solo::open(&planned.program, &context, &planned.limits)?;
        for (place, frame) in inputs.iter().enumerate() {
            solo.set_input(place, frame)?;
        }
        sandboxed(&mut solo, 1)?;
        let outputs = (0..config.outputs.len()).map(|output| solo.output(output));
        let outputs = outputs.collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(mut native) = open(planned, &inputs, &outputs)? {
            let name = planned.context.name.clone();
            compared.push((name, one(&mut solo, native.as_mut(), &outputs)?));
        }
        for (stream, frame) in config.outputs.iter().zip(outputs) {
            frames[stream.0] = frame;
        }
    }
    Ok(compared)
}

/// What each stream holds before any stage has run.
fn first_frames(prepared: &Prepared) -> anyhow::Result<Vec<Vec<u8>>> {
    let config = &prepared.plan.config;
    let initial = config.streams.iter().map(|stream| match &stream.initial {
        Some(initial) => Ok(endpoint::initial_frame(initial, &stream.array)?),
        None => zeros(stream.array.bytes().unwrap_or(0)).context("no memory for a frame"),
    });
    let mut frames = initial.collect::<anyhow::Result<Vec<_>>>()?;
    for (source, recorded) in config.sources.iter().zip(&prepared.frames) {
        for (output, stream) in source.streams.iter().enumerate() {
            frames[stream.0] = recorded.first(output).to_vec();
        }
    }
    Ok(frames)
}

/// The native build of a stage's kernel, if there is one.
fn open(
    planned: &PlannedStage,
    inputs: &[&[u8]],
    outputs: &[Vec<u8>],
) -> anyhow::Result<Option<Box<dyn Native>>> {
    if planned.resolved.kernel.origin != Origin::BuiltIn {
        return Ok(None);
    }
    let context = &planned.context;
    let parameters: Map<String, Value> = serde_json::from_str(&context.parameters)?;
    fn array<'a>((array, frame): (&'a Array, &'a [u8])) -> NativeArray<'a> {
        NativeArray {
            alias: &array.alias,
            dtype: array.array.dtype.numpy_name(),
            shape: &array.array.shape,
            frame,
        }
    }
    let (triggers, auxiliary) = inputs.split_at(context.trigger_inputs.len().min(inputs.len()));
    let description = Description {
        trigger_inputs: context
            .trigger_inputs
            .iter()
            .zip(triggers.iter().copied())
            .map(array)
            .collect(),
        auxiliary_inputs: context
            .auxiliary_inputs
            .iter()
            .zip(auxiliary.iter().copied())
            .map(array)
            .collect(),
        outputs: context
            .outputs
            .iter()
            .zip(outputs.iter().map(Vec::as_slice))
            .map(array)
            .collect(),
        operation: context.operation.as_deref(),
        parameters: &parameters,
    };
    let native = native(&context.kind, &description).transpose();
    native.map_err(|failure| {
        anyhow!(
            "the native build of '{}' refuses what the sandboxed one takes: {failure}",
            context.name
        )
    })
}

/// Lets the two take turns, so that what disturbs the machine disturbs both.
fn one(
    solo: &mut Solo,
    native: &mut dyn Native,
    outputs: &[Vec<u8>],
) -> anyhow::Result<NativeComparison> {
    natively(native)?;
    let mut numbered = outputs.iter().enumerate();
    let same_output = numbered.all(|(index, output)| native.output(index) == &output[..]);
    let (sandboxed_times, native_times) = (Recorder::default(), Recorder::default());
    let start = Instant::now();
    while start.elapsed() < BUDGET {
        // The first call of a turn finds cold caches.
        sandboxed(solo, 2)?;
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            sandboxed_times.record(sandboxed(solo, 2)?.as_nanos() as u64);
        }
        natively(native)?;
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            native_times.record(natively(native)?.as_nanos() as u64);
        }
    }
    let median = |times: &Recorder| times.snapshot().microseconds(0.5).unwrap_or(0.0);
    let (sandboxed_us, native_us) = (median(&sandboxed_times), median(&native_times));
    Ok(NativeComparison {
        sandboxed_us,
        native_us,
        ratio: sandboxed_us / native_us.max(1e-3),
        same_output,
    })
}

fn sandboxed(solo: &mut Solo, frame_id: u64) -> anyhow::Result<Duration> {
    solo.compute(frame_id)
        .map_err(|fault| anyhow!("a kernel failed on the pipeline's frames: {fault}"))
}

fn natively(native: &mut dyn Native) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let outcome = native.compute();
    let took = start.elapsed();
    outcome
        .map_err(|failure| anyhow!("a native kernel failed on the pipeline's frames: {failure}"))?;
    Ok(took)
}
