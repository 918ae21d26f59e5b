//! Who holds something in shared memory, in one word that can be compared and exchanged: process id and start time. The
//! start time tells a process from a later one with the same id.

use std::fs;
use std::sync::OnceLock;

/// Bits of a process id; Linux has none above 2^22 (`PID_MAX_LIMIT`).
const PROCESS_BITS: u32 = 22;

/// A process, as one word: its start time in clock ticks after boot above its id. 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub u64);

impl Owner {
    /// Of what is free.
    pub const NOBODY: Owner = Owner(0);

    /// This process.
    pub fn this() -> Owner {
        static THIS: OnceLock<Owner> = OnceLock::new();
        *THIS.get_or_init(|| {
            let process = std::process::id();
            Owner::new(process, start_time(process).unwrap_or(0))
        })
    }

    fn new(process: u32, start: u64) -> Owner {
        Owner(start << PROCESS_BITS | u64::from(process))
    }

    /// The process id.
    pub fn process(self) -> u32 {
        (self.0 & ((1 << PROCESS_BITS) - 1)) as u32
    }

    /// Whether the process still runs; one that has ended but was not waited for does not.
    pub fn is_alive(self) -> bool {
        let process = self.process();
        process != 0 && start_time(process).is_some_and(|start| Owner::new(process, start) == self)
    }
}

/// Whether a process with this id runs, for what names its holder by the id alone.
pub(super) fn process_is_alive(process: i64) -> bool {
    u32::try_from(process).is_ok_and(|process| process != 0 && start_time(process).is_some())
}

/// The start time of a running process: field 22 of `/proc/<pid>/stat` (proc_pid_stat(5)). `None` for a zombie too.
fn start_time(process: u32) -> Option<u64> {
    let text = fs::read(format!("/proc/{process}/stat")).ok()?;
    // The second field is the command in parentheses and may contain anything, so count from the last parenthesis.
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn this_process_is_alive_and_a_later_namesake_is_somebody_else() {
        let this = Owner::this();
        assert_eq!(this.process(), std::process::id());
        assert!(this.is_alive());
        assert!(!Owner(this.0 + (1 << PROCESS_BITS)).is_alive());
        assert!(!Owner(0).is_alive());
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = child.id();
        let owner = Owner::new(process, start_time(process).unwrap());
        assert!(owner.is_alive() && process_is_alive(process.into()));
        child.kill().unwrap();
        // Not waited for: it stays as a zombie. Dying takes a moment.
        let dead = (0..2000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            !owner.is_alive()
        });
        assert!(dead && !process_is_alive(process.into()));
        child.wait().unwrap();
    }
}
