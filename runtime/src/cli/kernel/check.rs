//! `sandpipe kernel check`: the conformance suite.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::arguments::{assignment, dtype, parameters};
use crate::array::ArrayType;
use crate::cli::error::{CommandError, FAILED};
use crate::cli::sandbox::SandboxArguments;
use crate::cli::{Format, output};
use crate::conformance::{Finding, Given, Place, Suite, Verdict, golden};
use crate::sandbox::{Isolation, Limits};

/// Tries a kernel: whether it does what its manifest says and what every kernel has to do.
///
/// Says for each rule that is broken why it is there and how to mend it. The kernel runs in the sandbox, on made-up frames: images
/// of 48 times 64 elements unless arrays are given. Exit code 1 where a rule is broken.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel check brightness/brightness.wasm
  sandpipe kernel check cpu.affine_transform --input float32:64 --auxiliary a=float32:8,64 --auxiliary b=float32:8 --output float32:8
  sandpipe kernel check blur.wasm --param sigma=2 --golden recorded

A directory for --golden holds directories with input.npy, auxiliary.npy, output.npy (then input1.npy, …) and, if wanted,
case.json: {\"parameters\": {…}, \"operation\": \"…\", \"tolerance\": 1e-6}.")]
pub(in crate::cli) struct Check {
    /// The file of a module, or a built-in kind.
    #[arg(value_name = "FILE")]
    kernel: String,
    /// A trigger input, as DTYPE:EXTENTS. May be given several times.
    #[arg(long, value_name = "ARRAY", value_parser = array)]
    input: Vec<ArrayType>,
    /// An auxiliary input. May be given several times.
    #[arg(long, value_name = "ALIAS=ARRAY", value_parser = named_array)]
    auxiliary: Vec<(String, ArrayType)>,
    /// An output. May be given several times.
    #[arg(long, value_name = "ARRAY", value_parser = array)]
    output: Vec<ArrayType>,
    /// A parameter; the value is JSON, or else text.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    param: Vec<(String, String)>,
    /// The expression of cpu.custom_operation.
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    operation: Option<String>,
    /// Also run the recorded inputs and outputs in this directory.
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// How to print what came out.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Check {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let kernel = super::find(&self.kernel)?;
        let limits = Limits::default();
        let program = SandboxArguments::default()
            .engine()?
            .load(&kernel.module, &limits, Isolation::Thread)
            .with_context(|| format!("the kernel '{}' cannot be loaded", self.kernel))
            .map_err(CommandError::Argument)?;
        let given = Given {
            inputs: self.input,
            auxiliary: self.auxiliary,
            outputs: self.output,
            parameters: parameters(&self.param).map_err(CommandError::Argument)?,
            operation: self.operation,
        };
        let manifest = &kernel.manifest;
        let place =
            Place::of(manifest, given).map_err(|error| CommandError::Argument(error.into()))?;
        let suite = Suite {
            program: &program,
            manifest,
            place: &place,
            limits,
        };
        let mut findings = Vec::new();
        let text = self.format == Format::Text;
        if text {
            output::result(&format!("{}  {}\n", manifest.kind, program.world().name()))?;
        }
        let mut written = Ok(());
        let mut found = |finding: Finding| {
            if text && written.is_ok() {
                written = output::result(&line(&finding));
            }
            findings.push(finding);
        };
        suite.run(&mut found);
        if let Some(directory) = &self.golden {
            golden(&suite, directory, &mut found)
                .map_err(|error| CommandError::Argument(error.into()))?;
        }
        written?;
        let broken = findings
            .iter()
            .filter(|finding| finding.is_broken())
            .count();
        match self.format {
            Format::Text => {
                output::result(&format!("{} rules, {broken} broken\n", findings.len()))?
            }
            Format::Json => output::json(&json!({
                "kind": manifest.kind,
                "broken": broken,
                "rules": findings.iter().map(object).collect::<Vec<_>>(),
            }))?,
        }
        Ok(if broken == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        })
    }
}

/// The word for a verdict, and what there is to say.
fn words(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Kept(said) => ("kept", said),
        Verdict::Broken(what) => ("broken", what),
        Verdict::Skipped(why) => ("skipped", why),
    }
}

fn line(finding: &Finding) -> String {
    let (word, said) = words(&finding.verdict);
    let rule = &finding.rule;
    if finding.is_broken() {
        return format!(
            "  {word:<8}{:<11}{}\n{:21}asked: {}\n{:21}why:   {}\n{:21}mend:  {}\n",
            rule.name, said, "", rule.asks, "", rule.why, "", rule.mend
        );
    }
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    };
    format!("  {word:<8}{:<11}{}{said}\n", rule.name, rule.asks)
}

fn object(finding: &Finding) -> Value {
    let (word, said) = words(&finding.verdict);
    let rule = &finding.rule;
    json!({ "rule": rule.name, "verdict": word, "said": said, "asks": rule.asks, "why": rule.why, "mend": rule.mend })
}

fn array(text: &str) -> Result<ArrayType, String> {
    let (name, extents) = text
        .split_once(':')
        .ok_or("write DTYPE:EXTENTS, for example float32:48,64")?;
    let extent = |text: &str| text.parse().ok().filter(|&extent: &u32| extent > 0);
    let shape: Option<Vec<u32>> = extents.split(',').map(extent).collect();
    let array = ArrayType {
        dtype: dtype(name)?,
        shape: shape.ok_or("an extent is a number from 1 on, and extents are divided by commas")?,
    };
    match array.bytes() {
        Some(bytes) if bytes < 1 << 31 => Ok(array),
        _ => Err("the array is larger than what a kernel can address".to_owned()),
    }
}

fn named_array(text: &str) -> Result<(String, ArrayType), String> {
    let (name, text) = assignment(text)?;
    Ok((name, array(&text)?))
}
