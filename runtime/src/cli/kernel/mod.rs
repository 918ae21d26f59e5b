//! `sandpipe kernel …`: looks at kernels and tries them.

mod arguments;
mod build;
mod check;
mod inspect;
mod list;
mod new;
mod pack;
mod quarantined;
mod run;

pub(super) use arguments::{StageArguments, numbered};

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;

use super::error::CommandError;
use crate::config::Role;
use crate::kernel::{Kernel as KernelFile, Registry};

/// Makes, builds, checks, lists, inspects and runs kernels.
#[derive(Subcommand)]
pub(super) enum Kernel {
    List(list::List),
    Inspect(inspect::Inspect),
    Run(run::Run),
    New(new::New),
    Build(build::Build),
    Check(check::Check),
    Pack(pack::Pack),
}

impl Kernel {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::List(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Run(command) => command.run(),
            Self::New(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Pack(command) => command.run(),
        }
    }
}

/// The kernel of a built-in kind, or in a module file. Whatever looks like a path is one.
pub(super) fn find(kind_or_file: &str) -> Result<Arc<KernelFile>, CommandError> {
    let path = Path::new(kind_or_file);
    let is_file = path.components().count() > 1
        || path
            .extension()
            .is_some_and(|ending| ending == "wasm" || ending == "wat");
    if is_file {
        let kernel =
            KernelFile::read(path).map_err(|error| CommandError::Argument(error.into()))?;
        return Ok(Arc::new(kernel));
    }
    let registry = built_in()?;
    registry.find(kind_or_file).cloned().ok_or_else(|| {
        let (why, instead) = registry.absence(kind_or_file, Role::Kernel);
        CommandError::Argument(anyhow!(
            "there is no kernel for {why}\n  {instead}\n  a file is named as ./{kind_or_file}"
        ))
    })
}

fn built_in() -> Result<Registry, CommandError> {
    let registry = Registry::built_in().context("the built-in kernels cannot be read");
    registry.map_err(CommandError::Running)
}
