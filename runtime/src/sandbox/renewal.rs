//! A fresh instance in place of one that has grown: for the copied world.
//!
//! The runtimes of managed languages keep what they have not collected yet, and some of their tools leak: componentize-py 0.25.1 does
//! not free the inputs of a call. A kernel of this world keeps nothing that counts from frame to frame (it has no state arrays),
//! so between two frames the host may begin anew, long before the limit is met.

use wasmtime::component::Func;

use super::context::Context;
use super::executable::Executable;
use super::fault::Fault;
use super::guest::Guest;
use super::limits::Limits;

/// What it takes to begin anew.
pub(super) struct Renewal {
    executable: Executable,
    context: Context,
    limits: Limits,
    /// Bytes of memory from which on it is time.
    threshold: u64,
}

impl Renewal {
    pub fn new(executable: &Executable, context: &Context) -> Renewal {
        Renewal {
            executable: executable.clone(),
            context: context.clone(),
            limits: Limits::default(),
            threshold: u64::MAX,
        }
    }

    /// The guest is ready for its first frame: three quarters of what it may still grow by are its to use.
    pub fn begin(&mut self, guest: &Guest, limits: &Limits) {
        let room = limits.memory.saturating_sub(guest.memory_bytes());
        self.limits = *limits;
        self.threshold = limits.memory - room / 4;
        if room == 0 {
            self.threshold = u64::MAX;
        }
    }

    /// Between two frames: replaces the guest if it has grown so far. The deadline stays the stage's, whoever shortens it.
    pub fn renew(&self, guest: &mut Guest, compute_into: &mut Func) -> Result<(), Fault> {
        if guest.memory_bytes() < self.threshold {
            return Ok(());
        }
        let Limits {
            startup, deadline, ..
        } = self.limits;
        guest.watch.replace_deadline(deadline, startup);
        let mut fresh = guest.successor(&self.executable, &self.context, &self.limits)?;
        fresh.init(&self.context)?;
        *compute_into = fresh.copied()?;
        *guest = fresh;
        guest.watch.replace_deadline(startup, deadline);
        Ok(())
    }
}
