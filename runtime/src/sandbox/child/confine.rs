//! Takes everything from this process that it does not need.
//!
//! [`enclose`] comes first, while the process has one thread: its own session, no privileges, limits, no file, no network.
//! [`filter`] comes when its threads are there and it has what it needs.

#![allow(unsafe_code, reason = "closes inherited descriptors")]

use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError,
    RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use serde::{Deserialize, Serialize};

use super::filter::{self, Filter};

/// The newest rights that landlock is asked to take away; a kernel that knows fewer takes those.
const LANDLOCK: ABI = ABI::V6;

/// How much of the machine a child may use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bounds {
    /// Bytes of private writable memory. Address space is not bounded: every linear memory reserves 4 GiB of it.
    pub memory: u64,
    /// Descriptors, the socket and the two of standard output among them.
    pub files: u64,
    /// Bytes of the largest file: of the one for the result.
    pub file_bytes: u64,
    /// Processor time.
    pub time: Option<Duration>,
}

/// What the machine does not offer: a word or two each, for a sentence.
#[derive(Debug, Default)]
pub(super) struct Missing(Vec<String>);

impl Missing {
    /// Adds `what` if it could not be had.
    fn note<T, E: std::fmt::Display>(&mut self, what: &str, outcome: Result<T, E>) -> Option<T> {
        outcome
            .map_err(|error| self.0.push(format!("{what} ({error})")))
            .ok()
    }

    /// Adds what somebody else found missing.
    pub fn add(&mut self, other: Missing) {
        self.0.extend(other.0);
    }

    /// A list, unless nothing is missing.
    pub fn list(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(", "))
    }
}

/// Closes every descriptor but the three standard ones. The parent opens all of its own so that they are not inherited;
/// this is for those of its libraries and of whoever started it.
pub(super) fn close_inherited() {
    // SAFETY: nothing in this process has opened a descriptor yet, so no owner loses one.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Everything that can be taken from a process with one thread.
pub(super) fn enclose(bounds: &Bounds) -> Missing {
    let mut missing = Missing::default();
    missing.note("no_new_privs", set_no_new_privs(true));
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    missing.note("dropping capabilities", set_capabilities(None, none));
    let limits = [
        (Resource::Core, Some(0)),
        (Resource::Fsize, Some(bounds.file_bytes)),
        (Resource::Msgqueue, Some(0)),
        (Resource::Memlock, Some(0)),
        (Resource::Nofile, Some(bounds.files)),
        (Resource::Data, Some(bounds.memory)),
        // Whole seconds, and one more, so that the parent's clock decides where it can.
        (
            Resource::Cpu,
            bounds.time.map(|time| time.as_secs().saturating_add(2)),
        ),
    ];
    for (resource, value) in limits {
        if let Some(value) = value {
            missing.note("a resource limit", limit(resource, value));
        }
    }
    match restrict() {
        Ok(RulesetStatus::NotEnforced) => missing.0.push("landlock".to_owned()),
        Ok(_) => {}
        Err(error) => missing.0.push(format!("landlock ({error})")),
    }
    missing
}

/// No more threads, and only the system calls of `filter`, for all threads.
pub(super) fn filter(filter: Filter) -> Missing {
    let mut missing = Missing::default();
    missing.note("a resource limit", limit(Resource::Nproc, 0));
    if let Some(program) = missing.note("seccomp", filter::program(filter)) {
        missing.note("seccomp", seccompiler::apply_filter_all_threads(&program));
    }
    missing
}

/// Lowers a limit for good.
fn limit(resource: Resource, value: u64) -> rustix::io::Result<()> {
    let value = getrlimit(resource)
        .maximum
        .map_or(value, |maximum| value.min(maximum));
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )
}

/// No file, no network, no signal to and no socket of anybody outside, as far as the kernel's landlock goes.
fn restrict() -> Result<RulesetStatus, RulesetError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(test)]
mod tests;
