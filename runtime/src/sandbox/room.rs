//! Whether there is address space enough, where the system limits it (`ulimit -v`).
//!
//! A program that is refused a few bytes cannot go on, nor say why. So where there is a limit, it is compared with what will be
//! needed before anything is created, and some is kept to spare.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::interruption::{GUARD, RESERVATION};

/// For everything beside kernels' memories and what the caller names: the compiler, threads, streams.
const SPARE: u64 = 1 << 30;

/// The system allows this process less address space than it would need.
#[derive(Debug, thiserror::Error)]
#[error(
    "this process may use {limit} MiB of address space (`ulimit -v`) and has {left} MiB left, but needs up to {needed} MiB: raise or lift the limit"
)]
pub struct NoRoom {
    limit: u64,
    left: u64,
    needed: u64,
}

/// Whether `kernels` instances can be opened in this process beside `more` bytes of other memory.
///
/// # Errors
/// The system limits address space to less than that.
pub fn check_address_space(kernels: usize, more: u64) -> Result<(), NoRoom> {
    let Some(limit) = getrlimit(Resource::As).current else {
        return Ok(());
    };
    let memories = (kernels as u64).saturating_mul(RESERVATION + GUARD);
    let needed = memories.saturating_add(more).saturating_add(SPARE);
    let left = limit.saturating_sub(in_use().unwrap_or(0));
    if needed <= left {
        return Ok(());
    }
    let [limit, left, needed] = [limit, left, needed].map(|bytes| bytes >> 20);
    Err(NoRoom {
        limit,
        left,
        needed,
    })
}

/// Bytes of address space that are taken: the first number of proc_pid_statm(5).
fn in_use() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').next()?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_some_address_space() {
        assert!(in_use().is_some_and(|bytes| bytes > 1 << 20));
    }
}
