//! `sandpipe bench`: measures a pipeline.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::error::CommandError;
use super::kernel::{StageArguments, find, numbered};
use super::result_file::ResultFile;
use super::sandbox::SandboxArguments;
use super::signals::INTERRUPTED;
use super::{Format, output, signals};
use crate::array::ArrayType;
use crate::bench::{self, Interruption, KernelCase, KernelName, Options, Other, Prepared, Report};
use crate::config::parse_duration;
use crate::endpoint::{SourceSpec, npy};
use crate::kernel::Origin;
use crate::sandbox::Engine;

/// Measures how fast a pipeline is and where the time of a frame goes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe bench configs/observatory_ao/pipeline.yaml
  sandpipe bench pipeline.yaml --source wfs_image:random --rate 1009 --duration 30s
  sandpipe bench pipeline.yaml --html report.html
  sandpipe bench pipeline.yaml --format json > before.json

  sandpipe bench pipeline.yaml --compare before.json
  sandpipe bench pipeline.yaml --compare native
  sandpipe bench --kernel my.wasm --input frame.npy --shape 32,32,2 --param tile_size=8

Throughput is measured with sources flat out; latency with one frame in flight; with --rate also at that rate, counted \
from when each frame was due, whether or not it could be sent then. Each in runs of its own, in turn. Sources give \
frames from memory, without their own rates; streams that nobody feeds get random values; sinks are left out.

With --kernel one kernel is measured, as a pipeline of its own, on the frames of .npy files; its outputs have the \
dtype and shape of the first input unless --dtype and --shape say otherwise. With --compare native each built-in \
kernel is also run as the same source built for this machine, on the same frames, in turn with the sandboxed one.")]
pub(super) struct Bench {
    /// The pipeline.
    #[arg(required_unless_present = "kernel")]
    file: Option<PathBuf>,
    /// Measure one kernel instead: a built-in kind, or the file of a module.
    #[arg(long, value_name = "KIND_OR_FILE", conflicts_with_all = ["file", "sources"], requires = "input")]
    kernel: Option<String>,
    #[command(flatten)]
    stage: StageArguments,
    /// Compare with the native builds of built-in kernels, or with a report of --format json. May be given several times.
    #[arg(long, value_name = "native|FILE.json")]
    compare: Vec<PathBuf>,
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
    /// Also measure the latency at so many frames a second. One like 1009, not 1000, meets the system's ticks in every phase.
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
        let (native, files): (Vec<&PathBuf>, Vec<&PathBuf>) = self
            .compare
            .iter()
            .partition(|path| path.as_os_str() == "native");
        let others = files.into_iter().map(|file| Other::read(file));
        let others = others
            .collect::<anyhow::Result<Vec<_>>>()
            .map_err(CommandError::Argument)?;
        let interruption = Interruption::default();
        let ended = interruption.clone();
        signals::obey(&[], move || ended.interrupt(), |_| {}).map_err(CommandError::Running)?;
        let engine = self.sandbox.engine()?;
        let mut prepared = self.prepare(&engine)?;
        let options = Options {
            started,
            duration: self.duration,
            warm_up: self.warmup,
            rounds: self.rounds,
            native: !native.is_empty(),
            rate_hz: self.rate,
        };
        let progress = progress();
        let result = bench::run(&engine, &mut prepared, &options, &interruption, &progress);
        progress.finish_and_clear();
        let mut report = match result {
            Err(_) if interruption.is_interrupted() => return Ok(ExitCode::from(INTERRUPTED)),
            result => result.map_err(CommandError::Running)?,
        };
        others.iter().for_each(|other| report.compare_with(other));
        if let Some(page) = page {
            let html = bench::html(&report);
            page.write(html.as_bytes()).map_err(CommandError::Running)?;
        }
        self.print(&report)?;
        Ok(ExitCode::SUCCESS)
    }

    fn prepare(&self, engine: &Engine) -> Result<Prepared, CommandError> {
        match (&self.kernel, &self.file) {
            (Some(kernel), _) => {
                let case = self.case(kernel)?;
                let prepared = bench::prepare_kernel(engine, &case);
                Ok(prepared.map_err(CommandError::Argument)??)
            }
            (None, Some(file)) if self.stage.is_empty() => {
                Ok(bench::prepare(engine, file, &self.sources)?)
            }
            (None, Some(_)) => Err(CommandError::Argument(anyhow!(
                "--input, --auxiliary, --param, --operation, --shape and --dtype belong to --kernel; a pipeline's file says these \
                 things itself"
            ))),
            // The parser asks for one of them.
            (None, None) => Err(CommandError::Argument(anyhow!("name a pipeline"))),
        }
    }

    /// The kernel with its frames, from the arguments.
    fn case(&self, name: &str) -> Result<KernelCase, CommandError> {
        let kernel = find(name)?;
        let array = |path: &Path| -> Result<ArrayType, CommandError> {
            let read = npy::read(path).map_err(|error| CommandError::Argument(error.into()));
            Ok(read?.0)
        };
        let mut inputs = Vec::new();
        for (index, path) in self.stage.input.iter().enumerate() {
            inputs.push((numbered("input", index), array(path)?, path.clone()));
        }
        let mut auxiliary = Vec::new();
        for (alias, path) in &self.stage.auxiliary {
            let path = PathBuf::from(path);
            auxiliary.push((alias.clone(), array(&path)?, path));
        }
        let first = inputs.first().map(|(_, array, _)| array);
        let first = first.ok_or_else(|| CommandError::Argument(anyhow!("there is no --input")))?;
        let output = self
            .stage
            .output(Some(first))
            .map_err(CommandError::Argument)?;
        let outputs = 0..kernel.manifest.output_arity.unwrap_or(1) as usize;
        Ok(KernelCase {
            outputs: outputs
                .map(|index| (numbered("output", index), output.clone()))
                .collect(),
            kernel: match &kernel.origin {
                Origin::BuiltIn => KernelName::Kind(kernel.manifest.kind.clone()),
                Origin::File(path) => KernelName::Module(path.clone()),
            },
            inputs,
            auxiliary,
            operation: self.stage.operation.clone(),
            parameters: self.stage.parameters().map_err(CommandError::Argument)?,
        })
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
    let bar = output::draw(ProgressBar::no_length());
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
