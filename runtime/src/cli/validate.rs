//! `sandpipe validate`: says whether pipelines are right, without creating anything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::error::{CommandError, WRONG};
use super::sandbox::SandboxArguments;
use super::{Format, output};
use crate::pipeline::Plan;

/// Checks pipelines: the YAML, each kernel's manifest, module and configuration. Creates nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe validate pipeline.yaml
  sandpipe validate configs/*/pipeline.yaml --format json")]
pub(super) struct Validate {
    /// Pipelines to check.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    sandbox: SandboxArguments,
    /// How to print the result.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Verdict {
    file: PathBuf,
    valid: bool,
    errors: Vec<serde_json::Value>,
}

impl Validate {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let engine = self.sandbox.engine()?;
        let mut verdicts = Vec::new();
        for file in self.files {
            let errors = match Plan::new(&engine, &file) {
                Ok(_) => Vec::new(),
                Err(report) => {
                    if self.format == Format::Text {
                        output::report(&report);
                    }
                    report.json()
                }
            };
            if self.format == Format::Text && errors.is_empty() {
                output::result(&format!("{}: valid\n", file.display()))?;
            }
            let valid = errors.is_empty();
            verdicts.push(Verdict {
                file,
                valid,
                errors,
            });
        }
        if self.format == Format::Json {
            output::json(&serde_json::json!({ "files": verdicts }))?;
        }
        let all_valid = verdicts.iter().all(|verdict| verdict.valid);
        Ok(ExitCode::from(if all_valid { 0 } else { WRONG }))
    }
}
