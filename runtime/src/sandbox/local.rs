//! One instance of a kernel in this process, with its windows mapped.

use super::abi::Outcome;
use super::context::Context;
use super::contract::World;
use super::deadline::Deadline;
use super::executable::Executable;
use super::fault::{Cause, Fault};
use super::functions::ComputeInto;
use super::guest::Guest;
use super::limits::Limits;
use super::memory::GuestMemory;
use super::renewal::Renewal;
use super::windows::Window;
use super::windows::copies::Copies;
use super::windows::guest::GuestWindows;
use super::windows::layout::Layout;
use super::windows::mapping::Mapping;

/// An instance of a kernel. It runs on one thread at a time.
pub(super) struct Local {
    // Dropped before the guest, whose memory the windows lie in.
    arrays: Arrays,
    guest: Guest,
    dead: bool,
}

enum Arrays {
    Mapped {
        windows: GuestWindows,
        compute_into: ComputeInto,
    },
    Copied {
        copies: Copies,
        compute_into: wasmtime::component::Func,
        renewal: Box<Renewal>,
    },
}

/// An instance on its way: instantiated, and then its block reserved.
pub(super) struct Opening<'a> {
    executable: &'a Executable,
    context: &'a Context,
    layout: &'a Layout,
    guest: Guest,
    memories: Vec<GuestMemory>,
    /// The guest's answer to `reserve`; none in the copied world.
    block: Option<u32>,
}

impl<'a> Opening<'a> {
    /// Instantiates.
    pub fn start(
        executable: &'a Executable,
        context: &'a Context,
        layout: &'a Layout,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let block_bytes = match executable.world {
            World::Mapped => layout.length,
            World::Copied => 0,
        };
        let (guest, memories) = Guest::start(executable, context, limits, u64::from(block_bytes))?;
        Ok(Opening {
            executable,
            context,
            layout,
            guest,
            memories,
            block: None,
        })
    }

    /// Lets the guest reserve a block for its windows, if it is of the mapped world.
    pub fn reserve(&mut self) -> Result<(), Fault> {
        self.block = self.guest.reserve(self.layout.length)?;
        Ok(())
    }

    /// Gives it the windows: in its block, or, for the copied world, to the host alone.
    pub fn place(mut self, windows: Vec<Mapping>) -> Result<Local, Fault> {
        let arrays = match (self.executable.world, self.block, &self.memories[..]) {
            // Compiling has made sure that the program creates exactly one memory, so this is the one that its code uses.
            (World::Mapped, Some(block), [memory]) => Arrays::Mapped {
                windows: GuestWindows::place(memory.clone(), block, self.layout, windows)?,
                compute_into: self.guest.mapped()?,
            },
            (World::Mapped, ..) => {
                return Err(Fault::new(
                    Cause::Host,
                    "The kernel's memory was not found.",
                ));
            }
            (World::Copied, ..) => Arrays::Copied {
                copies: Copies::new(self.context, windows)?,
                compute_into: self.guest.copied()?,
                renewal: Box::new(Renewal::new(self.executable, self.context)),
            },
        };
        Ok(Local {
            arrays,
            guest: self.guest,
            dead: false,
        })
    }
}

impl Local {
    /// Makes an instance: maps, instantiates, reserves, places, initialises.
    pub fn open(
        executable: &Executable,
        context: &Context,
        windows: &[Window<'_>],
        layout: &Layout,
        limits: &Limits,
    ) -> Result<Local, Fault> {
        let mapped = Mapping::all(windows)?;
        let mut opening = Opening::start(executable, context, layout, limits)?;
        opening.reserve()?;
        let mut local = opening.place(mapped)?;
        local.init(context, limits)?;
        Ok(local)
    }

    /// Calls the kernel's `init`.
    pub fn init(&mut self, context: &Context, limits: &Limits) -> Result<(), Fault> {
        let outcome = self.guest.init(context);
        self.settle(outcome)?;
        match &mut self.arrays {
            Arrays::Mapped { windows, .. } => windows.check_mark()?,
            Arrays::Copied { renewal, .. } => renewal.begin(&self.guest, limits),
        }
        self.guest.watch.set_deadline(limits.deadline);
        Ok(())
    }

    /// Computes one frame: `slots[i]` is the slot of window `i` that the guest finds through the frame table. Returns when the call
    /// began, in nanoseconds of CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// Whatever the guest did wrong. After any fault but [`Cause::Failed`] the instance is dead, and further calls return
    /// [`Cause::Dead`]; open it again.
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<u64, Fault> {
        if self.dead {
            return Err(Fault::dead());
        }
        match &mut self.arrays {
            Arrays::Mapped {
                windows,
                compute_into,
            } => {
                windows.point_at(slots)?;
                let begun = self.guest.begin();
                let outcome = compute_into.call(&mut self.guest.store, frame_id, windows.table());
                let revoked = self.guest.watch.end();
                if matches!(outcome, Ok(Ok(()))) && !windows.faulted() {
                    return Ok(begun);
                }
                self.settle_call(outcome, revoked).map(|()| begun)
            }
            Arrays::Copied {
                copies,
                compute_into,
                renewal,
            } => {
                copies.point_at(slots)?;
                self.guest.store.data_mut().outputs = copies.outputs.take();
                let (triggers, auxiliary) =
                    (&copies.trigger_frames[..], &copies.auxiliary_frames[..]);
                let begun = self.guest.begin();
                let outcome = compute_into
                    .typed::<(u64, &[Vec<u8>], &[Vec<u8>]), (Outcome,)>(&self.guest.store)
                    .and_then(|typed| {
                        let (outcome,) =
                            typed.call(&mut self.guest.store, (frame_id, triggers, auxiliary))?;
                        Ok(outcome)
                    });
                let revoked = self.guest.watch.end();
                copies.outputs = self.guest.store.data_mut().outputs.take();
                let written = copies
                    .outputs
                    .as_ref()
                    .map_or(Ok(()), |outputs| outputs.check_written());
                let outcome = match outcome {
                    Ok(Ok(())) => {
                        let renewed =
                            written.and_then(|()| renewal.renew(&mut self.guest, compute_into));
                        self.settle(renewed)
                    }
                    outcome => self.settle_call(outcome, revoked),
                };
                outcome.map(|()| begun)
            }
        }
    }

    /// A handle by which any thread can change the time that a call may take: to end a run without waiting for a guest.
    pub fn deadline(&self) -> Deadline {
        self.guest.watch.deadline()
    }

    /// Bytes of linear memory that the guest has now.
    pub fn memory_bytes(&self) -> u64 {
        self.guest.memory_bytes()
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
            Ok(outcome) => outcome.map_err(Fault::reported),
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
