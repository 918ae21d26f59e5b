//! `sandpipe kernel pack`: puts a manifest into a module.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::error::CommandError;
use crate::config::file;
use crate::endpoint::PartFile;
use crate::kernel::{self, MANIFEST_LIMIT, MODULE_LIMIT, PackError};

/// Puts a manifest into a module, and gives exports such as compute_into their names in the contract.
///
/// For modules of languages that can write neither. The module may be a core module, as text as well, or a component.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel pack blur.wasm --manifest manifest.json
  sandpipe kernel pack kernel.wat --manifest manifest.json --output smooth.wasm")]
pub(in crate::cli) struct Pack {
    /// The module.
    module: PathBuf,
    /// The manifest, a file of JSON.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// Where the result goes, instead of in the module's place.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Pack {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let output = self.output.as_deref().unwrap_or(&self.module);
        pack(&self.module, Some(&self.manifest), output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Packs the file `module` with the manifest, or copies it where there is none.
pub(super) fn pack(
    module: &Path,
    manifest: Option<&Path>,
    output: &Path,
) -> Result<(), CommandError> {
    let argument = |text: String| CommandError::Argument(anyhow!(text));
    let mut packed = file::read_regular(module, MODULE_LIMIT)
        .map_err(|what| argument(format!("the module '{}' {what}", module.display())))?;
    if let Some(path) = manifest {
        let json = file::read_regular(path, MANIFEST_LIMIT)
            .map_err(|what| argument(format!("the manifest '{}' {what}", path.display())))?;
        packed = kernel::pack(packed, &json).map_err(|error| {
            argument(match &error {
                PackError::Manifest(_) => format!("the manifest '{}' {error}", path.display()),
                PackError::Module(_) => format!("the module '{}' {error}", module.display()),
            })
        })?;
    }
    let written = || format!("'{}' cannot be written", output.display());
    let mut part = PartFile::create(output)
        .with_context(written)
        .map_err(CommandError::Argument)?;
    part.write_all(&packed)
        .and_then(|()| part.finish())
        .with_context(written)
        .map_err(CommandError::Running)
}
