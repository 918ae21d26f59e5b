//! Endpoints: where frames come from and where they go.
//!
//! ```text
//! Config ──plan_sources, plan_sinks, check_initial──▶ plans ──open──▶ Source, Sink
//! ```
//!
//! A plan is checked in full (parameters, files, directories) and has created nothing; what it is opened to runs in
//! the thread of the pipeline that asks it for frames or hands it frames, always as bytes in private memory.

use std::time::{Duration, Instant};

mod elements;
mod initial;
pub mod npy;
mod null;
mod pace;
mod parameters;
mod part;
mod pattern;
mod plan;
mod recording;
mod replay;
mod spec;
mod synthetic;

pub use initial::{check_initial, initial_frame};
/// Why a source or a sink cannot go on: all that can fail is a file.
pub use npy::NpyError as EndpointError;
pub use part::PartFile;
pub use plan::{PlannedSink, PlannedSource, plan_sinks, plan_sources};
pub use spec::SourceSpec;

/// What became of the request for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// The frame was written.
    Frame {
        /// Frames that the source's rate would have given since the one before, but nobody asked for in time. They
        /// are not caught up.
        missed: u64,
    },
    /// There is no frame before this point in time. Ask again then.
    NotBefore(Instant),
    /// There will never be another frame.
    End,
}

/// Gives frames.
pub trait Source: Send {
    /// Writes the next frame into `frame`, which has the size of one frame of the stream and may hold anything. It
    /// does not wait: a source with a rate says when to come back.
    ///
    /// # Panics
    /// `frame` has another size.
    ///
    /// # Errors
    /// What ends the run: a file that can no longer be read.
    fn next(&mut self, frame: &mut [u8]) -> Result<Produced, EndpointError>;

    /// Every frame that is still to come is due so much later: the pipeline was paused.
    fn delay(&mut self, by: Duration);
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
    /// Takes one frame of the stream.
    ///
    /// # Errors
    /// What ends the run: a disk that is full.
    fn consume(&mut self, frame: &[u8]) -> Result<Consumed, EndpointError>;

    /// Called once, after the last frame, also where the run failed: what was taken so far is made permanent.
    ///
    /// # Errors
    /// It could not be.
    fn finish(&mut self) -> Result<(), EndpointError>;
}
