//! `sandpipe validate`: says whether pipelines are right, without creating anything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::error::{CommandError, WRONG};
use super::sandbox::SandboxArguments;
use super::{Format, output};
use crate::config::Severity;
use crate::pipeline::Plan;

/// Checks pipelines: the YAML, each kernel's manifest, module and configuration. Creates nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe validate pipeline.yaml
  sandpipe validate configs/*/pipeline.yaml --format json

Of a pipeline of shmpipeline, notes say what differs here though it is right; see MIGRATION.md.")]
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
    notes: Vec<serde_json::Value>,
}

impl Validate {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let engine = self.sandbox.engine()?;
        let mut verdicts = Vec::new();
        for file in self.files {
            let checked = Plan::new(&engine, &file);
            let valid = checked.is_ok();
            let found = checked.map_or_else(|errors| errors, |plan| plan.config.notes());
            if self.format == Format::Text {
                if valid {
                    output::result(&format!("{}: valid\n", file.display()))?;
                }
                if !found.diagnostics().is_empty() {
                    output::report(&found);
                }
            }
            let (errors, notes) = match found.severity() {
                Severity::Error => (found.json(), Vec::new()),
                Severity::Note => (Vec::new(), found.json()),
            };
            verdicts.push(Verdict {
                file,
                valid,
                errors,
                notes,
            });
        }
        if self.format == Format::Json {
            output::json(&serde_json::json!({ "files": verdicts }))?;
        }
        let all_valid = verdicts.iter().all(|verdict| verdict.valid);
        Ok(ExitCode::from(if all_valid { 0 } else { WRONG }))
    }
}
