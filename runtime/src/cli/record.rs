//! `sandpipe record`: runs a pipeline and records what happens.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::error::CommandError;
use super::run::{RunningArguments, SourceArguments};
use crate::bench::Machine;
use crate::config::{Config, StreamIndex, parse_size, suggestion};
use crate::pipeline::{Plan, RunOptions};
use crate::recording::RecordingOptions;
use crate::sandbox::Nans;

/// Runs a pipeline, and records its frames and the calls of its stages in an MCAP file, for `sandpipe replay`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe record pipeline.yaml -o run.mcap --duration 30s
  sandpipe record pipeline.yaml -o run.mcap --streams camera,commands
  sandpipe replay run.mcap pipeline.yaml --verify

The recorder never holds the pipeline up. Frames that it cannot keep up with are missing from
the file, and counted; with --lossless none is missing, and producers wait for the disk instead.
A recording that is cut off, whatever did it, is readable up to there but for the last second.
When the disk is full the recording ends, the run goes on, and the exit code is 1.

What a kernel computes is the same everywhere but for the bits of NaNs, which are the
processor's. With --deterministic they are the same on every machine; kernels that compute with
floating-point numbers are then up to three times slower. The file is MCAP, which many tools
read: each stream is a topic, each message 40 bytes and then the frame.")]
pub(super) struct Record {
    /// The pipeline.
    file: PathBuf,
    /// The recording. There must be no file of that name.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Whose frames to record; of all streams if it is not given.
    #[arg(long, value_delimiter = ',', value_name = "STREAM,…")]
    streams: Vec<String>,
    /// Record every frame: producers wait for the recorder.
    #[arg(long)]
    lossless: bool,
    /// Have the NaNs that kernels compute be the same on every machine, which makes kernels slower.
    #[arg(long)]
    deterministic: bool,
    /// Memory for frames on their way into the file.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    memory: u64,
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    running: RunningArguments,
}

impl Record {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let nans = match self.deterministic {
            true => Nans::Canonical,
            false => Nans::Any,
        };
        let running = self.running.begin(nans)?;
        let plan = Plan::with_sources(&running.engine, &self.file, &self.sources.sources)?;
        let streams = self.streams(&plan.config).map_err(CommandError::Argument)?;
        let output = Output::create(&self.output).map_err(CommandError::Argument)?;
        let recording = RecordingOptions {
            file: Arc::clone(&output.file),
            streams,
            lossless: self.lossless,
            memory: self.memory,
            pipeline: plan.config.source.as_bytes().to_vec(),
            about: about(&plan.config, nans),
        };
        let options = RunOptions {
            recording: Some(recording),
            ..RunOptions::default()
        };
        running.run(&plan, options)
    }

    /// The streams that are to be recorded.
    fn streams(&self, config: &Config) -> anyhow::Result<Vec<StreamIndex>> {
        if self.streams.is_empty() {
            return Ok((0..config.streams.len()).map(StreamIndex).collect());
        }
        let mut streams = Vec::with_capacity(self.streams.len());
        for name in &self.streams {
            let stream = config.find_stream(name).ok_or_else(|| {
                let names = config.streams.iter().map(|stream| stream.name.as_str());
                let help = suggestion(name, names, "the streams");
                anyhow!("--streams names the stream '{name}', which is not defined; {help}")
            })?;
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        Ok(streams)
    }
}

/// What the file says about the run.
fn about(config: &Config, nans: Nans) -> BTreeMap<String, String> {
    let machine = Machine::of_now(None);
    let path = config.path.display().to_string();
    [
        ("sandpipe", machine.sandpipe.to_owned()),
        ("pipeline", path),
        ("cpu", machine.cpu),
        ("processors", machine.processors.to_string()),
        ("kernel", machine.kernel),
        ("build", machine.build.to_owned()),
        ("nans", nans.name().to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The file of the recording. One in which nothing was written, because nothing ran, is removed.
struct Output<'a> {
    path: &'a Path,
    file: Arc<File>,
}

impl<'a> Output<'a> {
    /// # Errors
    /// It exists, or cannot be created.
    fn create(path: &'a Path) -> anyhow::Result<Output<'a>> {
        let file = File::create_new(path).with_context(|| match path.exists() {
            true => format!("{} is not overwritten; remove it first", path.display()),
            false => format!("the recording cannot be written to {}", path.display()),
        })?;
        let file = Arc::new(file);
        Ok(Output { path, file })
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|file| file.len() == 0) {
            // There is nothing in it that anybody could miss.
            let _ = std::fs::remove_file(self.path);
        }
    }
}
