//! `sandpipe kernel new`: begins a kernel.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::cli::error::CommandError;
use crate::cli::output;
use crate::language::{Language, Project};

/// Begins a kernel: makes a directory NAME with one that works, in the language of your choice.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel new --lang zig brightness
  sandpipe kernel build brightness
  sandpipe kernel check brightness/brightness.wasm")]
pub(in crate::cli) struct New {
    /// The language.
    #[arg(long, value_enum)]
    lang: Language,
    /// What the kernel is called: lower-case letters, digits and '_'.
    name: String,
}

impl New {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let project = Project::create(Path::new(""), self.lang, &self.name)
            .map_err(|error| CommandError::Argument(error.into()))?;
        let name = project.name();
        output::result(&format!(
            "{name} is a kernel in {}. Change {name}/{}, then:\n  sandpipe kernel build {name}\n  sandpipe kernel check {name}/{name}.wasm\n",
            self.lang.title(),
            self.lang.source(),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
