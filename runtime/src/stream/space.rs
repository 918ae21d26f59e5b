//! Whether there is room for a stream. Memory of a stream is taken when it is made: a page that is missing later would kill
//! whoever touches it.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::error::StreamError;
use super::name::DIRECTORY;

/// Refuses what does not fit in `/dev/shm`, the machine's memory or the control group's limit.
///
/// Asked before allocating, because the kernel would rather kill a process than refuse.
pub(super) fn check(name: &str, needed: u64) -> Result<(), StreamError> {
    let shared = statvfs(DIRECTORY)
        .ok()
        .map(|status| status.f_bavail.saturating_mul(status.f_frsize));
    let limits = [
        (shared, "/dev/shm"),
        (available_memory(), "this machine's memory"),
        (
            available_in_group(),
            "the memory limit of this control group",
        ),
    ];
    for (free, place) in limits {
        if let Some(free) = free.filter(|&free| free < needed) {
            return Err(full(name, needed, free, place));
        }
    }
    Ok(())
}

/// Gives the file its size and all of its memory.
pub(super) fn allocate(name: &str, file: &File, bytes: u64) -> Result<(), StreamError> {
    check(name, bytes)?;
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::NOSPC | Errno::NOMEM) => return Err(full(name, bytes, 0, DIRECTORY)),
            Err(error) => return Err(StreamError::system(name, "allocate its memory", error)),
        }
    }
}

fn full(name: &str, needed: u64, free: u64, place: &'static str) -> StreamError {
    StreamError::Space {
        name: name.to_owned(),
        needed: readable(needed),
        free: readable(free),
        place,
    }
}

/// `1.5 GiB`
fn readable(bytes: u64) -> String {
    let units = [
        (1u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, sign)) => format!("{:.1} {sign}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// `MemAvailable` of proc_meminfo(5).
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What the limits of this process's control group (version 2) and of those around it leave.
fn available_in_group() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let directory = root.join(group);
    let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    directory
        .ancestors()
        .take_while(|directory| directory.starts_with(root))
        .filter_map(|directory| {
            // "max" is no number: no limit at this level.
            let limit = number(directory.join("memory.max"))?;
            let used = number(directory.join("memory.current"))?;
            // Cached files make way when memory is needed.
            let statistics = fs::read_to_string(directory.join("memory.stat")).ok()?;
            let cached = |kind: &str| {
                let mut lines = statistics.lines();
                lines.find_map(|line| line.strip_prefix(kind)?.trim().parse::<u64>().ok())
            };
            let cached =
                cached("active_file ").unwrap_or(0) + cached("inactive_file ").unwrap_or(0);
            Some(limit.saturating_sub(used.saturating_sub(cached)))
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_refused_with_the_numbers() {
        let Err(error) = check("huge", 1 << 60) else {
            unreachable!("no machine has that much")
        };
        let text = error.to_string();
        assert!(
            text.starts_with("stream 'huge' needs 1048576.0 TiB of shared memory, but "),
            "{text}"
        );
        assert!(check("small", 4096).is_ok());
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(1023), "1023 bytes");
        assert_eq!(readable(3 << 29), "1.5 GiB");
    }

    #[test]
    fn this_machine_says_how_much_memory_it_has() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
