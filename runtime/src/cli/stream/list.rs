//! `sandpipe stream list`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::error::CommandError;
use crate::cli::{Format, output};
use crate::report::text::columns;
use crate::stream;

/// Lists the streams of this user.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe stream list
  sandpipe stream list --format json")]
pub(in crate::cli) struct List {
    /// How to print the list.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl List {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let streams = stream::list().map_err(|error| CommandError::Running(error.into()))?;
        match self.format {
            Format::Json => {
                let objects: Vec<Value> = streams.iter().map(super::object).collect();
                output::json(&json!({ "streams": objects }))?;
            }
            Format::Text => {
                let mut rows = vec![
                    ["stream", "dtype", "shape", "state", "frames"]
                        .map(str::to_owned)
                        .to_vec(),
                ];
                rows.extend(streams.iter().map(|info| {
                    vec![
                        info.name.escape_debug().to_string(),
                        info.array.dtype.to_string(),
                        format!("{:?}", info.array.shape),
                        super::state(info).to_owned(),
                        info.ring
                            .as_ref()
                            .map_or(info.count, |ring| ring.published)
                            .to_string(),
                    ]
                }));
                output::result(&columns(&rows, 4))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
