//! Ends a bench from another thread, whichever of its runs is running.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;

use crate::pipeline::RunHandle;

/// Shared by the bench and whoever may end it.
#[derive(Clone, Default)]
pub struct Interruption(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    interrupted: bool,
    run: Option<RunHandle>,
}

impl Interruption {
    /// Ends the run that is running and lets no other start.
    pub fn interrupt(&self) {
        let mut inner = self.lock();
        inner.interrupted = true;
        if let Some(run) = &inner.run {
            run.interrupt();
        }
    }

    /// Whether somebody has ended the bench.
    pub fn is_interrupted(&self) -> bool {
        self.lock().interrupted
    }

    /// # Errors
    /// Somebody has ended the bench.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.is_interrupted() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// A handle for the next run, which is interrupted already if the bench is.
    pub(super) fn next_run(&self) -> RunHandle {
        let mut inner = self.lock();
        let handle = inner.run.insert(RunHandle::new()).clone();
        if inner.interrupted {
            handle.interrupt();
        }
        handle
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
