//! `sandpipe stream …`: the shared-memory streams of this user, those of pyshmem included.

mod info;
mod list;
mod read;
mod remove;
mod write;

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::error::CommandError;
use crate::stream::{Info, Mark, StreamError};

/// Lists, shows, reads, writes and removes shared-memory streams, those of pyshmem included.
#[derive(Subcommand)]
pub(super) enum Stream {
    List(list::List),
    Info(info::Show),
    Read(read::Read),
    Write(write::Write),
    Remove(remove::Remove),
}

impl Stream {
    pub(super) fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::List(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Read(command) => command.run(),
            Self::Write(command) => command.run(),
            Self::Remove(command) => command.run(),
        }
    }
}

/// A stream that an argument names cannot be used so.
fn refused(error: StreamError) -> CommandError {
    CommandError::Argument(error.into())
}

/// The state of a stream in a word or two.
fn state(info: &Info) -> &'static str {
    match &info.ring {
        Some(ring) if ring.run_alive => "running",
        Some(_) => "left by a run that is dead",
        None if info.creator_alive => "pyshmem",
        None => "pyshmem, creator gone",
    }
}

fn object(info: &Info) -> Value {
    json!({
        "name": info.name,
        "dtype": info.array.dtype.numpy_name(),
        "shape": info.array.shape,
        "state": state(info),
        "creator_pid": info.creator,
        "creator_alive": info.creator_alive,
        "notify": info.notify,
        "count": info.count,
        "write_sequence": info.write_sequence,
        "frame_id": info.frame_id,
        "written_s": info.written,
        "lock": info.lock.to_string_lossy(),
        "other_lock": info.other_lock.as_ref().map(|other| json!({
            "pid": other.process,
            "path": other.path.to_string_lossy(),
        })),
        "ring": info.ring.as_ref().map(|ring| json!({
            "run_alive": ring.run_alive,
            "slots": ring.slots,
            "slot_bytes": ring.stride,
            "readers": ring.readers,
            "readers_attached": ring.readers_attached,
            "published": ring.published,
            "mark": ring.mark.map(Mark::name),
            "closed": ring.closed,
            "writer_pid": ring.writer,
        })),
    })
}
