//! What the kernel's files say about this process and its machine. proc(5); what is missing reads as zero or `None`.

use std::fs;
use std::path::Path;

/// Times that only grow.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// For each thread: its id, and how long it was ready, but did not run.
    ready_ns: Vec<(u32, u64)>,
    /// Ticks of all processors, and those of them that the hypervisor gave to others.
    ticks: u64,
    stolen: u64,
}

impl Times {
    /// As of now.
    pub fn now() -> Self {
        let (ticks, stolen) = fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| ticks(&text))
            .unwrap_or_default();
        Self {
            ready_ns: ready_ns(),
            ticks,
            stolen,
        }
    }

    /// How long threads that were there at both times were ready, but did not run.
    pub fn kept_waiting_ns(&self, earlier: &Times) -> u64 {
        let before = |id: u32| earlier.ready_ns.iter().find(|(other, _)| *other == id);
        let grown = |(id, now): &(u32, u64)| Some(now.saturating_sub(before(*id)?.1));
        self.ready_ns.iter().filter_map(grown).sum()
    }

    /// The share of the processors' time that was stolen.
    pub fn stolen(&self, earlier: &Times) -> f64 {
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        stolen as f64 / ticks.max(1) as f64
    }
}

/// All ticks and the stolen ones, from the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks = line.split_whitespace().take(8).map(str::parse);
    let ticks = ticks.collect::<Result<Vec<u64>, _>>().ok()?;
    Some((ticks.iter().sum(), ticks.get(7).copied().unwrap_or(0)))
}

/// From each thread's schedstat: time on a processor, time ready to run, time slices.
fn ready_ns() -> Vec<(u32, u64)> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let ready = tasks.flatten().filter_map(|task| {
        let id = task.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((id, text.split_whitespace().nth(1)?.parse().ok()?))
    });
    ready.collect()
}

/// Bytes of memory that this process and its children have to themselves or for their files, streams not counted.
pub fn resident_bytes() -> u64 {
    let own = resident_of(Path::new("/proc/self"));
    children()
        .map(|child| resident_of(Path::new("/proc").join(child).as_path()))
        .fold(own, u64::saturating_add)
}

fn resident_of(process: &Path) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    kibibytes(&status, "RssAnon:").saturating_add(kibibytes(&status, "RssFile:")) << 10
}

fn kibibytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// The processes that threads of this one have started.
fn children() -> impl Iterator<Item = String> {
    let tasks = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    tasks.flat_map(|task| {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_grow_and_memory_is_seen() {
        let before = Times::now();
        assert!(before.ticks > 0 && !before.ready_ns.is_empty());
        let after = Times {
            stolen: before.stolen + 5,
            ticks: before.ticks + 100,
            ready_ns: vec![(7, 30), (8, 9)],
        };
        assert_eq!(after.stolen(&before), 0.05);
        let before = Times {
            ready_ns: vec![(7, 10)],
            ..before
        };
        assert_eq!(after.kept_waiting_ns(&before), 20);
        assert!(resident_bytes() > 1 << 20);
    }

    #[test]
    fn the_eighth_figure_of_the_first_line_is_steal() {
        let text = "cpu  10 20 30 40 50 60 70 80 90 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        assert_eq!(ticks(text), Some((360, 80)));
        assert_eq!(ticks(""), None);
        assert_eq!(kibibytes("Name:\tx\nRssAnon:\t  12 kB\n", "RssAnon:"), 12);
    }
}
