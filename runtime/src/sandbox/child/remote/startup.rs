//! The steps before the first frame.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::instance::RemoteInstance;
use crate::sandbox::child::Confinement;
use crate::sandbox::child::channel::{FILES, ReceiveError};
use crate::sandbox::child::messages::{Said, Step, WindowFiles};
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::text::clean;
use crate::sandbox::windows::{Access, Window};

/// For what a child does before the kernel's code runs and between: milliseconds, on a machine that is not in trouble.
const START: Duration = Duration::from_secs(20);
/// The watchdog ends the wait for a kernel; this is only for a sum that has to be a point in time.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// Whose time a step takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The kernel's: its `startup` limit holds.
    Guest,
    /// Ours.
    Ours,
}

impl RemoteInstance {
    /// Waits until the child has come so far.
    pub(super) fn step(&mut self, wanted: Step, whose: Whose) -> Result<(), Fault> {
        let limit = match whose {
            Whose::Guest => NEVER,
            Whose::Ours => START,
        };
        // The watchdog kills a child whose kernel takes too long.
        if whose == Whose::Guest {
            self.watch.begin();
        }
        let outcome = self.reach(wanted, Instant::now() + limit);
        if whose == Whose::Guest && self.watch.end() {
            return Err(self.end(Fault::late()));
        }
        outcome
    }

    fn reach(&mut self, wanted: Step, until: Instant) -> Result<(), Fault> {
        loop {
            return match self.hear(until) {
                Ok(Said::Step(step)) if step == wanted => Ok(()),
                Ok(Said::Fault(cause, message)) => Err(self.judge(cause, &message)),
                Ok(Said::Missing(what)) if !self.told => {
                    self.told = true;
                    self.unconfined(&clean(&what, 500))?;
                    continue;
                }
                Err(ReceiveError::Late) => Err(self.end(Fault::new(
                    Cause::Host,
                    format!("A process for the kernel did not start within {START:?}."),
                ))),
                Err(ReceiveError::Ended) => Err(self.ended()),
                Ok(_) | Err(ReceiveError::Garbage(_)) => Err(self.died()),
            };
        }
    }

    /// The machine lacks something of the confinement.
    fn unconfined(&mut self, what: &str) -> Result<(), Fault> {
        if self.confinement == Confinement::Available {
            tracing::warn!("the process of a kernel is not confined fully; missing: {what}");
            return Ok(());
        }
        Err(self.end(Fault::new(
            Cause::Host,
            format!(
                "This machine does not offer all that confines a kernel's process; missing: {what}. Use `isolation: thread`, or \
                 allow what there is with `--confinement available`."
            ),
        )))
    }

    /// Gives the windows' files to the child: inputs opened anew for reading alone, so that it cannot map them writable.
    pub(super) fn send(&mut self, windows: &[Window<'_>]) -> Result<(), Fault> {
        let files = windows
            .iter()
            .enumerate()
            .map(|(index, window)| {
                let file = match window.access {
                    Access::Read => read_only(window.file),
                    Access::Write => window.file.try_clone_to_owned(),
                };
                file.map_err(|error| {
                    Fault::new(
                        Cause::Host,
                        format!("Window {index} cannot be opened: {error}."),
                    )
                })
            })
            .collect::<Result<Vec<OwnedFd>, Fault>>()?;
        for some in files.chunks(FILES) {
            let some: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
            // If the child is gone already, the next step says how.
            let _ = self.child.channel.send(&WindowFiles, &some);
        }
        Ok(())
    }
}

/// Opens a file anew, for reading alone.
fn read_only(file: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}
