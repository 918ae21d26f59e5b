//! `sandpipe kernel run`: one kernel on .npy files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use serde_json::Value;

use super::arguments::{StageArguments, numbered};
use crate::array::ArrayType;
use crate::cli::error::CommandError;
use crate::cli::output;
use crate::cli::sandbox::SandboxArguments;
use crate::endpoint::npy;
use crate::kernel::{Kernel, state_arrays};
use crate::pipeline::Solo;
use crate::report::{Exec, Recorder};
use crate::sandbox::{Array, Context, Isolation, Limits, Part};

/// Runs one kernel on .npy files, outside any pipeline.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel run cpu.scale --param factor=2.5 --input in.npy --output out.npy
  sandpipe kernel run cpu.shack_hartmann_centroid --param tile_size=8 --input frame.npy --output slopes.npy --shape 32,32,2
  sandpipe kernel run cpu.moving_spot --shape 64,64 --repeat 10 --output frame.npy
  sandpipe kernel run --quarantined quarantine/stranger-17-trap
  sandpipe kernel run cpu.custom_operation --operation '(input - dark) / flat' --input raw.npy \\
      --auxiliary dark=dark.npy --auxiliary flat=flat.npy --output clean.npy --repeat 1000

An output has the dtype and shape of the first input unless --dtype and --shape say otherwise. A source, which has no input,
needs --shape; a sink needs no --output. With --repeat the kernel
runs on the same frame so often, its state going on, and the time of a call is printed.")]
pub(in crate::cli) struct Run {
    /// A built-in kind, or the file of a module.
    #[arg(value_name = "KIND_OR_FILE", required_unless_present = "quarantined")]
    kernel: Option<String>,
    #[command(flatten)]
    stage: StageArguments,
    /// Where an output goes. May be given several times.
    #[arg(long, value_name = "F.npy")]
    output: Vec<PathBuf>,
    /// How often to run it.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,
    /// Repeat the call that made a stage fault, from what `sandpipe run --quarantine` has kept.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["kernel", "input", "auxiliary", "param", "operation", "output", "shape", "dtype", "repeat"]
    )]
    quarantined: Option<PathBuf>,
    /// The kernel's module, instead of where it was when it faulted.
    #[arg(long, value_name = "FILE", requires = "quarantined")]
    module: Option<PathBuf>,
}

impl Run {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        match (&self.quarantined, &self.kernel) {
            (Some(directory), _) => super::quarantined::run(directory, self.module.as_deref()),
            (None, Some(kernel)) => self.run_on_files(kernel),
            // The parser asks for one of them.
            (None, None) => Err(CommandError::Argument(anyhow!("name a kernel"))),
        }
    }

    fn run_on_files(&self, name: &str) -> Result<ExitCode, CommandError> {
        let kernel = super::find(name)?;
        for path in &self.output {
            npy::check_target(path).map_err(|error| CommandError::Argument(error.into()))?;
        }
        let (context, frames) = self.context(&kernel).map_err(CommandError::Argument)?;
        let limits = Limits::default();
        let engine = SandboxArguments::default().engine()?;
        let program = engine
            .load(&kernel.module, &limits, Isolation::Thread)
            .with_context(|| format!("the kernel '{}' cannot be loaded", name))
            .map_err(CommandError::Argument)?;
        program
            .validate_config(&context, &limits)
            .map_err(|fault| CommandError::Argument(anyhow!("{fault}")))?;
        let mut solo = Solo::open(&program, &context, &limits).map_err(CommandError::Running)?;
        let times = Recorder::default();
        for (index, frame) in frames.iter().enumerate() {
            solo.set_input(index, frame)
                .map_err(CommandError::Running)?;
        }
        for frame_id in 1..=self.repeat {
            let took = solo.compute(frame_id).map_err(|fault| {
                CommandError::Running(anyhow!("the kernel failed at call {frame_id}: {fault}"))
            })?;
            times.record(took.as_nanos() as u64);
        }
        self.store(&context, &solo).map_err(CommandError::Running)?;
        if self.repeat > 1 {
            let exec = Exec::of(&times.snapshot());
            let us = |value: Option<f64>| value.unwrap_or_default();
            output::result(&format!(
                "{} calls: p50 {} µs, p99 {} µs, max {} µs\n",
                self.repeat,
                us(exec.p50),
                us(exec.p99),
                us(exec.max)
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the kernel is told, and the frames of its inputs.
    fn context(&self, kernel: &Kernel) -> anyhow::Result<(Context, Vec<Vec<u8>>)> {
        let manifest = &kernel.manifest;
        let mut frames = Vec::new();
        let mut trigger_inputs = Vec::new();
        for (index, path) in self.stage.input.iter().enumerate() {
            trigger_inputs.push(read(path, numbered("input", index), &mut frames)?);
        }
        let mut auxiliary_inputs = Vec::new();
        for (alias, path) in &self.stage.auxiliary {
            auxiliary_inputs.push(read(Path::new(path), alias.clone(), &mut frames)?);
        }
        let mut outputs = Vec::new();
        for index in 0..self.output.len() {
            let array = self
                .stage
                .output(trigger_inputs.first().map(|input| &input.array))?;
            outputs.push(named(numbered("output", index), array));
        }
        if trigger_inputs.is_empty() && outputs.is_empty() {
            bail!("give the kernel an --input or an --output");
        }
        check_arity("trigger inputs", manifest.input_arity, trigger_inputs.len())?;
        check_arity(
            "auxiliary inputs",
            manifest.auxiliary_arity,
            auxiliary_inputs.len(),
        )?;
        check_arity("outputs", manifest.output_arity, outputs.len())?;
        let parameters = Value::Object(self.stage.parameters()?);
        manifest.parameters.check(&parameters)?;
        for array in trigger_inputs
            .iter()
            .chain(&auxiliary_inputs)
            .chain(&outputs)
        {
            if !manifest.takes(array.array.dtype) {
                bail!(
                    "the kernel cannot use '{}', whose dtype is {}",
                    array.name,
                    array.array.dtype
                );
            }
        }
        let state = state_arrays(
            manifest,
            &types(&trigger_inputs),
            &types(&auxiliary_inputs),
            &types(&outputs),
        );
        let state = state.map_err(|error| anyhow!("the kernel {error}"))?;
        let context = Context {
            name: "run".to_owned(),
            kind: manifest.kind.clone(),
            part: Part::WHOLE,
            state: state
                .into_iter()
                .map(|state| named(state.alias, state.array))
                .collect(),
            trigger_inputs,
            auxiliary_inputs,
            outputs,
            operation: self.stage.operation.clone(),
            parameters: parameters.to_string(),
        };
        Ok((context, frames))
    }

    fn store(&self, context: &Context, solo: &Solo) -> anyhow::Result<()> {
        for (index, (path, output)) in self.output.iter().zip(&context.outputs).enumerate() {
            npy::write(path, &output.array, &solo.output(index)?)?;
        }
        Ok(())
    }
}

/// Reads one frame and names it.
fn read(path: &Path, name: String, frames: &mut Vec<Vec<u8>>) -> anyhow::Result<Array> {
    let (array, frame) = npy::read(path)?;
    frames.push(frame);
    Ok(named(name, array))
}

fn types(arrays: &[Array]) -> Vec<&ArrayType> {
    arrays.iter().map(|array| &array.array).collect()
}

fn named(name: String, array: ArrayType) -> Array {
    Array {
        alias: name.clone(),
        name,
        array,
    }
}

fn check_arity(what: &str, expected: Option<u32>, given: usize) -> anyhow::Result<()> {
    match expected {
        Some(expected) if expected as usize != given => {
            bail!("the kernel expects {expected} {what}, got {given}")
        }
        _ => Ok(()),
    }
}
