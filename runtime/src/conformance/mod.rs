//! The conformance suite: what a kernel has to be like beyond what its module shows, tried out.
//!
//! ```text
//! Place::of(manifest, what the author says) ──▶ Suite ── every rule of RULES ──▶ Finding, Finding …
//! ```
//!
//! Each rule opens the kernel in the sandbox, as hostile as any other, on arrays in private memory. Rules say why they are and how
//! to mend what breaks them: they are for authors. The built-in kernels keep all of them.

mod frames;
mod golden;
mod place;
mod rules;
mod suite;
mod trial;

pub use golden::{GoldenError, golden};
pub use place::{Given, Place, PlaceError};
pub use suite::Suite;

/// One thing that is asked of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A word.
    pub name: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Why.
    pub why: &'static str,
    /// What to do where it is broken.
    pub mend: &'static str,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule is kept; there may be something to say about it.
    Kept(String),
    /// It is broken, in these words.
    Broken(String),
    /// It does not apply, or could not be tried, for this reason.
    Skipped(String),
}

/// A rule with what came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is asked.
    pub rule: Rule,
    /// What came out.
    pub verdict: Verdict,
}

impl Finding {
    /// Whether the kernel has to be mended.
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken(_))
    }
}
