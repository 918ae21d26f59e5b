//! `sandpipe run`: runs a pipeline until it is done, fails or is interrupted.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use tempfile::NamedTempFile;

use super::engine;
use super::error::{CommandError, FAILED};
use super::{Format, output};
use crate::config::parse_duration;
use crate::endpoint::SourceSpec;
use crate::pipeline::{Plan, Run as PipelineRun, RunOptions, StopHandle};
use crate::report::{LiveTable, RunReport, State, text};

/// Exit code of a run that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// How often the live table is drawn.
const REFRESH: Duration = Duration::from_millis(200);

/// Runs a pipeline until its sources end, a limit is reached, a stage fails, or Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe run configs/observatory_ao/pipeline.yaml
  sandpipe run pipeline.yaml --duration 5s --format json > report.json
  sandpipe run pipeline.yaml --source wfs_image:random:1000 --frames 10000

A source on the command line is STREAM:PATTERN[:RATE_HZ]; patterns are constant, random, ramp, sine,
impulse and checkerboard. Without a rate it runs flat out.")]
pub(super) struct Run {
    /// The pipeline.
    file: PathBuf,
    /// Stop after so long, for example 500ms or 5s.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Stop when every source has published so many frames and they have gone through.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Feed a stream with a synthetic pattern. May be given several times.
    #[arg(long = "source", value_name = "STREAM:PATTERN[:RATE_HZ]")]
    sources: Vec<SourceSpec>,
    /// How to print the report.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also write the report, as JSON, to a file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let report_file = match &self.report {
            Some(path) => Some(ReportFile::new(path).map_err(CommandError::Argument)?),
            None => None,
        };
        let engine = engine()?;
        let stop = StopHandle::new();
        stop_on_signals(stop.clone()).map_err(CommandError::Running)?;
        let plan = Plan::with_sources(&engine, &self.file, &self.sources)?;
        let options = RunOptions {
            frames: self.frames,
            duration: self.duration,
        };
        let mut run = match PipelineRun::start(plan, options, stop.clone()) {
            Err(_) if stop.is_interrupted() => return Ok(ExitCode::from(INTERRUPTED)),
            started => started.map_err(CommandError::Running)?,
        };
        let mut table = LiveTable::new();
        while !run.wait(REFRESH) {
            table.draw(run.monitor());
        }
        table.clear();
        let report = run.finish();
        if let Some(file) = report_file {
            file.write(&report).map_err(CommandError::Running)?;
        }
        match self.print(&report) {
            // Whoever read the output has gone away; how the run went is told by the exit code all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
        Ok(ExitCode::from(match report.state {
            State::Failed => FAILED,
            State::Interrupted => INTERRUPTED,
            State::Running | State::Stopped => 0,
        }))
    }

    fn print(&self, report: &RunReport) -> io::Result<()> {
        match self.format {
            Format::Text => output::result(&text::summary(report)),
            Format::Json => output::json(report),
        }
    }
}

/// The file for the report: made before the run, so that a wrong path is found before, and put in its place whole.
struct ReportFile<'a> {
    path: &'a Path,
    file: NamedTempFile,
}

impl<'a> ReportFile<'a> {
    fn new(path: &'a Path) -> anyhow::Result<Self> {
        let refused = || format!("the report cannot be written to {}", path.display());
        if path.is_dir() {
            return Err(anyhow!("it is a directory")).with_context(refused);
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let file = NamedTempFile::new_in(directory).with_context(refused)?;
        Ok(Self { path, file })
    }

    fn write(mut self, report: &RunReport) -> anyhow::Result<()> {
        let failed = || format!("cannot write the report to {}", self.path.display());
        serde_json::to_writer_pretty(&mut self.file, report).with_context(failed)?;
        self.file.persist(self.path).with_context(failed)?;
        Ok(())
    }
}

/// Ctrl-C and a polite kill stop the run; a second one ends the process at once.
fn stop_on_signals(stop: StopHandle) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    let signals = [SIGINT, SIGTERM, SIGHUP];
    let seen = Arc::new(AtomicBool::new(false));
    for signal in signals {
        signal_hook::flag::register_conditional_shutdown(
            signal,
            INTERRUPTED.into(),
            Arc::clone(&seen),
        )?;
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
    }
    let mut signals = signal_hook::iterator::Signals::new(signals)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                stop.interrupt();
            }
        })?;
    Ok(())
}
