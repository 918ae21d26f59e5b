//! What is needed to open an instance of a stage: at the start of a run, and again after a fault.

use std::sync::Arc;

use super::control::{RunHandle, WatchKey};
use crate::sandbox::{
    Access, Context, Fault, Instance, Limits, Program, Window, observe_deadlines,
};
use crate::stream::{PrivateRing, Stream};

/// The memory that a window shows.
#[derive(Clone)]
pub enum Memory {
    /// The ring of a stream.
    Ring(Arc<Stream>),
    /// A sealed output, a state array, an array of a kernel that runs alone.
    Private(Arc<PrivateRing>),
}

impl Memory {
    /// The window that shows it.
    pub fn window(&self, access: Access) -> Window<'_> {
        let ring = match self {
            Memory::Ring(stream) => stream.ring(),
            Memory::Private(memory) => memory.ring(),
        };
        Window {
            file: ring.file,
            offset: ring.offset,
            stride: ring.stride,
            slots: ring.slots,
            bytes: ring.bytes,
            access,
        }
    }
}

/// One window of a stage.
pub struct Shown {
    /// What a report calls it.
    pub name: String,
    /// What it shows.
    pub memory: Memory,
    /// Whether the guest may write to it.
    pub access: Access,
}

/// Everything that makes the instances of one stage. Opening may take as long as `limits.startup` says several times over, and
/// longer where a process is started for it.
pub struct Opening {
    /// The compiled kernel.
    pub program: Program,
    /// What the guest of part 0 is told.
    pub context: Context,
    /// What it may use.
    pub limits: Limits,
    /// What it sees, in frame-table order.
    pub windows: Vec<Shown>,
    /// The index of the stage, by which whoever stops the run finds its guests.
    pub stage: usize,
    /// The run.
    pub run: RunHandle,
}

impl Opening {
    /// Opens a fresh instance of a part. Its start, as its calls later, is cut short when the run is stopped.
    ///
    /// # Errors
    /// Whatever the guest does wrong meanwhile, or what the system refuses.
    pub fn open(&self, part: u32) -> Result<Instance, Fault> {
        let windows = self.windows.iter();
        let windows: Vec<Window<'_>> = windows
            .map(|shown| shown.memory.window(shown.access))
            .collect();
        let context = self.context.of_part(part);
        let (run, key): (_, WatchKey) = (self.run.clone(), (self.stage, part));
        observe_deadlines(
            move |deadline| run.watch(key, deadline),
            || self.program.open(&context, &windows, &self.limits),
        )
    }
}
