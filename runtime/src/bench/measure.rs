//! One run of the pipeline, measured from outside once it is warm.

use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::ProgressBar;

use crate::config::Role;
use crate::pipeline::{Feeding, Plan, Run, RunOptions};
use crate::report::{RunReport, State};

use super::interruption::Interruption;
use super::proc;
use super::snapshot::{Snapshot, Span, has_arrived};
use super::warmup::WarmUp;

/// The windows by which warm-up is judged: at least so long, with at least so many frames.
const WINDOW: Duration = Duration::from_millis(50);
const WINDOW_FRAMES: u64 = 20;
/// How often to look whether the first frame has come through.
const FIRST_LOOK: Duration = Duration::from_micros(100);
/// How long the first frame may take.
const FIRST_LIMIT: Duration = Duration::from_secs(60);

/// What was seen of the first run.
pub struct StartUp {
    /// When the first frame was published at every end of the graph.
    pub first_frame: Instant,
    /// Memory at that time, in bytes, streams not counted.
    pub resident_bytes: u64,
}

/// One run.
pub struct Measured {
    /// What it did while it was warm.
    pub span: Span,
    /// How it became so.
    pub warm_up: WarmUp,
    /// Its faults.
    pub faults: u64,
}

/// Runs the pipeline until its first frame has come through.
///
/// # Errors
/// It cannot be run, or no frame comes through.
pub fn start_up(plan: &Plan, interruption: &Interruption) -> anyhow::Result<StartUp> {
    let mut run = start(plan, Feeding::OneInFlight, interruption)?;
    let give_up = Instant::now() + FIRST_LIMIT;
    while !has_arrived(run.monitor()) {
        if run.wait(FIRST_LOOK) {
            return Err(ended(&run.finish(), interruption));
        }
        if Instant::now() > give_up {
            bail!("no frame has come through the pipeline in {FIRST_LIMIT:?}");
        }
    }
    let first_frame = Instant::now();
    let resident_bytes = proc::resident_bytes();
    let report = run.finish();
    match report.state {
        State::Failed | State::Interrupted => Err(ended(&report, interruption)),
        State::Built | State::Running | State::Paused | State::Stopped => Ok(StartUp {
            first_frame,
            resident_bytes,
        }),
    }
}

/// Runs the pipeline, lets it become warm, and looks what it does for `duration`.
///
/// # Errors
/// It cannot be run, or it ends before.
pub fn measure(
    plan: &Plan,
    feeding: Feeding,
    duration: Duration,
    warm_up_limit: Duration,
    interruption: &Interruption,
    progress: &ProgressBar,
) -> anyhow::Result<Measured> {
    let config = &plan.config;
    let built_in = config.sources.iter().map(|source| &source.streams);
    let stages = config.stages.iter();
    let guests = stages.filter(|stage| stage.role == Role::Source);
    let guests = guests.map(|stage| &stage.outputs);
    let sources: Vec<usize> = built_in
        .chain(guests)
        .filter_map(|streams| Some(streams.first()?.0))
        .collect();
    let mut run = start(plan, feeding, interruption)?;
    let warm_up = warm(&mut run, &sources, feeding, warm_up_limit);
    let before = Snapshot::of(run.monitor(), &sources);
    let end = Instant::now() + duration;
    while let Some(left) = end
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
    {
        // Seldom: drawing and looking disturb what is measured.
        if run.wait(left.min(Duration::from_millis(250))) {
            break;
        }
        progress.tick();
    }
    let span = Snapshot::of(run.monitor(), &sources).since(&before);
    let has_ended = run.state() != State::Running;
    let report = run.finish();
    if has_ended || report.state == State::Failed || interruption.is_interrupted() {
        return Err(ended(&report, interruption));
    }
    Ok(Measured {
        span,
        warm_up,
        faults: report.stages.iter().map(|(_, stage)| stage.faults).sum(),
    })
}

fn start(plan: &Plan, feeding: Feeding, interruption: &Interruption) -> anyhow::Result<Run> {
    let options = RunOptions {
        feeding,
        ..RunOptions::default()
    };
    interruption.check()?;
    Run::start(plan, options, interruption.next_run())
}

/// Waits until the windows agree, or as long as it may take, or until the run ends.
fn warm(run: &mut Run, sources: &[usize], feeding: Feeding, limit: Duration) -> WarmUp {
    let start = Instant::now();
    let mut warm_up = WarmUp::default();
    let mut window = Snapshot::of(run.monitor(), sources);
    while start.elapsed() < limit && !run.wait(WINDOW.min(limit)) {
        let now = Snapshot::of(run.monitor(), sources);
        let span = now.since(&window);
        if span.arrived < WINDOW_FRAMES {
            continue;
        }
        window = now;
        let value = match feeding {
            Feeding::AsGiven => span.arrived as f64 / span.seconds,
            Feeding::OneInFlight | Feeding::Every(_) => {
                span.latency.distribution().microseconds(0.5).unwrap_or(0.0)
            }
        };
        if warm_up.push(value, start.elapsed().as_secs_f64()) {
            return warm_up;
        }
    }
    warm_up.seconds = start.elapsed().as_secs_f64();
    warm_up
}

/// Why a run ended that should not have.
fn ended(report: &RunReport, interruption: &Interruption) -> anyhow::Error {
    if interruption.is_interrupted() {
        return anyhow::anyhow!("interrupted");
    }
    let ending = report.faults.last();
    ending.map_or_else(
        || anyhow::anyhow!("the pipeline ended while it was measured: no frames come any more"),
        |fault| {
            anyhow::anyhow!(
                "the pipeline ended while it was measured: '{}' failed at frame {}: {} ({})",
                fault.stage,
                fault.frame_id,
                fault.message,
                fault.cause
            )
        },
    )
}
