//! A kernel that has been admitted and compiled, ready to be instantiated any number of times.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::admission::Facts;
use super::advice::Advice;
use super::child::remote::RemoteProgram;
use super::context::Context;
use super::contract::World;
use super::executable::Executable;
use super::fault::Fault;
use super::guest::Guest;
use super::instance::Instance;
use super::interruption::Interruption;
use super::isolation::Isolation;
use super::limits::Limits;
use super::windows::Window;

/// SHA-256 of a module as it was given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A loaded kernel. Cheap to clone.
#[derive(Clone)]
pub struct Program(Arc<Loaded>);

struct Loaded {
    runs: Runs,
    facts: Facts,
    digest: Digest,
    compiled: bool,
    advice: Option<&'static Advice>,
}

/// Where instances of a program run.
pub(super) enum Runs {
    /// On the caller's thread.
    Here(Executable),
    /// Each in a process of its own.
    InChildren(RemoteProgram),
}

impl Program {
    pub(super) fn new(
        runs: Runs,
        facts: Facts,
        digest: Digest,
        compiled: bool,
        advice: Option<&'static Advice>,
    ) -> Program {
        Program(Arc::new(Loaded {
            runs,
            facts,
            digest,
            compiled,
            advice,
        }))
    }

    /// Whether it was compiled to be loaded, not found in the cache.
    pub fn was_compiled(&self) -> bool {
        self.0.compiled
    }

    /// The world the kernel belongs to.
    pub fn world(&self) -> World {
        self.0.facts.world
    }

    /// SHA-256 of the module as it was given to [`Engine::load`](super::Engine::load).
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Imports, exports, memory and sizes.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Where its instances run.
    pub fn isolation(&self) -> Isolation {
        match self.0.runs {
            Runs::Here(_) => Isolation::Thread,
            Runs::InChildren(_) => Isolation::Process,
        }
    }

    /// How its instances are stopped at their deadline: [`Interruption::None`] where their process is killed.
    pub fn interruption(&self) -> Interruption {
        match &self.0.runs {
            Runs::Here(executable) => executable.target.interruption(),
            Runs::InChildren(_) => Interruption::None,
        }
    }

    /// Asks the kernel, in a throw-away instance without windows, whether it can run in this place.
    ///
    /// # Errors
    /// The kernel's own objection ([`Cause::Failed`](super::Cause::Failed)), or whatever else ended the call.
    pub fn validate_config(&self, context: &Context, limits: &Limits) -> Result<(), Fault> {
        let outcome = match &self.0.runs {
            Runs::Here(executable) => Guest::start(executable, context, limits, 0)
                .and_then(|(mut guest, _)| guest.validate_config(context)),
            Runs::InChildren(program) => program.validate_config(context, limits),
        };
        outcome.map_err(|fault| Advice::on_fault(self.0.advice, fault))
    }

    /// Makes an instance: instantiates the module, lets it `reserve` a block, maps the windows over it, and calls `init`.
    ///
    /// `windows` are in frame-table order: trigger inputs, auxiliary inputs, outputs, then for each state array its previous
    /// (read) and its next value (write).
    ///
    /// # Errors
    /// Whatever the guest does wrong meanwhile, or windows that do not fit the context or cannot be mapped.
    pub fn open(
        &self,
        context: &Context,
        windows: &[Window<'_>],
        limits: &Limits,
    ) -> Result<Instance, Fault> {
        Instance::open(&self.0.runs, context, windows, limits)
            .map_err(|fault| Advice::on_fault(self.0.advice, fault))
    }
}
