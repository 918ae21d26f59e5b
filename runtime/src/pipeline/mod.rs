//! Pipelines: from a checked configuration to running lanes.
//!
//! [`Plan`] holds a pipeline in which everything has been checked that can be checked without creating
//! anything. [`Run::start`] creates its streams, opens its kernels and starts its lanes; each lane is a pinned
//! thread that runs its workers, which are sources, stages, sinks and the intakes of outside streams.

mod awake;
mod build;
mod clocked;
mod control;
mod describe;
mod faulted;
mod feeding;
mod graph;
mod intake;
mod interrupts;
mod lane;
mod lanes;
mod lifecycle;
mod load;
mod matching;
mod opening;
mod output;
mod placement;
mod plan;
mod quarantine;
mod realtime;
mod reopen;
mod resume;
mod run;
mod sink;
mod solo;
mod source;
mod spec;
mod stage;
mod state;
mod supervision;
mod team;
mod trigger;
mod work;

pub use control::RunHandle;
pub use feeding::Feeding;
pub use graph::{Graph, Neighbours, Node};
pub use lanes::{Lane, Task, assign};
pub use plan::{Plan, PlannedStage, context};
pub use quarantine::{QuarantineDirectory, Record};
pub(crate) use realtime::{available as processors, pin};
pub use resume::Resume;
pub use run::{Run, RunOptions};
pub use solo::Solo;
