//! Who holds something in shared memory, in one word that can be compared and exchanged: process id and start time. The
//! start time tells a process from a later one with the same id.

use std::fs;
use std::io;
use std::sync::OnceLock;

use rustix::io::Errno;

/// Bits of a process id; Linux has none above 2^22 (`PID_MAX_LIMIT`).
const PROCESS_BITS: u32 = 22;

/// A process, as one word: its start time in clock ticks after boot above its id. 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub u64);

impl Owner {
    /// Of what is free.
    pub const NOBODY: Owner = Owner(0);

    /// This process.
    ///
    /// # Errors
    /// `/proc` cannot be read, for lack of a descriptor for example. Only the first call in a process reads it.
    pub fn this() -> io::Result<Owner> {
        static THIS: OnceLock<Owner> = OnceLock::new();
        if let Some(this) = THIS.get() {
            return Ok(*this);
        }
        let process = std::process::id();
        let start = start_time(process)?
            .ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        Ok(*THIS.get_or_init(|| Owner::new(process, start)))
    }

    fn new(process: u32, start: u64) -> Owner {
        Owner(start << PROCESS_BITS | u64::from(process))
    }

    /// The process id.
    pub fn process(self) -> u32 {
        (self.0 & ((1 << PROCESS_BITS) - 1)) as u32
    }

    /// Whether the process still runs; one that has ended but was not waited for does not. Where that cannot be told, for
    /// lack of a descriptor for example, it does: what it holds is not taken away on a guess.
    pub fn is_alive(self) -> bool {
        let process = self.process();
        process != 0
            && start_time(process).map_or(true, |start| {
                start.is_some_and(|start| Owner::new(process, start) == self)
            })
    }
}

/// Whether a process with this id runs, for what names its holder by the id alone. Where that cannot be told, it does.
pub(super) fn process_is_alive(process: i64) -> bool {
    u32::try_from(process).is_ok_and(|process| {
        process != 0 && start_time(process).map_or(true, |start| start.is_some())
    })
}

/// The start time of a running process: field 22 of `/proc/<pid>/stat` (proc_pid_stat(5)). `None` if there is none such; a
/// zombie is none.
fn start_time(process: u32) -> io::Result<Option<u64>> {
    let text = match fs::read(format!("/proc/{process}/stat")) {
        Ok(text) => text,
        // It ended before the file was opened, or between that and the reading.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (state, start) =
        state_and_start(&text).ok_or_else(|| io::Error::other("/proc/<pid>/stat is malformed"))?;
    Ok((!matches!(state, "Z" | "X" | "x")).then_some(start))
}

fn state_and_start(stat: &[u8]) -> Option<(&str, u64)> {
    // The second field is the command in parentheses and may contain anything, so count from the last parenthesis.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn this_process_is_alive_and_a_later_namesake_is_somebody_else() {
        let this = Owner::this().unwrap();
        assert_eq!(this.process(), std::process::id());
        assert!(this.is_alive());
        assert!(!Owner(this.0 + (1 << PROCESS_BITS)).is_alive());
        assert!(!Owner(0).is_alive());
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = child.id();
        let owner = Owner::new(process, start_time(process).unwrap().unwrap());
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

    /// Run by the test below in a process of its own, which has few descriptors and takes them all.
    #[test]
    fn child_without_descriptors() {
        let Ok(parent) = std::env::var("SANDPIPE_OWNER_PARENT") else {
            return;
        };
        let parent: u32 = parent.parse().unwrap();
        assert!(!process_is_alive(i64::from(i32::MAX)));
        let mut taken = Vec::new();
        while let Ok(file) = fs::File::open("/dev/null") {
            taken.push(file);
        }
        // Not known to be dead, so alive; and who this is cannot be said.
        assert!(process_is_alive(parent.into()) && Owner::new(parent, 1).is_alive());
        assert!(Owner::this().is_err());
        drop(taken);
        assert!(!Owner::new(parent, 1).is_alive());
        assert!(Owner::this().unwrap().is_alive());
    }

    #[test]
    fn without_a_descriptor_nobody_is_taken_for_dead() {
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 32 && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "stream::owner::tests::child_without_descriptors"])
            .env("SANDPIPE_OWNER_PARENT", std::process::id().to_string())
            .output()
            .unwrap();
        assert!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stdout)
        );
    }
}
