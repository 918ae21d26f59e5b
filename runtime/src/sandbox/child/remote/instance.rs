//! One instance that runs in a child.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sandbox::child::Confinement;
use crate::sandbox::child::channel::ReceiveError;
use crate::sandbox::child::control::{Answer, Control};
use crate::sandbox::child::messages::Said;
use crate::sandbox::child::spawn::{Child, Killer};
use crate::sandbox::deadline::{Deadline, Stop, Watch};
use crate::sandbox::engine::Inner;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::host::Log;
use crate::sandbox::windows::mapping::Source;
use crate::sandbox::windows::{Access, illegal_write, no_such_slot, wrong_slots};
use crate::stream::{Spin, wait};

/// How long a child that has answered that it faulted may take to say why: the lane waits for it.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How long a process may take to end whose socket has ended.
const END: Duration = Duration::from_secs(1);
/// Messages that a child may send in a row, beside those that the kernel's `log_rate` allows it in some seconds.
const MESSAGES: usize = 256;
/// So many.
const SECONDS: usize = 4;

/// An instance that runs in a child.
pub(in crate::sandbox) struct RemoteInstance {
    // Dropped first: nobody kills a process that is gone.
    pub(super) watch: Watch,
    pub(super) child: Child,
    control: Control,
    /// The file behind each window, and how many slots it has.
    windows: Vec<(Source, u32)>,
    log: Log,
    /// The last turn, and the answer to it.
    last: (u64, Answer),
    dead: bool,
    spin: Spin,
    pub(super) confinement: Confinement,
    /// It has been told what this machine lacks.
    pub(super) told: bool,
    /// Keeps the watchdog and the thread of children running.
    _engine: Arc<Inner>,
}

impl Stop for Killer {
    fn stop(&self) {
        self.kill();
    }

    fn allow(&self) {}
}

impl RemoteInstance {
    /// A child that has been told what to run. Each of its steps that is the kernel's may take as long as `startup`.
    pub(super) fn new(
        engine: &Arc<Inner>,
        child: Child,
        control: Control,
        windows: Vec<(Source, u32)>,
        log: Log,
        startup: Duration,
    ) -> RemoteInstance {
        let killer: Arc<dyn Stop> = Arc::new(child.killer());
        RemoteInstance {
            watch: engine.watchdog.watch(startup, killer),
            child,
            control,
            windows,
            log,
            last: (0, Answer::Done),
            dead: false,
            spin: Spin::default(),
            confinement: engine.confinement(),
            told: false,
            _engine: Arc::clone(engine),
        }
    }

    /// From now on a call may take so long.
    pub fn set_deadline(&self, deadline: Duration) {
        self.watch.set_deadline(deadline);
    }

    /// Computes one frame. Returns when the call began, in nanoseconds of CLOCK_MONOTONIC.
    #[inline]
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<u64, Fault> {
        if self.dead {
            return Err(Fault::dead());
        }
        self.check(slots)?;
        let turn = self.last.0 + 1;
        let begun = self.watch.begin();
        self.control.ask(turn, frame_id, slots);
        let answer = self.answer(turn);
        let revoked = self.watch.end();
        if let (Some(answer @ Answer::Done), false) = (answer, revoked) {
            self.last = (turn, answer);
            return Ok(begun);
        }
        self.settle(turn, answer, revoked).map(|()| begun)
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
        if slots.len() != self.windows.len() {
            return Err(wrong_slots(slots.len(), self.windows.len()));
        }
        for (index, (&slot, &(_, count))) in slots.iter().zip(&self.windows).enumerate() {
            if slot >= count {
                return Err(no_such_slot(index, slot, count));
            }
        }
        Ok(())
    }

    /// Waits for the answer. `None`: there is none, because the child has ended or says what it may not.
    #[inline]
    fn answer(&mut self, turn: u64) -> Option<Answer> {
        loop {
            let word = self.control.answer_word(self.last);
            if word.is_changed() {
                return self.control.answer(turn);
            }
            if self.child.ending().is_some() {
                return None;
            }
            self.spin.wait(&[word, self.child.end_word()], None);
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
            self.pass_on_messages();
            return Ok(());
        }
        match self.hear(Instant::now() + LAST_WORDS) {
            Ok(Said::Fault(cause, message)) => Err(self.judge(cause, &message)),
            Err(ReceiveError::Ended) => Err(self.ended()),
            _ => Err(self.died()),
        }
    }

    /// The child's socket has ended, which it does just before the process.
    pub(super) fn ended(&mut self) -> Fault {
        let until = Instant::now() + END;
        wait(&[self.child.end_word()], Duration::ZERO, Some(until));
        self.died()
    }

    /// What the child says next beside messages of the kernel, which are passed on.
    pub(super) fn hear(&mut self, until: Instant) -> Result<Said, ReceiveError> {
        for _ in 0..MESSAGES + SECONDS * self.log.rate() as usize {
            match self.child.channel.receive(until)? {
                Said::Log {
                    level,
                    text,
                    dropped,
                } => self.log.relay(level, &text, dropped),
                said => return Ok(said),
            }
        }
        Err(ReceiveError::Garbage("too many messages".to_owned()))
    }

    /// Passes on what the kernel has said so far.
    fn pass_on_messages(&mut self) {
        // Nothing else is to come.
        let _ = self.hear(Instant::now());
    }

    /// A fault of which the child speaks.
    pub(super) fn judge(&mut self, cause: Cause, message: &str) -> Fault {
        let fault = match cause {
            Cause::Failed(_) => return Fault::new(cause, message),
            Cause::Trap | Cause::Memory | Cause::Contract | Cause::Host => {
                Fault::new(cause, message)
            }
            // The child has no files any more to see what it means.
            Cause::Segment { window } => match self.windows.get(window) {
                Some((source, _)) => source.fault(window),
                None => return self.died(),
            },
            Cause::IllegalWrite { window } => match self.windows.get(window) {
                Some((source, _)) if source.access() == Access::Read => illegal_write(window),
                _ => return self.died(),
            },
            Cause::Deadline | Cause::Dead | Cause::Worker => return self.died(),
        };
        self.end(fault)
    }

    /// The instance can compute no more: its process ends, and changes no frame after this.
    pub(super) fn end(&mut self, fault: Fault) -> Fault {
        self.dead = true;
        self.child.end();
        self.pass_on_messages();
        fault
    }

    /// The child has ended, or does not keep to the rules and ends now.
    pub(super) fn died(&mut self) -> Fault {
        let ended = self.child.ending();
        let ending = self.child.end();
        let why = match ended {
            Some(_) => format!("The process that ran the kernel died: {ending}."),
            None => "The process that ran the kernel broke its protocol and was killed.".to_owned(),
        };
        self.end(Fault::new(Cause::Worker, why))
    }
}
