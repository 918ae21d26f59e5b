//! One instance of a kernel, wherever it runs.

use super::child::remote::RemoteInstance;
use super::context::Context;
use super::deadline::Deadline;
use super::fault::{Cause, Fault};
use super::limits::Limits;
use super::local::Local;
use super::program::Runs;
use super::windows::layout::lay_out;
use super::windows::{Access, Window};

/// An instance of a kernel. It runs on one thread at a time.
pub struct Instance(Kind);

enum Kind {
    Local(Box<Local>),
    Remote(Box<RemoteInstance>),
}

impl Instance {
    pub(super) fn open(
        runs: &Runs,
        context: &Context,
        windows: &[Window<'_>],
        limits: &Limits,
    ) -> Result<Instance, Fault> {
        check_windows(context, windows)?;
        let extents: Vec<_> = windows.iter().map(Window::extent).collect();
        let layout = lay_out(&extents).map_err(|error| {
            Fault::new(Cause::Host, format!("The windows do not fit: {error}."))
        })?;
        Ok(Instance(match runs {
            Runs::Here(executable) => Kind::Local(Box::new(Local::open(
                executable, context, windows, &layout, limits,
            )?)),
            Runs::InChildren(program) => {
                Kind::Remote(Box::new(program.open(context, windows, &layout, limits)?))
            }
        }))
    }

    /// Computes one frame: `slots[i]` is the slot of window `i` that the guest finds through the frame table. Returns when the call
    /// began, in nanoseconds of CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// Whatever the guest did wrong. After any fault but [`Cause::Failed`] the instance is dead, and further calls return
    /// [`Cause::Dead`]; open it again.
    #[inline]
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<u64, Fault> {
        match &mut self.0 {
            Kind::Local(local) => local.compute_into(frame_id, slots),
            Kind::Remote(remote) => remote.compute_into(frame_id, slots),
        }
    }

    /// A handle by which any thread can change the time that a call may take: to end a run without waiting for a guest.
    pub fn deadline(&self) -> Deadline {
        match &self.0 {
            Kind::Local(local) => local.deadline(),
            Kind::Remote(remote) => remote.deadline(),
        }
    }

    /// Bytes of linear memory that the guest has now, its windows included; unknown where it runs in a process of its own.
    pub fn memory_bytes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Local(local) => Some(local.memory_bytes()),
            Kind::Remote(_) => None,
        }
    }

    /// Whether an earlier fault has ended this instance.
    pub fn is_dead(&self) -> bool {
        match &self.0 {
            Kind::Local(local) => local.is_dead(),
            Kind::Remote(remote) => remote.is_dead(),
        }
    }
}

/// The caller's part of the contract: one window for each array, with the right access.
fn check_windows(context: &Context, windows: &[Window<'_>]) -> Result<(), Fault> {
    let read = context.trigger_inputs.len() + context.auxiliary_inputs.len();
    let wanted = std::iter::repeat_n(Access::Read, read)
        .chain(std::iter::repeat_n(Access::Write, context.outputs.len()))
        .chain(
            context
                .state
                .iter()
                .flat_map(|_| [Access::Read, Access::Write]),
        );
    if windows.iter().map(|window| window.access).eq(wanted) {
        return Ok(());
    }
    Err(Fault::new(
        Cause::Host,
        format!(
            "Stage {:?} needs a window for each of its {read} inputs and {} outputs, and two for each of its {} state arrays, in \
             that order and with matching access; it got {}.",
            context.name,
            context.outputs.len(),
            context.state.len(),
            windows.len()
        ),
    ))
}
