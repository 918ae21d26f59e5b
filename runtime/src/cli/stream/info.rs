//! `sandpipe stream info`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::cli::error::CommandError;
use crate::cli::{Format, output};
use crate::stream::{self, Info, Mark};

/// Shows what is known about a stream.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe stream info wfs_image")]
pub(in crate::cli) struct Show {
    /// The stream, with its namespace.
    name: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Show {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let info = stream::info(&self.name).map_err(super::refused)?;
        match self.format {
            Format::Text => output::result(&text(&info))?,
            Format::Json => output::json(&super::object(&info))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(info: &Info) -> String {
    let mut text = format!("{}\n", info.name.escape_debug());
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    line("frame", info.array.to_string());
    line("state", super::state(info).to_owned());
    line("creator", format!("process {}", info.creator));
    line("count", format!("{} frames in pyshmem's place", info.count));
    line("frame id", info.frame_id.to_string());
    line("notify", if info.notify { "yes" } else { "no" }.to_owned());
    line("lock", info.lock.display().to_string());
    if let Some(other) = &info.other_lock {
        line(
            "conflict",
            format!(
                "process {} locks {} instead: start both with the same PYSHMEM_LOCK_DIR (or TMPDIR)",
                other.process,
                other.path.display()
            ),
        );
    }
    if info.write_sequence < 0 {
        line(
            "damage",
            "the last write was given up; the next one repairs it".to_owned(),
        );
    }
    if let Some(ring) = &info.ring {
        line(
            "ring",
            format!(
                "{} slots of {} bytes, {} frames published",
                ring.slots, ring.stride, ring.published
            ),
        );
        if let Some(mark) = ring.mark.filter(|mark| *mark != Mark::Fresh) {
            line(
                "newest",
                format!("{}, since its stage faulted", mark.name()),
            );
        }
        line(
            "readers",
            format!("{} of {}", ring.readers_attached, ring.readers),
        );
        if let Some(writer) = ring.writer {
            line("writer", format!("process {writer}"));
        }
    }
    text
}
