//! Real-time scheduling of threads: `SCHED_FIFO` of sched(7), which rustix does not offer.

#![allow(unsafe_code, reason = "calls sched_setscheduler")]

use std::io;

/// Lets the calling thread run before all ordinary ones, and before those of a lower priority: 1 to 99. Threads and processes that it
/// starts are ordinary ones.
///
/// # Errors
/// The system does not allow it.
pub fn run_in_real_time(priority: u32) -> io::Result<()> {
    // 0 is the calling thread.
    schedule(0, priority)
}

/// As [`run_in_real_time`], for a thread of this process by its number.
pub(super) fn schedule(thread: i32, priority: u32) -> io::Result<()> {
    let priority = i32::try_from(priority).unwrap_or(i32::MAX);
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to parameters that live until the call returns, and the call only reads them.
    match unsafe { libc::sched_setscheduler(thread, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
