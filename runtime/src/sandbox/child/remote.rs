//! A kernel that runs in a child, seen from the parent.
//!
//! The parent keeps everything that counts: which frame is next, the deadline (the watchdog kills the child), the slots, the
//! windows' files. It takes from the child an answer to each turn and, off the path of frames, messages; what they say is
//! checked, cut and cleaned like what a guest says.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::channel::{FILES, ReceiveError};
use super::confine::Bounds;
use super::control::{Answer, Control};
use super::messages::{Order, Said, Start, Step, WindowFiles};
use super::spawn::{Child, Killer};
use super::{Confinement, Role, sealed};
use crate::sandbox::admission::LoadError;
use crate::sandbox::code::Code;
use crate::sandbox::contract::World;
use crate::sandbox::deadline::{Deadline, Stop, Watch};
use crate::sandbox::engine::Inner;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::host::Log;
use crate::sandbox::text::clean;
use crate::sandbox::windows::layout::Layout;
use crate::sandbox::windows::{Access, Source, Window, illegal_write, no_such_slot, wrong_slots};
use crate::sandbox::{Context, Limits};
use crate::stream::wait;

/// For what a child does before the kernel's code runs and between: milliseconds, on a machine that is not in trouble.
const START: Duration = Duration::from_secs(20);
/// How long a child that has answered that it faulted may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What a lane spins for before it sleeps until the answer.
const SPIN: Duration = Duration::from_micros(50);
/// Messages that are read after one call.
const MESSAGES: usize = 256;
/// Memory that a child needs beside the kernel's.
const HEAP: u64 = 64 << 20;

/// A program whose instances run in children.
pub(in crate::sandbox) struct Remotely {
    engine: Arc<Inner>,
    code: OwnedFd,
    code_bytes: u64,
    world: World,
}

impl Remotely {
    /// Keeps the code for children. Nothing of it is loaded into this process.
    pub fn new(engine: &Arc<Inner>, code: &Code, world: World) -> Result<Remotely, LoadError> {
        Ok(Remotely {
            engine: Arc::clone(engine),
            code: sealed::sealed("sandpipe-code", &code.0).map_err(|error| {
                LoadError::new(format!("The compiled module cannot be kept: {error}."))
            })?,
            code_bytes: code.0.len() as u64,
            world,
        })
    }

    /// Asks the kernel, in a child of its own, whether it can run in this place.
    pub fn validate_config(&self, context: &Context, limits: &Limits) -> Result<(), Fault> {
        let mut remote = self.start(context, None, limits)?;
        remote.step(Step::Instantiated, Whose::Guest)?;
        remote.step(Step::Ready, Whose::Guest)
    }

    /// Makes an instance.
    pub fn open(
        &self,
        context: &Context,
        windows: &[Window<'_>],
        layout: &Layout,
        limits: &Limits,
    ) -> Result<Remote, Fault> {
        let mut remote = self.start(context, Some((windows, layout)), limits)?;
        remote.step(Step::Instantiated, Whose::Guest)?;
        remote.step(Step::Reserved, Whose::Guest)?;
        remote.send(windows)?;
        remote.step(Step::Mapped, Whose::Ours)?;
        remote.step(Step::Ready, Whose::Guest)?;
        remote.watch.set_deadline(limits.deadline);
        Ok(remote)
    }

    /// Starts a child and gives it the code.
    fn start(
        &self,
        context: &Context,
        windows: Option<(&[Window<'_>], &Layout)>,
        limits: &Limits,
    ) -> Result<Remote, Fault> {
        let engine = &self.engine;
        let spawner = engine.children().ok_or_else(|| {
            host("this program does not say which program runs kernels in processes of their own")
        })?;
        let spawner = spawner.map_err(host)?;
        let given = windows.map_or(&[][..], |(windows, _)| windows);
        let sources = given
            .iter()
            .enumerate()
            .map(|(index, window)| Source::of(index, window))
            .collect::<Result<Vec<_>, _>>()?;
        let order = Order {
            context: context.clone(),
            limits: *limits,
            world: self.world,
            windows: windows.map(|(windows, _)| {
                let each = windows.iter();
                each.map(|window| (window.extent(), window.access))
                    .collect()
            }),
            bounds: self.bounds(windows, limits),
            confinement: engine.confinement(),
        };
        let order = serde_json::to_vec(&order).map_err(host)?;
        let order = sealed::sealed("sandpipe-order", &order).map_err(host)?;
        let (control, pages) = Control::new().map_err(host)?;
        let child = spawner.spawn(Role::Stage).map_err(host)?;
        let files = [order.as_fd(), self.code.as_fd(), pages.as_fd()];
        // If the child is gone already, the first step says how.
        let _ = child.channel.send(&Start, &files);
        let killer: Arc<dyn Stop> = Arc::new(child.killer());
        let mut remote = Remote {
            watch: engine.watchdog.watch(limits.startup, killer),
            child,
            control,
            slots: given.iter().map(|window| window.slots).collect(),
            sources,
            log: Log::new(&context.name, limits.log_rate, Arc::clone(&engine.log)),
            last: (0, Answer::Done),
            dead: false,
            confinement: engine.confinement(),
            _engine: Arc::clone(engine),
        };
        remote.step(Step::Loaded, Whose::Ours)?;
        Ok(remote)
    }

    /// Private memory: the kernel's own, the block for its windows before they are mapped and the zeros that are mapped over
    /// them after a fault, copies of the frames for the copied world, the code with what is made of it, and a heap.
    fn bounds(&self, windows: Option<(&[Window<'_>], &Layout)>, limits: &Limits) -> Bounds {
        let block = windows.map_or(0, |(_, layout)| u64::from(layout.length));
        let memory = limits
            .memory
            .saturating_add(block.saturating_mul(4))
            .saturating_add(self.code_bytes.saturating_mul(4))
            .saturating_add(HEAP);
        let count = windows.map_or(0, |(windows, _)| windows.len() as u64);
        Bounds {
            memory,
            files: 16 + 2 * count,
            file_bytes: 0,
            time: None,
        }
    }
}

/// Whose time a step takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The kernel's: its `startup` limit holds.
    Guest,
    /// Ours.
    Ours,
}

/// An instance that runs in a child.
pub(in crate::sandbox) struct Remote {
    // Dropped first: nobody kills a process that is gone.
    watch: Watch,
    child: Child,
    control: Control,
    /// How many slots each window has.
    slots: Vec<u32>,
    sources: Vec<Source>,
    log: Log,
    /// The last turn, and the answer to it.
    last: (u64, Answer),
    dead: bool,
    confinement: Confinement,
    /// Keeps the watchdog and the thread of children running.
    _engine: Arc<Inner>,
}

impl Stop for Killer {
    fn stop(&self) {
        self.kill();
    }

    fn allow(&self) {}
}

impl Remote {
    /// Computes one frame.
    #[inline]
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<(), Fault> {
        if self.dead {
            return Err(Fault::dead());
        }
        self.check(slots)?;
        let turn = self.last.0 + 1;
        self.watch.begin();
        self.control.ask(turn, frame_id, slots);
        let answer = self.answer(turn);
        let revoked = self.watch.end();
        if let (Some(answer @ Answer::Done), false) = (answer, revoked) {
            self.last = (turn, answer);
            return Ok(());
        }
        self.settle(turn, answer, revoked)
    }

    /// A handle by which the time of a call can be shortened.
    pub fn deadline(&self) -> Deadline {
        self.watch.deadline()
    }

    /// Whether an earlier fault has ended this instance.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    #[inline]
    fn check(&self, slots: &[u32]) -> Result<(), Fault> {
        if slots.len() != self.slots.len() {
            return Err(wrong_slots(slots.len(), self.slots.len()));
        }
        for (index, (&slot, &count)) in slots.iter().zip(&self.slots).enumerate() {
            if slot >= count {
                return Err(no_such_slot(index, slot, count));
            }
        }
        Ok(())
    }

    /// Waits for the answer. `None`: there is none, because the child has ended or says what it may not.
    #[inline]
    fn answer(&self, turn: u64) -> Option<Answer> {
        loop {
            let word = self.control.answer_word(self.last);
            if word.is_changed() {
                return self.control.answer(turn);
            }
            if self.child.ending().is_some() {
                return None;
            }
            wait(&[word, self.child.end_word()], SPIN, None);
        }
    }

    /// The slow end of a call: anything but plain success in time.
    #[cold]
    fn settle(&mut self, turn: u64, answer: Option<Answer>, revoked: bool) -> Result<(), Fault> {
        if revoked {
            return Err(self.end(Fault::late()));
        }
        let Some(answer) = answer else {
            return Err(self.died());
        };
        self.last = (turn, answer);
        if answer != Answer::Fault {
            self.read_logs();
            return Ok(());
        }
        let until = Instant::now() + LAST_WORDS;
        for _ in 0..MESSAGES {
            match self.child.channel.receive(until) {
                Ok(Said::Log {
                    level,
                    text,
                    dropped,
                }) => self.log.relay(level, &text, dropped),
                Ok(Said::Fault(cause, message)) => return Err(self.judge(cause, &message)),
                Ok(_) | Err(_) => break,
            }
        }
        Err(self.died())
    }

    /// Passes on what the kernel has said.
    fn read_logs(&mut self) {
        let now = Instant::now();
        for _ in 0..MESSAGES {
            match self.child.channel.receive(now) {
                Ok(Said::Log {
                    level,
                    text,
                    dropped,
                }) => self.log.relay(level, &text, dropped),
                _ => return,
            }
        }
    }

    /// A fault of which the child speaks.
    fn judge(&mut self, cause: Cause, message: &str) -> Fault {
        let fault = match cause {
            Cause::Failed(_) => return Fault::new(cause, message),
            Cause::Trap | Cause::Memory | Cause::Contract | Cause::Host => {
                Fault::new(cause, message)
            }
            // The child has no files any more to see what it means.
            Cause::Segment { window } => match self.sources.get(window) {
                Some(source) => source.fault(window),
                None => return self.died(),
            },
            Cause::IllegalWrite { window } => match self.sources.get(window) {
                Some(source) if source.access() == Access::Read => illegal_write(window),
                _ => return self.died(),
            },
            Cause::Deadline | Cause::Dead | Cause::Worker => return self.died(),
        };
        self.end(fault)
    }

    /// The instance can compute no more: its process ends, and changes no frame after this.
    fn end(&mut self, fault: Fault) -> Fault {
        self.dead = true;
        self.child.end();
        self.read_logs();
        fault
    }

    /// The child has ended, or does not keep to the rules and ends now.
    fn died(&mut self) -> Fault {
        let ended = self.child.ending();
        let ending = self.child.end();
        let why = match ended {
            Some(_) => format!("The process that ran the kernel died: {ending}."),
            None => "The process that ran the kernel broke its protocol and was killed.".to_owned(),
        };
        self.end(Fault::new(Cause::Worker, why))
    }

    /// Waits until the child has come so far.
    fn step(&mut self, wanted: Step, whose: Whose) -> Result<(), Fault> {
        let until = Instant::now() + START;
        // The watchdog kills a child whose kernel takes too long.
        if whose == Whose::Guest {
            self.watch.begin();
        }
        let outcome = self.receive_step(wanted, whose, until);
        let revoked = whose == Whose::Guest && self.watch.end();
        if revoked {
            return Err(self.end(Fault::late()));
        }
        outcome
    }

    fn receive_step(&mut self, wanted: Step, whose: Whose, until: Instant) -> Result<(), Fault> {
        loop {
            let until = match whose {
                Whose::Ours => until,
                Whose::Guest => Instant::now() + START,
            };
            match self.child.channel.receive(until) {
                Ok(Said::Step(step)) if step == wanted => return Ok(()),
                Ok(Said::Log {
                    level,
                    text,
                    dropped,
                }) => self.log.relay(level, &text, dropped),
                Ok(Said::Fault(cause, message)) => return Err(self.judge(cause, &message)),
                Ok(Said::Missing(what)) => self.unconfined(&clean(&what, 500))?,
                Err(ReceiveError::Late) if whose == Whose::Guest => {}
                Err(ReceiveError::Late) => {
                    return Err(self.end(Fault::new(
                        Cause::Host,
                        format!("A process for the kernel did not start within {START:?}."),
                    )));
                }
                Err(ReceiveError::Ended) => {
                    // The socket ends just before the process does.
                    wait(&[self.child.end_word()], Duration::ZERO, Some(until));
                    return Err(self.died());
                }
                Ok(Said::Step(_)) | Err(ReceiveError::Garbage(_)) => return Err(self.died()),
            }
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
    fn send(&mut self, windows: &[Window<'_>]) -> Result<(), Fault> {
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

/// The host could not do its part.
fn host(error: impl std::fmt::Display) -> Fault {
    let error = error.to_string();
    let error = error.trim_end_matches('.');
    Fault::new(
        Cause::Host,
        format!("No process can be started for the kernel: {error}."),
    )
}
