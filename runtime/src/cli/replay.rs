//! `sandpipe replay`: the frames of a recording once more, or its calls.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::{CommandError, FAILED};
use super::run::RunningArguments;
use super::{Format, output};
use crate::config::{self, Config};
use crate::pipeline::{Plan, RunOptions};
use crate::recording::Recording;
use crate::replay::{Checked, FeedError, Outcome, Speed, Start, feed, largest, resume, verify};
use crate::report::text::columns;
use crate::sandbox::{Engine, Nans};

/// How often progress is drawn.
const REFRESH: Duration = Duration::from_millis(100);

/// Feeds a pipeline with the frames of a recording, or proves that its stages compute what they computed then.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe replay run.mcap pipeline.yaml
  sandpipe replay run.mcap pipeline.yaml --speed max --from 12.5s
  sandpipe replay run.mcap pipeline.yaml --verify
  sandpipe replay run.mcap pipeline.yaml --verify --format json

Without --verify the pipeline runs as with `sandpipe run`, but the recorded streams that it does
not compute itself come from the recording, with the numbers and at the times that they had.
Sinks take what comes; other sources run as the pipeline says.

With --verify nothing runs by the clock: each call of each stage is made again with the frames
that it took then, and what it computes is compared with what was recorded, bit for bit. The
first difference is named, and the exit code is 1. Kernels that have been changed since are
named first: so one sees which frame a change changes.")]
pub(super) struct Replay {
    /// What `sandpipe record` has written.
    recording: PathBuf,
    /// The pipeline that was recorded.
    file: PathBuf,
    /// How fast: so many times as fast as then (1, 0.5), or as fast as frames are taken (max).
    #[arg(
        long,
        value_name = "FACTOR|max",
        default_value = "1",
        conflicts_with = "verify"
    )]
    speed: Speed,
    /// Begin so long after the beginning (1.5s), or with the frame of a number (1000). The state of stages is what it was then.
    #[arg(long, value_name = "TIME_OR_FRAME", default_value = "0")]
    from: Start,
    /// Repeat the calls of the recording instead, and compare what comes out, bit for bit.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    running: RunningArguments,
}

impl Replay {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        match self.verify {
            true => self.verify(),
            false => self.feed(),
        }
    }

    fn feed(&self) -> Result<ExitCode, CommandError> {
        let running = self.running.begin(self.nans()?)?;
        let config = config::load(&self.file)?;
        let (plan, recording) = self.open(&running.engine, config.clone())?;
        let recording = Arc::new(recording);
        let (resume, from_ns) = {
            let checked = check(&plan, &recording)?;
            let from_ns = self.start(&recording)?;
            let resume = resume(&checked, from_ns).map_err(CommandError::Argument)?;
            (resume, from_ns)
        };
        let fed = feed(&running.engine, config, &recording, from_ns, self.speed);
        let (plan, stay) = match fed {
            Err(FeedError::Pipeline(report)) => return Err(report.into()),
            fed => fed.map_err(|error| CommandError::Argument(error.into()))?,
        };
        for source in stay {
            output::error(&format!(
                "source '{source}' was not recorded; it runs as the pipeline says\n"
            ));
        }
        let mut resume = resume;
        let played = plan.config.sources.last();
        let played = played.iter().flat_map(|source| &source.streams);
        resume.played = played.map(|stream| stream.value).collect();
        let options = RunOptions {
            resume,
            ..RunOptions::default()
        };
        running.run(&plan, options)
    }

    fn verify(&self) -> Result<ExitCode, CommandError> {
        let engine = self.running.engine(self.nans()?)?;
        let (plan, recording) = self.open(&engine, config::load(&self.file)?)?;
        let checked = check(&plan, &recording)?;
        self.start(&recording)?;
        let progress = Progress::new("calls");
        let outcome = verify(&checked, self.from, |done, all| progress.show(done, all));
        progress.end();
        let outcome = outcome.map_err(CommandError::Running)?;
        let verdict = Verdict {
            verified: outcome.difference.is_none() && outcome.equal() > 0,
            changed_modules: &checked.changed,
            cut_at: recording.cut_at,
            outcome: &outcome,
        };
        match self.print(&verdict) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
        Ok(match verdict.verified {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(FAILED),
        })
    }

    /// Which NaNs kernels computed then.
    fn nans(&self) -> Result<Nans, CommandError> {
        let about = Recording::about(&self.recording);
        let about = about.map_err(|error| CommandError::Argument(error.into()))?;
        let canonical = about
            .get("nans")
            .is_some_and(|nans| nans == Nans::Canonical.name());
        Ok(match canonical {
            true => Nans::Canonical,
            false => Nans::Any,
        })
    }

    /// Where to begin, as a time of the recording machine's CLOCK_MONOTONIC.
    fn start(&self, recording: &Recording) -> Result<u64, CommandError> {
        self.from.in_recording(recording).ok_or_else(|| {
            let error = anyhow!("the recording ends before the place that --from names");
            CommandError::Argument(error)
        })
    }

    /// Opens the recording, for the stages of the pipeline, and says how much of it there is.
    fn open(&self, engine: &Engine, mut config: Config) -> Result<(Plan, Recording), CommandError> {
        // Their files need not be where the recording is looked at.
        config.sources.clear();
        config.sinks.clear();
        let plan = Plan::of(engine, config)?;
        let recording = self.read(&plan).map_err(CommandError::Argument)?;
        Ok((plan, recording))
    }

    fn read(&self, plan: &Plan) -> anyhow::Result<Recording> {
        let progress = Progress::new("bytes read");
        let opened = Recording::open(&self.recording, largest(plan), |read, all| {
            progress.show(read, all);
        });
        progress.end();
        let recording = opened?;
        if let Some(at) = recording.cut_at {
            output::error(&format!(
                "the recording was cut off; it is read up to byte {at}, where its last whole record ends\n"
            ));
        }
        Ok(recording)
    }

    fn print(&self, verdict: &Verdict<'_>) -> io::Result<()> {
        match self.running.format {
            Format::Json => output::json(verdict),
            Format::Text => output::result(&verdict.text()),
        }
    }
}

/// What `--verify` says.
#[derive(Serialize)]
struct Verdict<'a> {
    /// Whether frames were compared, and all were equal.
    verified: bool,
    /// The kernels whose module is another one than was recorded.
    changed_modules: &'a [String],
    /// Where the file was cut off, if it was.
    cut_at: Option<u64>,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl Verdict<'_> {
    fn text(&self) -> String {
        let heads = ["stream", "", "equal", "different", "unchecked"];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        for stream in &self.outcome.streams {
            let counts = [stream.equal, stream.different, stream.unchecked];
            let counts = counts.iter().map(u64::to_string);
            rows.push(
                [stream.name.clone(), String::new()]
                    .into_iter()
                    .chain(counts)
                    .collect(),
            );
        }
        let mut text = columns(&rows, 2);
        let heads = ["stage", "", "repeated", "unknown", "substituted", "dropped"];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        for stage in &self.outcome.stages {
            let counts = [
                stage.repeated,
                stage.unknown,
                stage.substituted,
                stage.dropped,
            ];
            let counts = counts.iter().map(u64::to_string);
            rows.push(
                [stage.name.clone(), String::new()]
                    .into_iter()
                    .chain(counts)
                    .collect(),
            );
        }
        let equal = self.outcome.equal();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}\n", columns(&rows, 2));
        let _ = match &self.outcome.difference {
            Some(difference) => writeln!(text, "first difference: {difference}"),
            None if equal == 0 => writeln!(text, "nothing could be compared"),
            None => writeln!(text, "verified: {equal} frames are equal, bit for bit"),
        };
        text
    }
}

/// How far something is, on a terminal.
struct Progress {
    bar: ProgressBar,
    next: std::cell::Cell<Instant>,
}

impl Progress {
    fn new(what: &str) -> Progress {
        let bar = output::draw(ProgressBar::no_length());
        let style = ProgressStyle::with_template(&format!("{{wide_bar}} {{percent}} % of {what}"));
        // The template is right.
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Progress {
            bar,
            next: std::cell::Cell::new(Instant::now()),
        }
    }

    fn show(&self, done: u64, all: u64) {
        let now = Instant::now();
        if now < self.next.get() {
            return;
        }
        self.next.set(now + REFRESH);
        self.bar.set_length(all);
        self.bar.set_position(done);
    }

    fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// Holds the recording against the pipeline, and says what has changed since.
fn check<'a>(plan: &'a Plan, recording: &'a Recording) -> Result<Checked<'a>, CommandError> {
    let checked = Checked::new(plan, recording);
    let checked = checked.map_err(|unfit| CommandError::Argument(unfit.into()))?;
    for stage in &checked.changed {
        output::error(&format!(
            "the module of kernel '{stage}' is another one than was recorded\n"
        ));
    }
    Ok(checked)
}
