//! `sandpipe stream write`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Args;

use crate::cli::error::CommandError;
use crate::endpoint::npy;
use crate::stream;

/// Publishes one frame from a .npy file on a stream that nobody in a pipeline produces, as a Python writer would.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe stream write dark_frame dark.npy
  sandpipe stream write wfs_image frame.npy --frame-id 17")]
pub(in crate::cli) struct Write {
    /// The stream, with its namespace.
    name: String,
    /// The frame; dtype and shape must be the stream's.
    file: PathBuf,
    /// The number that goes with the frame.
    #[arg(long)]
    frame_id: Option<u64>,
}

impl Write {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let info = stream::info(&self.name).map_err(super::refused)?;
        let (array, frame) =
            npy::read(&self.file).map_err(|error| CommandError::Argument(error.into()))?;
        if array != info.array {
            return Err(CommandError::Argument(anyhow!(
                "{} holds {array}, but the frames of stream '{}' are {}",
                self.file.display(),
                self.name,
                info.array
            )));
        }
        stream::write_frame(&self.name, &frame, self.frame_id).map_err(super::refused)?;
        Ok(ExitCode::SUCCESS)
    }
}
