//! `sandpipe stream remove`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::error::CommandError;
use crate::stream;

/// Removes streams. Whoever has one open keeps its memory, but nobody finds it any more.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe stream remove old_stream
  sandpipe stream remove wfs_image dm_command --force")]
pub(in crate::cli) struct Remove {
    /// The streams, with their namespace.
    #[arg(required = true)]
    names: Vec<String>,
    /// Also streams of a pipeline that is running.
    #[arg(long)]
    force: bool,
}

impl Remove {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        // Each is tried; the first that cannot be removed is the one that is told.
        let removed = self
            .names
            .iter()
            .map(|name| stream::remove(name, self.force));
        let failed: Vec<_> = removed.filter_map(Result::err).collect();
        match failed.into_iter().next() {
            Some(error) => Err(super::refused(error)),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}
