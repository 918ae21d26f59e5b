//! A kernel and the place in which it is tried.

use super::Finding;
use super::place::Place;
use super::rules::RULES;
use super::trial::Trial;
use crate::kernel::Manifest;
use crate::sandbox::{Context, Fault, Limits, Program};

/// A kernel that is tried.
pub struct Suite<'a> {
    /// Its code.
    pub program: &'a Program,
    /// What it says about itself.
    pub manifest: &'a Manifest,
    /// Where it is tried.
    pub place: &'a Place,
    /// What it may use.
    pub limits: Limits,
}

impl Suite<'_> {
    /// Tries every rule, and hands over what came out as soon as it is known.
    pub fn run(&self, mut found: impl FnMut(Finding)) {
        for (rule, test) in RULES {
            found(Finding {
                rule: *rule,
                verdict: test(self),
            });
        }
    }

    /// Asks the kernel whether it can run in `place`.
    pub(super) fn validate(&self, place: &Place) -> Result<Context, Refusal> {
        let context = place.context(self.manifest).map_err(Refusal::Host)?;
        match self.program.validate_config(&context, &self.limits) {
            Ok(()) => Ok(context),
            Err(fault) => Err(Refusal::of(fault)),
        }
    }

    /// Opens the kernel in `place`, if it has no objection.
    pub(super) fn open(&self, place: &Place) -> Result<Trial, Refusal> {
        let context = self.validate(place)?;
        Trial::open(self.program, context, &self.limits).map_err(Refusal::Fault)
    }
}

/// Why a kernel does not run in a place.
pub(super) enum Refusal {
    /// The kernel said no, with this message.
    Said(String),
    /// It ended in a fault, or said no without a word.
    Fault(String),
    /// No pipeline could put it there.
    Host(String),
}

impl Refusal {
    fn of(fault: Fault) -> Refusal {
        let silent = "did not say why";
        match fault.cause {
            crate::sandbox::Cause::Failed(_) if !fault.message.contains(silent) => {
                Refusal::Said(fault.message)
            }
            _ => Refusal::Fault(fault.message),
        }
    }

    /// In a sentence.
    pub fn into_message(self) -> String {
        match self {
            Refusal::Said(message) | Refusal::Fault(message) | Refusal::Host(message) => message,
        }
    }
}
