//! `sandpipe describe`: shows the graph of a pipeline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::error::CommandError;
use super::output;
use super::sandbox::SandboxArguments;
use crate::pipeline::Plan;
use crate::report::graph;

/// Shows a pipeline's streams, stages and lanes.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe describe pipeline.yaml
  sandpipe describe pipeline.yaml --format dot | dot -Tsvg > pipeline.svg")]
pub(super) struct Describe {
    /// The pipeline.
    file: PathBuf,
    #[command(flatten)]
    sandbox: SandboxArguments,
    /// How to show it: as text, as one JSON object, or as a drawing for Mermaid or Graphviz.
    #[arg(long, value_enum, default_value = "text")]
    format: GraphFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum GraphFormat {
    Text,
    Json,
    Mermaid,
    Dot,
}

impl Describe {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        let engine = self.sandbox.engine()?;
        let description = Plan::new(&engine, &self.file)?.describe();
        match self.format {
            GraphFormat::Text => output::result(&graph::text(&description))?,
            GraphFormat::Json => output::json(&description)?,
            GraphFormat::Mermaid => output::result(&graph::mermaid(&description))?,
            GraphFormat::Dot => output::result(&graph::dot(&description))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
