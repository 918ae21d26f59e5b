//! `sandpipe bench`: measures a pipeline.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CommandError;
use super::result_file::ResultFile;
use super::sandbox::SandboxArguments;
use super::signals::INTERRUPTED;
use super::{Format, output, signals};
use crate::bench::{self, Interruption, Options, Report};
use crate::config::parse_duration;
use crate::endpoint::SourceSpec;

/// Measures how fast a pipeline is and where the time of a frame goes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe bench configs/observatory_ao/pipeline.yaml
  sandpipe bench pipeline.yaml --source wfs_image:random --rate 1000 --duration 30s
  sandpipe bench pipeline.yaml --html report.html
  sandpipe bench pipeline.yaml --format json > before.json

Throughput is measured with sources flat out; latency with one frame in flight; with --rate also at that rate, counted
from when each frame was due, whether or not it could be sent then. Each in runs of its own, in turn. Sources give
frames from memory, without their own rates; streams that nobody feeds get random values; sinks are left out.")]
pub(super) struct Bench {
    /// The pipeline.
    file: PathBuf,
    #[command(flatten)]
    sandbox: SandboxArguments,
    /// How long to measure each figure, all rounds together.
    #[arg(long, default_value = "3s", value_parser = parse_duration)]
    duration: Duration,
    /// How long each run may take to become steady; it is left as soon as it is.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    warmup: Duration,
    /// How often each figure is measured, in runs of their own.
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Also measure the latency at so many frames a second.
    #[arg(long, value_name = "HZ", value_parser = rate)]
    rate: Option<f64>,
    /// Feed a stream with a synthetic pattern. May be given several times.
    #[arg(long = "source", value_name = "STREAM:PATTERN")]
    sources: Vec<SourceSpec>,
    /// Also write the report, as one page with pictures, to a file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How to print the report.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Bench {
    pub(super) fn run(self, started: Instant) -> Result<ExitCode, CommandError> {
        let page = match &self.html {
            Some(path) => Some(ResultFile::new(path).map_err(CommandError::Argument)?),
            None => None,
        };
        let interruption = Interruption::default();
        let ended = interruption.clone();
        signals::obey(&[], move || ended.interrupt(), |_| {}).map_err(CommandError::Running)?;
        let engine = self.sandbox.engine()?;
        let mut prepared = bench::prepare(&engine, &self.file, &self.sources)?;
        let options = Options {
            started,
            duration: self.duration,
            warm_up: self.warmup,
            rounds: self.rounds,
            rate_hz: self.rate,
        };
        let progress = progress();
        let result = bench::run(&engine, &mut prepared, &options, &interruption, &progress);
        progress.finish_and_clear();
        let report = match result {
            Err(_) if interruption.is_interrupted() => return Ok(ExitCode::from(INTERRUPTED)),
            result => result.map_err(CommandError::Running)?,
        };
        if let Some(page) = page {
            let html = bench::html(&report);
            page.write(html.as_bytes()).map_err(CommandError::Running)?;
        }
        self.print(&report)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, report: &Report) -> io::Result<()> {
        match self.format {
            Format::Text => output::result(&bench::text(report)),
            Format::Json => output::json(report),
        }
    }
}

/// A line on a terminal that says what is being measured; nothing where standard error is none.
fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}   Ctrl-C stops") {
        bar.set_style(style);
    }
    bar
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1e-3..=1e8).contains(&rate) => Ok(rate),
        _ => Err("the rate must be a number of frames per second from 0.001 to 1e8".to_owned()),
    }
}
