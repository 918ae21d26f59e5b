//! What a call of a kernel that does nothing costs: the part of a stage's call that is not the kernel's.

use anyhow::Context as _;

use crate::array::{ArrayType, Dtype};
use crate::pipeline::{Plan, Solo};
use crate::report::Recorder;
use crate::sandbox::{Array, Context, Engine, Isolation, Limits, Part};

/// A kernel whose `compute-into` returns at once.
const MODULE: &str = include_str!("empty.wat");
/// Calls before those that count, and those.
const WARM: u64 = 2_000;
const CALLS: u64 = 10_000;

/// The median duration of an empty call in microseconds, for each isolation that the pipeline uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyCalls {
    thread: f64,
    process: f64,
}

impl EmptyCalls {
    /// Measures.
    ///
    /// # Errors
    /// No instance of the empty kernel can be opened.
    pub fn measure(engine: &Engine, plan: &Plan) -> anyhow::Result<Self> {
        let used = |isolation| {
            let mut stages = plan.stages.iter();
            stages.any(|stage| stage.program.isolation() == isolation)
        };
        let median = |isolation| match used(isolation) {
            true => median(engine, isolation),
            false => Ok(0.0),
        };
        Ok(Self {
            thread: median(Isolation::Thread)?,
            process: median(Isolation::Process)?,
        })
    }

    /// Of stages with this isolation, in microseconds.
    pub fn of(self, isolation: Isolation) -> f64 {
        match isolation {
            Isolation::Thread => self.thread,
            Isolation::Process => self.process,
        }
    }
}

fn median(engine: &Engine, isolation: Isolation) -> anyhow::Result<f64> {
    let array = |name: &str| Array {
        name: name.to_owned(),
        alias: name.to_owned(),
        array: ArrayType {
            dtype: Dtype::F32,
            shape: vec![1],
        },
    };
    let context = Context {
        name: "empty".to_owned(),
        kind: "sandpipe.empty".to_owned(),
        part: Part::WHOLE,
        trigger_inputs: vec![array("input")],
        auxiliary_inputs: Vec::new(),
        outputs: vec![array("output")],
        state: Vec::new(),
        operation: None,
        parameters: "{}".to_owned(),
    };
    let limits = Limits::default();
    let program = engine
        .load(MODULE.as_bytes(), &limits, isolation)
        .context("the empty kernel cannot be loaded")?;
    let mut solo = Solo::open(&program, &context, &limits)?;
    let times = Recorder::default();
    for call in 0..WARM + CALLS {
        let took = solo.compute(call);
        let took = took.map_err(|fault| anyhow::anyhow!("the empty kernel failed: {fault}"))?;
        if call >= WARM {
            times.record(took.as_nanos() as u64);
        }
    }
    Ok(times.snapshot().microseconds(0.5).unwrap_or(0.0))
}
