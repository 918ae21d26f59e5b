//! One instance of a kernel, with its windows mapped.

use wasmtime::component::TypedFunc;

use super::context::Context;
use super::contract::{World, types};
use super::deadline::Deadline;
use super::fault::{Cause, Fault};
use super::guest::Guest;
use super::limits::Limits;
use super::program::Program;
use super::windows::copies::Copies;
use super::windows::guest::GuestWindows;
use super::windows::layout::{Layout, lay_out};
use super::windows::{Access, Window};

type Outcome = (Result<(), types::Failure>,);

/// An instance of a kernel. It runs on one thread at a time.
pub struct Instance {
    // Dropped before the guest, whose memory the windows lie in.
    arrays: Arrays,
    guest: Guest,
    dead: bool,
}

enum Arrays {
    Mapped {
        windows: GuestWindows,
        compute_into: TypedFunc<(u64, u32), Outcome>,
    },
    Copied {
        copies: Copies,
        compute_into: wasmtime::component::Func,
    },
}

impl Instance {
    pub(super) fn open(
        program: &Program,
        context: &Context,
        windows: &[Window<'_>],
        limits: &Limits,
    ) -> Result<Instance, Fault> {
        check_windows(context, windows)?;
        let extents: Vec<_> = windows.iter().map(Window::extent).collect();
        let layout = lay_out(&extents).map_err(|error| {
            Fault::new(Cause::Host, format!("The windows do not fit: {error}."))
        })?;
        let (arrays, guest) = match program.world() {
            World::Mapped => open_mapped(program, context, windows, &layout, limits)?,
            World::Copied => open_copied(program, context, windows, limits)?,
        };
        let mut instance = Instance {
            arrays,
            guest,
            dead: false,
        };
        let outcome = instance.guest.stage_call(&program.exports().init, context);
        instance.settle(outcome)?;
        if let Arrays::Mapped { windows, .. } = &instance.arrays {
            windows.check_mark()?;
        }
        instance.guest.watch.set_deadline(limits.deadline);
        Ok(instance)
    }

    /// Computes one frame: `slots[i]` is the slot of window `i` that the guest finds through the frame table.
    ///
    /// # Errors
    /// Whatever the guest did wrong. After any fault but [`Cause::Failed`] the instance is dead, and further calls return
    /// [`Cause::Dead`]; open it again.
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<(), Fault> {
        if self.dead {
            return Err(Fault::new(
                Cause::Dead,
                "The kernel ended in a fault before; it has to be opened again.",
            ));
        }
        match &mut self.arrays {
            Arrays::Mapped {
                windows,
                compute_into,
            } => {
                windows.point_at(slots)?;
                self.guest.begin();
                let outcome = compute_into.call(&mut self.guest.store, (frame_id, windows.table()));
                let revoked = self.guest.watch.end();
                if matches!(outcome, Ok((Ok(()),))) && !windows.faulted() {
                    return Ok(());
                }
                self.settle_call(outcome, revoked)
            }
            Arrays::Copied {
                copies,
                compute_into,
            } => {
                copies.point_at(slots)?;
                self.guest.store.data_mut().outputs = copies.outputs.take();
                let (triggers, auxiliary) =
                    (&copies.trigger_frames[..], &copies.auxiliary_frames[..]);
                self.guest.begin();
                let outcome = compute_into
                    .typed::<(u64, &[Vec<u8>], &[Vec<u8>]), Outcome>(&self.guest.store)
                    .and_then(|typed| {
                        typed.call(&mut self.guest.store, (frame_id, triggers, auxiliary))
                    });
                let revoked = self.guest.watch.end();
                copies.outputs = self.guest.store.data_mut().outputs.take();
                let written = copies
                    .outputs
                    .as_ref()
                    .map_or(Ok(()), |outputs| outputs.check_written());
                match outcome {
                    Ok((Ok(()),)) => self.settle(written),
                    outcome => self.settle_call(outcome, revoked),
                }
            }
        }
    }

    /// A handle by which any thread can change the time that a call may take: to end a run without waiting for a guest.
    pub fn deadline(&self) -> Deadline {
        self.guest.watch.deadline()
    }

    /// Whether an earlier fault has ended this instance.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// The slow end of a call: anything but plain success.
    #[cold]
    fn settle_call(
        &mut self,
        outcome: wasmtime::Result<Outcome>,
        revoked: bool,
    ) -> Result<(), Fault> {
        let outcome = match outcome {
            Ok((outcome,)) => outcome.map_err(Fault::reported),
            Err(error) => Err(self.guest.explain(&error, revoked)),
        };
        self.settle(outcome)
    }

    /// Looks whether a window explains more than the call's own outcome, and whether the instance survives.
    fn settle(&mut self, outcome: Result<(), Fault>) -> Result<(), Fault> {
        let address = self.guest.take_fault_address();
        let trapped = matches!(&outcome, Err(fault) if fault.cause == Cause::Trap);
        let of_a_window = match &self.arrays {
            Arrays::Mapped { windows, .. } => windows
                .fault()
                .or_else(|| windows.illegal_store(address.filter(|_| trapped)?)),
            Arrays::Copied { copies, .. } => copies.fault(),
        };
        let outcome = of_a_window.map_or(outcome, Err);
        self.dead |= matches!(&outcome, Err(fault) if !matches!(fault.cause, Cause::Failed(_)));
        outcome
    }
}

/// Instantiates, reserves and maps, for the mapped world.
fn open_mapped(
    program: &Program,
    context: &Context,
    windows: &[Window<'_>],
    layout: &Layout,
    limits: &Limits,
) -> Result<(Arrays, Guest), Fault> {
    let block_bytes = layout.length;
    let (mut guest, memories) = Guest::start(program, context, limits, u64::from(block_bytes))?;
    // Loading has made sure that the program creates exactly one memory, so this is the one that its code uses.
    let ([memory], Some(reserve)) = (&memories[..], &program.exports().reserve) else {
        return Err(Fault::new(
            Cause::Host,
            "The kernel's memory was not found.",
        ));
    };
    let reserve = guest.function::<(u32,), (u32,)>(reserve)?;
    let (block,) = guest.call(|store| reserve.call(store, (block_bytes,)))?;
    let arrays = Arrays::Mapped {
        windows: GuestWindows::map(memory.clone(), block, layout, windows)?,
        compute_into: guest.function(&program.exports().compute_into)?,
    };
    Ok((arrays, guest))
}

/// Instantiates, and maps for the host alone, for the copied world.
fn open_copied(
    program: &Program,
    context: &Context,
    windows: &[Window<'_>],
    limits: &Limits,
) -> Result<(Arrays, Guest), Fault> {
    let (mut guest, _) = Guest::start(program, context, limits, 0)?;
    let compute_into = guest
        .function::<(u64, &[Vec<u8>], &[Vec<u8>]), Outcome>(&program.exports().compute_into)?;
    let arrays = Arrays::Copied {
        copies: Copies::map(context, windows)?,
        compute_into: *compute_into.func(),
    };
    Ok((arrays, guest))
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
