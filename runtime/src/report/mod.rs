//! Measurements and how they are shown.
//!
//! The lanes count into [`meter`]s, which cost a load and a store; [`Monitor`] holds all of them and makes
//! a [`RunReport`] at any moment; [`text`] and [`LiveTable`] show it.

mod clock;
pub mod graph;
mod histogram;
mod journal;
mod live;
pub mod meter;
mod monitor;
pub mod placement;
pub mod realtime;
pub mod summary;
pub mod text;

pub use clock::Clock;
pub use histogram::{Counts, Distribution, Recorder};
pub use live::LiveTable;
pub use monitor::{Entries, Monitor, SourceEntry, StageEntry, StreamEntry};
pub use summary::{
    Action, Exec, FaultReport, Latency, RecordedStreamReport, RecordingReport, RunReport,
    SinkReport, SourceReport, SourceStreamReport, StageReport, State, StreamReport,
};
