//! The machine that figures were measured on.

use std::collections::BTreeSet;
use std::fs;

use serde::Serialize;

use super::noise::Noise;
use crate::pipeline::processors;

/// What a reader needs to know to judge figures, and to compare them with others.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Cores that they belong to: less than the processors where two share one.
    pub cores: usize,
    /// Whether a hypervisor shares them out, so that others may take their time.
    pub virtual_machine: bool,
    /// How the frequency is chosen; `null` where the system does not say.
    pub governor: Option<String>,
    /// The kernel's version.
    pub kernel: String,
    /// Processes that wanted to run, averaged over the minute before the bench.
    pub load_average: Option<f64>,
    /// sandpipe's version.
    pub sandpipe: &'static str,
    /// `release` or `debug`.
    pub build: &'static str,
    /// What took the processors away from a loop that only reads the clock, before, between and after the rounds.
    pub noise: Vec<Noise>,
    /// Share of the processors' time that the hypervisor gave to others while it was measured.
    pub stolen: f64,
    /// Share of a processor's time in which lanes were ready, but did not run, while it was measured; the most of all runs.
    pub kept_waiting: f64,
}

impl Machine {
    /// This machine, whose load before the bench is known.
    pub fn of_now(load_average: Option<f64>) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processors = processors();
        Self {
            cpu: field(&cpuinfo, "model name")
                .or_else(|| field(&cpuinfo, "Processor"))
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: cores(&processors),
            processors: processors.len(),
            virtual_machine: field(&cpuinfo, "flags")
                .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_default(),
            load_average,
            sandpipe: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            noise: Vec::new(),
            stolen: 0.0,
            kept_waiting: 0.0,
        }
    }
}

/// The load average of the last minute.
pub fn load_average() -> Option<f64> {
    line("/proc/loadavg")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// How many cores the processors belong to: each names the processors that it shares its core with.
fn cores(processors: &[usize]) -> usize {
    let siblings = |processor: &usize| {
        let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
        line(&path).unwrap_or_else(|| processor.to_string())
    };
    processors
        .iter()
        .map(siblings)
        .collect::<BTreeSet<_>>()
        .len()
}

/// The value behind `key` in a file of `key : value` lines.
fn field(text: &str, key: &str) -> Option<String> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = fields.filter(|(name, _)| name.trim() == key);
    values.next().map(|(_, value)| value.trim().to_owned())
}

/// The first line of a file, if there is one.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU: fast\nmodel\t\t: 17\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Some CPU: fast"));
        assert_eq!(field(text, "model").as_deref(), Some("17"));
        assert_eq!(field(text, "flags"), None);
    }

    #[test]
    fn this_machine_has_processors_and_a_kernel() {
        let machine = Machine::of_now(load_average());
        assert!(machine.processors >= machine.cores && machine.cores > 0);
        assert!(!machine.kernel.is_empty() && machine.load_average.is_some());
    }
}
