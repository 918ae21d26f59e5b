//! Endpoints: where frames come from and where they go.
//!
//! ```text
//! Config ──plan_sources, plan_sinks, check_initial──▶ plans ──open──▶ Source, Sink
//! ```
//!
//! A plan is checked in full (parameters, files, directories) and has created nothing; what it is opened to runs in
//! the thread of the pipeline that asks it for frames or hands it frames, always as bytes in private memory.

use std::time::{Duration, Instant};

use crate::stream::WaitWord;

mod array_file;
mod elements;
mod error;
pub mod fits;
mod frame_set;
mod initial;
pub mod npy;
mod null;
mod pace;
mod parameters;
mod part;
mod pattern;
mod plan;
mod pyshmem;
mod recording;
mod replay;
mod spec;
mod synthetic;

pub use array_file::FileError;
pub use error::EndpointError;
pub use initial::{check_initial, initial_frame};
pub(crate) use pace::{Pace, Tick};
pub use part::PartFile;
pub use plan::{PlannedSink, PlannedSource, plan_sinks, plan_sources};
pub use spec::SourceSpec;

/// What became of the request for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// A frame was written.
    Frame {
        /// For which of the source's streams, in the order of its configuration.
        output: usize,
        /// The number that it carries; `None`: which frame of its stream it is, from 1.
        frame_id: Option<u64>,
        /// Frames that the source's rate would have given since the one before, but nobody asked for in time. They
        /// are not caught up.
        missed: u64,
    },
    /// The frame of this stream is lost, as a camera loses one: nothing was written.
    Lost {
        /// Which of the source's streams.
        output: usize,
    },
    /// There is no frame before this point in time. Ask again then.
    NotBefore(Instant),
    /// There is no frame until one of [`Source::words`] has changed. Ask again then.
    Nothing,
    /// There will never be another frame.
    End,
}

/// Gives frames, to one stream or to several.
///
/// A *generation* is a frame of each stream, in their order; one may be lost. Runs that end after so many frames count the
/// generations that have begun: those whose frame of the first stream was given or lost.
pub trait Source: Send {
    /// Writes the next frame into the one of `frames` that belongs to its stream. There is one for each stream, of the size of a
    /// frame, and it may hold anything. It does not wait: a source with a rate says when to come back.
    ///
    /// # Panics
    /// There are not as many `frames` as streams, or one has another size.
    ///
    /// # Errors
    /// What ends the run: a file that can no longer be read.
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError>;

    /// Adds the words that change when there may be a frame after [`Produced::Nothing`].
    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        let _ = words;
    }

    /// Every frame that is still to come is due so much later: the pipeline was paused.
    fn delay(&mut self, by: Duration);

    /// Whether it gives a frame of every stream in turn, which are one generation; or else each frame by itself.
    fn has_generations(&self) -> bool {
        true
    }

    /// Told before [`Source::next`], where each frame is by itself: which of its streams have room for one. It may give one of those only.
    fn offer(&mut self, free: &[bool]) {
        let _ = free;
    }
}

/// When a sink takes another frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// At once.
    Ready,
    /// Not before this point in time: the device is busy so long.
    BusyUntil(Instant),
}

/// Takes frames.
pub trait Sink: Send {
    /// Takes one frame of the stream, which carries this number.
    ///
    /// # Errors
    /// What ends the run: a disk that is full.
    fn consume(&mut self, frame: &[u8], frame_id: u64) -> Result<Consumed, EndpointError>;

    /// Called when there is nothing else to do: does what was left for later. If some is still left: when to try again.
    fn settle(&mut self) -> Option<Duration> {
        None
    }

    /// Called once, after the last frame, also where the run failed: what was taken so far is made permanent.
    ///
    /// # Errors
    /// It could not be.
    fn finish(&mut self) -> Result<(), EndpointError>;
}
