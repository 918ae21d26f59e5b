//! `sandpipe kernel build`: builds a kernel's project with the tool of its language.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::pack;
use crate::cli::error::CommandError;
use crate::cli::output;
use crate::language::{Project, Step};

/// Builds a kernel's project to DIR/NAME.wasm.
///
/// Runs the compiler of the project's language, which compiles what it is given and may run code of the project (as cargo does):
/// build what you trust, or in a place of its own. Needs nothing else: no component tools.
/// What the project lacks of its language's SDK is added.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel build brightness
  SANDPIPE_ZIG=/opt/zig/zig sandpipe kernel build brightness")]
pub(in crate::cli) struct Build {
    /// The directory that `sandpipe kernel new` has made.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Build {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let project =
            Project::open(&self.directory).map_err(|error| CommandError::Argument(error.into()))?;
        project
            .complete()
            .map_err(|error| CommandError::Running(error.into()))?;
        for step in project.steps() {
            run(&step, &project)?;
        }
        let (product, module) = (project.product(), project.module());
        let manifest = project.manifest();
        match &manifest {
            Some(manifest) => note(&format!(
                "sandpipe kernel pack {} --manifest {} --output {}",
                file_name(&product),
                file_name(manifest),
                file_name(&module)
            )),
            None => note(&format!("cp {} {}", product.display(), file_name(&module))),
        }
        pack::pack(&product, manifest.as_deref(), &module)?;
        let shown = self.directory.join(format!("{}.wasm", project.name()));
        output::result(&format!("{}\n", shown.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs one command; what it says goes to standard error.
fn run(step: &Step, project: &Project) -> Result<(), CommandError> {
    let mut command = step
        .command(project)
        .map_err(|error| CommandError::Argument(error.into()))?;
    note(&step.shown());
    let ended = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("{} cannot be started", step.tool.title))
        .map_err(CommandError::Running)?;
    if ended.success() {
        return Ok(());
    }
    Err(CommandError::Running(anyhow!(
        "the kernel '{}' was not built: {} ended with {ended}",
        project.name(),
        step.tool.title
    )))
}

/// Shows a command before it runs.
fn note(command: &str) {
    output::error(&format!("$ {command}\n"));
}

fn file_name(path: &Path) -> std::path::Display<'_> {
    path.file_name().map_or(path, Path::new).display()
}
