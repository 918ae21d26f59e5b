//! Recordings: what happened in a run, in an MCAP file, and the same again out of it.
//!
//! ```text
//!                                    ┌── recorder's thread ──┐            ┌── writer's thread ──┐
//!  stream's ring ──────── Tap ──────▶│ copies what is new    │──buffers──▶│ chunks              │──▶ run.mcap
//!  stage's lane ──CallLog─CallQueue─▶│ into buffers of a     │            │                     │
//!  stage's state ──────StateWatch───▶│ pool, or counts it    │◀───────────│ gives buffers back  │
//!                                    └───────────────────────┘            └─────────────────────┘
//! ```
//!
//! - [`Recorder`] records a run; [`RecordingOptions`] say where to and how much.
//! - [`CallLog`] is what a lane notes each call of a stage in, so that the call can be repeated.
//! - [`Recording`] is such a file, checked.
//!
//! The recorder's thread looks at the streams by the clock and is woken by nobody, so a lane does nothing for it but note its calls.

mod calls;
mod disk;
mod file;
mod format;
mod lengths;
mod pool;
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
