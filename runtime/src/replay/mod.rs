//! Replays: the calls of a recorded run once more.
//!
//! [`verify`] repeats every call of a recording with the frames that it took then, and compares what comes out with what was recorded,
//! bit for bit. It is a function of the recording and the modules: no streams, no lanes, no clock. [`feed`] gives the frames of the
//! recording to a pipeline that runs.

mod calls;
mod checked;
mod difference;
mod feed;
mod frames;
mod outcome;
mod playback;
mod stage;
mod start;
mod verify;

pub use checked::{Checked, Unfit, largest};
pub use difference::Difference;
pub use feed::{FeedError, feed, resume};
pub use outcome::{Outcome, StageOutcome, StreamOutcome};
pub use playback::{Playback, Speed};
pub use start::Start;
pub use verify::verify;
