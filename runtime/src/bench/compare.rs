//! Two reports side by side.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::report::{Percentiles, Report, Rounds};
use super::warnings::spread;

/// Differences below this are never worth a word.
const LEAST_SPREAD: f64 = 0.03;

/// What is read of a report that was printed before.
#[derive(Clone, Debug, Deserialize)]
pub struct Other {
    pipeline: String,
    machine: OtherMachine,
    throughput_hz: f64,
    latency_us: Percentiles,
    rounds: Rounds,
    first_frame_ms: f64,
    rss_bytes: u64,
    stages: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct OtherMachine {
    cpu: String,
    build: String,
}

/// A stage of such a report.
#[derive(Deserialize)]
struct OtherStage {
    kernel_us: Percentiles,
    overhead_us: Percentiles,
    wait_us: Percentiles,
}

impl Other {
    /// Reads a file that `bench --format json` has printed.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let what = || {
            format!(
                "{} is no report of `sandpipe bench --format json`",
                path.display()
            )
        };
        let text =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(what)
    }
}

/// Two reports compared.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What the other one measured.
    pub with: String,
    /// Why the ratios may say something else.
    pub warning: Option<String>,
    /// Figure by figure; those that only one report has are left out.
    pub figures: Vec<Figure>,
}

/// One figure of both.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Which.
    pub name: String,
    /// In the other report.
    pub before: f64,
    /// In this one.
    pub now: f64,
    /// This one divided by the other.
    pub ratio: f64,
    /// How far apart rounds of one report were, at most: a smaller difference says nothing.
    pub spread: f64,
    /// What the difference says.
    pub verdict: Verdict,
}

/// What the difference between two figures says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// This report is better.
    Better,
    /// This report is worse.
    Worse,
    /// The rounds of one report differ as much.
    Same,
}

impl Verdict {
    /// As it is written: `better`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same => "no difference",
        }
    }
}

/// Which way a figure is better.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Good {
    Less,
    More,
}

impl Figure {
    fn new(name: String, good: Good, before: f64, now: f64, spread: f64) -> Option<Self> {
        if !(before > 0.0 && now > 0.0) {
            return None;
        }
        let ratio = now / before;
        let spread = spread.max(LEAST_SPREAD);
        let verdict = match ratio {
            ratio if (1.0 / (1.0 + spread)..=1.0 + spread).contains(&ratio) => Verdict::Same,
            ratio if (ratio > 1.0) == (good == Good::More) => Verdict::Better,
            _ => Verdict::Worse,
        };
        Some(Self {
            name,
            before,
            now,
            ratio,
            spread,
            verdict,
        })
    }
}

/// Compares `report` with another one.
pub fn compare(report: &Report, other: &Other) -> Comparison {
    let machine = &report.machine;
    let alike = other.machine.cpu == machine.cpu && other.machine.build == machine.build;
    let warning = (!alike).then(|| {
        format!(
            "the other report comes from another machine or build ({}, {}): the ratios compare those too",
            other.machine.cpu, other.machine.build
        )
    });
    let widest =
        |of: fn(&Rounds) -> &[f64]| spread(of(&report.rounds)).max(spread(of(&other.rounds)));
    let of_throughput = widest(|rounds| &rounds.throughput_hz);
    let of_latency = widest(|rounds| &rounds.latency_p50_us);
    let of_tail = widest(|rounds| &rounds.latency_p99_us);
    let less = |name: String, before: Option<f64>, now: Option<f64>, spread| {
        Figure::new(name, Good::Less, before?, now?, spread)
    };
    let (before, now) = (&other.latency_us, &report.latency_us);
    let mut figures = vec![
        Figure::new(
            "throughput, Hz".to_owned(),
            Good::More,
            other.throughput_hz,
            report.throughput_hz,
            of_throughput,
        ),
        less(
            "latency p50, µs".to_owned(),
            before.p50,
            now.p50,
            of_latency,
        ),
        less("latency p99, µs".to_owned(), before.p99, now.p99, of_tail),
    ];
    for (name, stage) in &report.stages {
        let before = other
            .stages
            .get(name)
            .cloned()
            .map(serde_json::from_value::<OtherStage>);
        let Some(Ok(before)) = before else {
            continue;
        };
        for (part, before, now) in [
            ("kernel", &before.kernel_us, &stage.kernel_us),
            ("sandbox", &before.overhead_us, &stage.overhead_us),
            ("wait", &before.wait_us, &stage.wait_us),
        ] {
            figures.push(less(
                format!("{name}: {part} p50, µs"),
                before.p50,
                now.p50,
                of_latency,
            ));
        }
    }
    // Measured once in each report: how far such figures vary is not known, so they are compared by the larger spread.
    let once = of_throughput.max(of_latency).max(0.2);
    figures.push(less(
        "first frame, ms".to_owned(),
        Some(other.first_frame_ms),
        Some(report.first_frame_ms),
        once,
    ));
    let mebibytes = |bytes: u64| Some(bytes as f64 / f64::from(1 << 20));
    figures.push(less(
        "memory, MiB".to_owned(),
        mebibytes(other.rss_bytes),
        mebibytes(report.rss_bytes),
        LEAST_SPREAD,
    ));
    Comparison {
        with: other.pipeline.clone(),
        warning,
        figures: figures.into_iter().flatten().collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_difference_within_the_spread_is_none() {
        let verdict = |good, before, now, spread| {
            Figure::new(String::new(), good, before, now, spread)
                .unwrap()
                .verdict
        };
        assert_eq!(verdict(Good::Less, 10.0, 10.9, 0.1), Verdict::Same);
        assert_eq!(verdict(Good::Less, 10.0, 9.2, 0.1), Verdict::Same);
        assert_eq!(verdict(Good::Less, 10.0, 11.2, 0.1), Verdict::Worse);
        assert_eq!(verdict(Good::Less, 10.0, 8.9, 0.1), Verdict::Better);
        assert_eq!(verdict(Good::More, 10.0, 11.2, 0.1), Verdict::Better);
        assert_eq!(verdict(Good::More, 10.0, 8.9, 0.1), Verdict::Worse);
        assert_eq!(verdict(Good::More, 10.0, 10.2, 0.0), Verdict::Same);
        assert!(Figure::new(String::new(), Good::Less, 0.0, 1.0, 0.1).is_none());
    }
}
