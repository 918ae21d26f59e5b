//! `sandpipe run`: runs a pipeline until it is done, fails or is interrupted.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;

use super::error::{CommandError, FAILED};
use super::result_file::ResultFile;
use super::sandbox::SandboxArguments;
use super::signals::INTERRUPTED;
use super::{Format, output, signals};
use crate::config::parse_duration;
use crate::endpoint::SourceSpec;
use crate::pipeline::{Plan, QuarantineDirectory, Run as PipelineRun, RunHandle, RunOptions};
use crate::report::{LiveTable, RunReport, State, text};
use crate::sandbox::{Engine, Nans};

/// How often the live table is drawn.
const REFRESH: Duration = Duration::from_millis(200);

/// Runs a pipeline until its sources end, a limit is reached, a stage fails, or Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe run configs/observatory_ao/pipeline.yaml
  sandpipe run pipeline.yaml --duration 5s --format json > report.json
  sandpipe run pipeline.yaml --source wfs_image:random:1000 --frames 10000

Ctrl-C ends the run. Ctrl-Z pauses it after the frame that is being computed and stops the process; `fg` continues \
both. SIGUSR1 pauses and SIGUSR2 resumes: kill -USR1 PID. Sources go on where they were; pauses do not count for \
--duration.

A source on the command line is STREAM:PATTERN[:RATE_HZ]; patterns are constant, random, ramp, sine, impulse and \
checkerboard. Without a rate it runs flat out. In the file a source is of the kind synthetic.array, \
synthetic.frame_set, file.npy, file.fits or pyshmem, or of that of a kernel without inputs; a sink is null.sink, \
file.npy, file.fits or pyshmem, or a kernel. ENDPOINTS.md has their parameters.")]
pub(super) struct Run {
    /// The pipeline.
    file: PathBuf,
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    running: RunningArguments,
}

/// Sources on the command line.
#[derive(Args)]
pub(super) struct SourceArguments {
    /// Feed a stream with a synthetic pattern. May be given several times.
    #[arg(long = "source", value_name = "STREAM:PATTERN[:RATE_HZ]")]
    pub(super) sources: Vec<SourceSpec>,
}

/// What is said about a run, whatever feeds it.
#[derive(Args)]
pub(super) struct RunningArguments {
    #[command(flatten)]
    sandbox: SandboxArguments,
    /// Stop after so long, for example 500ms or 5s.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Stop when every source has published so many frames and they have gone through.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// How to print the report.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
    /// Also write the report, as JSON, to a file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Keep the first frames that make each stage fault in a directory, for `sandpipe kernel run --quarantined`.
    #[arg(long, value_name = "DIR")]
    quarantine: Option<PathBuf>,
}

impl Run {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let running = self.running.begin(Nans::Any)?;
        let plan = Plan::with_sources(&running.engine, &self.file, &self.sources.sources)?;
        running.run(&plan, RunOptions::default())
    }
}

impl RunningArguments {
    /// The sandbox, for kernels that compute such NaNs.
    pub(super) fn engine(&self, nans: Nans) -> Result<Engine, CommandError> {
        self.sandbox.engine_with(nans)
    }

    /// Opens what is written to, starts the sandbox, and obeys signals from here on.
    pub(super) fn begin(&self, nans: Nans) -> Result<Running<'_>, CommandError> {
        let report_file = match &self.report {
            Some(path) => Some(ResultFile::new(path).map_err(CommandError::Argument)?),
            None => None,
        };
        let quarantine = match &self.quarantine {
            Some(path) => Some(QuarantineDirectory::open(path).map_err(CommandError::Argument)?),
            None => None,
        };
        let engine = self.engine(nans)?;
        let handle = RunHandle::new();
        obey_signals(handle.clone()).map_err(CommandError::Running)?;
        Ok(Running {
            arguments: self,
            engine,
            report_file,
            quarantine,
            handle,
        })
    }
}

/// A run that is about to begin.
pub(super) struct Running<'a> {
    arguments: &'a RunningArguments,
    pub(super) engine: Engine,
    report_file: Option<ResultFile<'a>>,
    quarantine: Option<QuarantineDirectory>,
    handle: RunHandle,
}

impl Running<'_> {
    /// Runs the pipeline, and says how it went. `options` are those that are not on the command line of every run.
    pub(super) fn run(self, plan: &Plan, options: RunOptions) -> Result<ExitCode, CommandError> {
        let options = RunOptions {
            frames: self.arguments.frames,
            duration: self.arguments.duration,
            quarantine: self.quarantine,
            ..options
        };
        let handle = self.handle;
        let mut run = match PipelineRun::start(plan, options, handle.clone()) {
            Err(_) if handle.state() == State::Interrupted => {
                return Ok(ExitCode::from(INTERRUPTED));
            }
            started => started.map_err(CommandError::Running)?,
        };
        let mut table = LiveTable::new(output::draw(ProgressBar::no_length()));
        while !run.wait(REFRESH) {
            table.draw(run.monitor(), run.state());
        }
        table.clear();
        let report = run.finish();
        if let Some(file) = self.report_file {
            let json = serde_json::to_vec_pretty(&report);
            let json = json.context("the report is no JSON");
            json.and_then(|json| file.write(&json))
                .map_err(CommandError::Running)?;
        }
        match print(&report, self.arguments.format) {
            // Whoever read the output has gone away; how the run went is told by the exit code all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            printed => printed?,
        }
        let recording = report.recording.as_ref();
        Ok(ExitCode::from(match report.state {
            State::Failed => FAILED,
            State::Interrupted => INTERRUPTED,
            _ if recording.is_some_and(|recording| recording.failure.is_some()) => FAILED,
            State::Built | State::Running | State::Paused | State::Stopped => 0,
        }))
    }
}

fn print(report: &RunReport, format: Format) -> io::Result<()> {
    match format {
        Format::Text => output::result(&text::summary(report)),
        Format::Json => output::json(report),
    }
}

/// How long Ctrl-Z waits for the lanes to come to the end of their frames.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ctrl-C and a polite kill stop the run. Ctrl-Z pauses it and then stops the process, which goes on when it is continued;
/// SIGUSR1 and SIGUSR2 pause and resume.
fn obey_signals(run: RunHandle) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGCONT, SIGTSTP, SIGUSR1, SIGUSR2};
    use signal_hook::low_level::emulate_default_handler;

    let ended = run.clone();
    let other = move |signal| match signal {
        SIGUSR1 => {
            run.pause();
        }
        SIGTSTP => {
            run.pause();
            run.wait_until_paused(PATIENCE);
            // Returns when the process is continued. Were it refused, the run would stay paused until then.
            let _ = emulate_default_handler(SIGTSTP);
        }
        _ => {
            run.resume();
        }
    };
    let others = [SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT];
    signals::obey(&others, move || ended.interrupt(), other)
}
