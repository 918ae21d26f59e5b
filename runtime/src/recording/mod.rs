//! Recordings: what happened in a run, in an MCAP file, and the same again out of it.
//!
//! ```text
//!                                    ┌────── recorder's thread ──────┐           ┌── writer's thread ──┐
//!  stream's ring ──────── Tap ──────▶│ copies what is new to where   │──blocks──▶│ writes them past    │──▶ run.mcap
//!  stage's lane ──CallLog─CallQueue─▶│ it will lie in the file, and  │           │ the page cache, and │
//!  stage's state ──────StateWatch───▶│ makes chunks of it            │◀──────────│ gives them back     │
//!                                    └───────────────────────────────┘           └─────────────────────┘
//! ```
//!
//! - [`Recorder`] records a run; [`RecordingOptions`] say where to and how much.
//! - [`CallLog`] is what a lane notes each call of a stage in, so that the call can be repeated.
//! - [`Recording`] is such a file, checked.
//!
//! The recorder's thread looks at the streams by the clock and is woken by nobody, so a lane does nothing for it but note its calls.

mod block;
mod calls;
mod container;
mod disk;
mod file;
mod format;
mod frames;
mod lengths;
mod recorder;
mod records;
mod survey;
mod taker;
mod writer;

pub use calls::{CallLog, CallQueue, StateWatch, calls};
pub use file::{Batch, FrameEntry, RecordedStage, RecordedStream, Recording, Snapshot};
pub use format::{Call, Outcome};
pub use recorder::{Recorder, RecordingOptions, StageSubject, StreamSubject};
pub use records::RecordingError;
