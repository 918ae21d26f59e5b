//! What an author can do about a mistake, in words of the language that the kernel is written in.
//!
//! The sandbox knows no languages: whoever makes an engine may give it somebody to ask ([`Adviser`]), and what that says is put behind
//! the sentence about what is wrong.

use super::fault::Fault;

/// Mistakes that have a remedy of its own in each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Built for another version of the contract.
    Version,
    /// An export of the contract is missing, misspelt or has another type.
    Export,
    /// Imports what kernels of its world do not get.
    World,
    /// Its allocator traps.
    Allocator,
    /// Its answer of `reserve` is of no use.
    Reserve,
}

/// One language's remedies: whole sentences.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// For [`Mistake::Version`].
    pub version: &'static str,
    /// For [`Mistake::Export`].
    pub export: &'static str,
    /// For [`Mistake::World`].
    pub world: &'static str,
    /// For [`Mistake::Allocator`].
    pub allocator: &'static str,
    /// For [`Mistake::Reserve`].
    pub reserve: &'static str,
}

/// The remedies for a module in the binary format, if it can be told what language it is written in.
pub type Adviser = fn(&[u8]) -> Option<&'static Advice>;

/// How sentences about the answer of `reserve` begin.
pub(super) const RESERVE: &str = "The kernel's `reserve` ";
/// How sentences about a trap in the allocator begin.
pub(super) const ALLOCATOR: &str = "The kernel's allocator ";
/// The function that is one.
pub(super) const REALLOC: &str = "cabi_realloc";

/// A trap that a call of the allocator ended in; a context of an error.
#[derive(Debug, thiserror::Error)]
#[error("in the kernel's allocator")]
pub(super) struct InAllocator;

impl Advice {
    /// The remedy for a mistake.
    pub fn about(&self, mistake: Mistake) -> &'static str {
        match mistake {
            Mistake::Version => self.version,
            Mistake::Export => self.export,
            Mistake::World => self.world,
            Mistake::Allocator => self.allocator,
            Mistake::Reserve => self.reserve,
        }
    }

    /// The fault with the remedy behind it, if there is one for it.
    pub(super) fn on_fault(advice: Option<&Advice>, fault: Fault) -> Fault {
        let mistake = match &fault.message {
            message if message.starts_with(RESERVE) => Mistake::Reserve,
            message if message.starts_with(ALLOCATOR) => Mistake::Allocator,
            _ => return fault,
        };
        match advice {
            Some(advice) => Fault::new(
                fault.cause,
                format!("{} {}", fault.message, advice.about(mistake)),
            ),
            None => fault,
        }
    }
}
