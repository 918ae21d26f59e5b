//! `sandpipe kernel list`: the kinds that a pipeline can name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::error::CommandError;
use crate::cli::{Format, output};
use crate::config;
use crate::kernel::Registry;
use crate::report::text::columns;

/// Lists the kinds that a pipeline can name, with their parameters.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel list
  sandpipe kernel list --pipeline pipeline.yaml --format json")]
pub(in crate::cli) struct List {
    /// Also the kinds that this pipeline finds through its kernel_path.
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// How to print the list.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl List {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let registry = match &self.pipeline {
            Some(file) => Registry::new(&config::load(file)?)?,
            None => super::built_in()?,
        };
        match self.format {
            Format::Text => output::result(&text(&registry))?,
            Format::Json => output::json(&json!({ "kinds": objects(&registry) }))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(registry: &Registry) -> String {
    let mut rows = vec![
        ["kind", "from", "parameters", "summary"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (kind, kernel) in registry.kinds() {
        let manifest = &kernel.manifest;
        let parameters: Vec<&str> = manifest.parameters.names().collect();
        let summary = match &manifest.summary {
            Some(_) if kind != manifest.kind => format!("another name of {}", manifest.kind),
            Some(summary) => summary.clone(),
            None => String::new(),
        };
        rows.push(vec![
            kind.to_owned(),
            kernel.origin.to_string(),
            parameters.join(", "),
            summary,
        ]);
    }
    columns(&rows, 4)
}

fn objects(registry: &Registry) -> Vec<serde_json::Value> {
    let object = |(kind, kernel): (&str, &std::sync::Arc<crate::kernel::Kernel>)| {
        json!({
            "kind": kind,
            "name": kernel.manifest.kind,
            "version": kernel.manifest.version,
            "summary": kernel.manifest.summary,
            "origin": kernel.origin.to_string(),
            "parameters": kernel.manifest.parameters.source(),
        })
    };
    registry.kinds().map(object).collect()
}
