//! `sandpipe bench`: how fast a pipeline is, where the time goes, and whether the figures can be believed.
//!
//! ```text
//! prepare ──▶ first frame ──▶ (throughput, one frame in flight, at a rate) × rounds ──▶ Report ──▶ text, JSON, HTML
//!   frames of the sources        each a run of its own, warmed up                 noise before, between, after
//! ```
//!
//! Everything is measured in runs of [`crate::pipeline`], as `sandpipe run` runs them, and read off their meters from outside:
//! the thread that measures sleeps meanwhile.

mod compare;
mod empty;
mod frames;
mod html;
mod interruption;
mod kernel;
mod machine;
mod measure;
mod native;
mod noise;
mod prepare;
mod proc;
mod report;
mod snapshot;
mod text;
mod warmup;
mod warnings;

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

pub use compare::Other;
pub use html::html;
pub use interruption::Interruption;
pub use kernel::{KernelCase, KernelName, prepare_kernel};
pub(crate) use machine::Machine;
pub use prepare::{Prepared, prepare};
pub use report::Report;
pub use text::text;

use crate::pipeline::Feeding;
use crate::sandbox::Engine;
use measure::{Measured, measure, start_up};
use noise::Noise;

/// What to measure, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When the command was started: the first frame counts from here.
    pub started: Instant,
    /// For how long each figure is measured, all rounds together.
    pub duration: Duration,
    /// How long each run may take to become steady.
    pub warm_up: Duration,
    /// How often each figure is measured.
    pub rounds: u32,
    /// Also run the native builds of built-in kernels.
    pub native: bool,
    /// Also measure the latency at so many frames a second.
    pub rate_hz: Option<f64>,
}

/// What was measured, to be made a report of.
struct Results {
    start_up: measure::StartUp,
    throughput: Vec<Measured>,
    latency: Vec<Measured>,
    at_rate: Vec<Measured>,
    noise: Vec<Noise>,
    load_before: Option<f64>,
    calls: empty::EmptyCalls,
    native: Vec<(String, native::NativeComparison)>,
}

/// Measures a pipeline.
///
/// # Errors
/// It cannot be run, a stage ends it with a fault, or it was interrupted.
pub fn run(
    engine: &Engine,
    prepared: &mut Prepared,
    options: &Options,
    interruption: &Interruption,
    progress: &ProgressBar,
) -> anyhow::Result<Report> {
    let load_before = machine::load_average();
    let say = |what: String| progress.set_message(what);
    say("first frame".to_owned());
    let start_up = start_up(&prepared.plan, interruption)?;
    prepared.record_frames()?;
    say("noise of the machine".to_owned());
    let mut results = Results {
        start_up,
        throughput: Vec::new(),
        latency: Vec::new(),
        at_rate: Vec::new(),
        noise: vec![Noise::listen()],
        load_before,
        calls: empty::EmptyCalls::measure(engine, &prepared.plan)?,
        native: Vec::new(),
    };
    let each = options.duration / options.rounds.max(1);
    let interval = |hz: f64| Duration::from_secs_f64(1.0 / hz);
    for round in 1..=options.rounds {
        let one = |what: &str, feeding: Feeding| {
            say(format!("{what}, round {round} of {}", options.rounds));
            measure(
                &prepared.plan,
                feeding,
                each,
                options.warm_up,
                interruption,
                progress,
            )
        };
        results
            .throughput
            .push(one("throughput", Feeding::AsGiven)?);
        results
            .latency
            .push(one("one frame in flight", Feeding::OneInFlight)?);
        if let Some(hz) = options.rate_hz {
            let what = format!("at {hz} Hz");
            results
                .at_rate
                .push(one(&what, Feeding::Every(interval(hz)))?);
        }
        results.noise.push(Noise::listen());
    }
    if options.native {
        say("native builds".to_owned());
        results.native = native::compare(prepared, interruption)?;
    }
    interruption.check()?;
    Ok(Report::of(prepared, options, &results))
}
