//! What can go wrong with a stream, as sentences for the user.

use std::io;

use super::guard::GuardError;
use crate::array::ArrayType;

/// A stream could not be made, opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The name cannot be a stream's name.
    #[error("{name:?} cannot be the name of a stream: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The dtype and shape cannot be those of a stream.
    #[error("stream '{name}' cannot hold {array}: {reason}")]
    Array {
        /// The stream.
        name: String,
        /// What it was to hold.
        array: ArrayType,
        /// Why it cannot.
        reason: String,
    },
    /// `slots` is smaller than the readers need, or larger than there can be.
    #[error(
        "stream '{name}' cannot have {given} slots: it needs at least {least} for its readers and at most {most} are possible"
    )]
    Slots {
        /// The stream.
        name: String,
        /// What was asked for.
        given: u32,
        /// One for each reader, one for a tool, the newest, and the one being written.
        least: u32,
        /// The limit of the format.
        most: u32,
    },
    /// There is not enough shared memory.
    #[error("stream '{name}' needs {needed} of shared memory, but {free} are free in {place}")]
    Space {
        /// The stream.
        name: String,
        /// Bytes, for a person.
        needed: String,
        /// Bytes, for a person.
        free: String,
        /// What is full: /dev/shm, the machine's memory, the control group.
        place: &'static str,
    },
    /// A run of sandpipe that is alive has a stream of this name.
    #[error(
        "stream '{name}' is in use by a sandpipe run, process {process}: stop that run, give this pipeline another `namespace`, or use `mode: attach` to join the stream"
    )]
    InUse {
        /// The stream.
        name: String,
        /// The run's process id.
        process: u32,
    },
    /// A stream that is to be removed belongs to a run that is alive.
    #[error(
        "stream '{name}' belongs to a sandpipe run, process {process}: stop that run, or use `--force` (the run then goes on with memory that nobody else can open)"
    )]
    Running {
        /// The stream.
        name: String,
        /// The run's process id.
        process: u32,
    },
    /// `mode: create`, but there is a stream of this name.
    #[error(
        "stream '{name}' exists already, made by process {creator}: remove it with `sandpipe stream remove {name}`, or use `mode: create_or_attach` or `mode: replace`"
    )]
    Exists {
        /// The stream.
        name: String,
        /// Who made it.
        creator: i64,
    },
    /// There is no stream of this name.
    #[error("there is no stream '{name}'")]
    Missing {
        /// The stream.
        name: String,
    },
    /// The stream that exists holds something else.
    #[error(
        "stream '{name}' exists and holds {found}, not {wanted}; it was made by process {creator}, {state}: change the configuration, or use `mode: replace`"
    )]
    Differs {
        /// The stream.
        name: String,
        /// What it holds.
        found: ArrayType,
        /// What was asked for.
        wanted: ArrayType,
        /// Who made it.
        creator: i64,
        /// `which is alive` or `which has ended`.
        state: &'static str,
    },
    /// A file of the stream is not what it should be, and so is not touched.
    #[error("stream '{name}' cannot be used: {path} {reason}")]
    Foreign {
        /// The stream.
        name: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The stream's lock is held for too long.
    #[error(
        "stream '{name}' is locked by process {holder} (0: not known): wait until it has finished with it, or stop it"
    )]
    Locked {
        /// The stream.
        name: String,
        /// What pyshmem's header says about the holder.
        holder: i64,
    },
    /// Somebody else writes the stream.
    #[error("stream '{name}' already has a writer, in process {process}")]
    Written {
        /// The stream.
        name: String,
        /// The writer's process id.
        process: u32,
    },
    /// Every place for a reader is taken.
    #[error("stream '{name}' has places for {places} readers and all are taken")]
    Readers {
        /// The stream.
        name: String,
        /// How many it has.
        places: u32,
    },
    /// A frame of the wrong size was given.
    #[error("a frame of stream '{name}' has {wanted} bytes, not {given}")]
    FrameSize {
        /// The stream.
        name: String,
        /// Bytes of a frame.
        wanted: usize,
        /// Bytes given.
        given: usize,
    },
    /// Nothing has been published.
    #[error("stream '{name}' holds no frame yet")]
    Empty {
        /// The stream.
        name: String,
    },
    /// The frame is not there any more.
    #[error("the frame of stream '{name}' was overwritten before it was read")]
    Overwritten {
        /// The stream.
        name: String,
    },
    /// A Python writer died or failed in the middle of the only frame.
    #[error(
        "the last write into stream '{name}' was not finished; it can be read again after the next one"
    )]
    Unfinished {
        /// The stream.
        name: String,
    },
    /// A mapped file was cut short by another process.
    #[error(
        "the memory of stream '{name}' was truncated by another process; restart the pipeline to make it anew"
    )]
    Damaged {
        /// The stream.
        name: String,
    },
    /// A mapping could not be guarded.
    #[error("stream '{name}': {error}")]
    Guard {
        /// The stream.
        name: String,
        /// Why.
        error: GuardError,
    },
    /// The operating system refused something.
    #[error("stream '{name}': cannot {action}: {error}")]
    System {
        /// The stream.
        name: String,
        /// What was tried, with the path.
        action: String,
        /// What the system said. Part of the sentence, so not its source: that would be told twice.
        error: io::Error,
    },
}

impl StreamError {
    /// The system refused `action` on the stream `name`.
    pub(super) fn system(
        name: &str,
        action: impl Into<String>,
        error: impl Into<io::Error>,
    ) -> StreamError {
        StreamError::System {
            name: name.to_owned(),
            action: action.into(),
            error: error.into(),
        }
    }
}
