//! `sandpipe stream read`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::error::CommandError;
use crate::endpoint::npy;
use crate::stream;

/// Copies the newest frame of a stream to a .npy file.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe stream read dm_command -o command.npy")]
pub(in crate::cli) struct Read {
    /// The stream, with its namespace.
    name: String,
    /// The file.
    #[arg(short, long, value_name = "F.npy")]
    output: PathBuf,
}

impl Read {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let frame = stream::read_frame(&self.name).map_err(super::refused)?;
        npy::write(&self.output, &frame.array, &frame.bytes)
            .map_err(|error| CommandError::Argument(error.into()))?;
        Ok(ExitCode::SUCCESS)
    }
}
