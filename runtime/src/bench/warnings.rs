//! Why figures should not be trusted.

use super::measure::Measured;
use super::report::{Report, median};
use super::{Options, Results};

/// A processor that loses more of its time is busy with something else.
const NOISE: f64 = 0.02;
/// Rounds that differ by more are not the same experiment.
const SPREAD: f64 = 0.1;
/// A percentile needs so many values beyond it.
const BEYOND: f64 = 10.0;

/// All that apply.
pub fn of(report: &Report, options: &Options, results: &Results) -> Vec<String> {
    let mut warnings = Vec::new();
    machine(report, &mut warnings);
    rounds(report, &mut warnings);
    samples(report, &mut warnings);
    let runs = [
        ("throughput", &results.throughput),
        ("one frame in flight", &results.latency),
        ("at the given rate", &results.at_rate),
    ];
    for (what, runs) in runs {
        warm_up(what, runs, options, &mut warnings);
        faults(what, runs, &mut warnings);
    }
    if let Some(at_rate) = &report.at_rate {
        // Some frames are on their way when a run ends.
        let lost = at_rate.sent.saturating_sub(at_rate.arrived);
        if lost as f64 > 0.001 * at_rate.sent as f64 + f64::from(options.rounds) {
            warnings.push(format!(
                "at {} Hz {lost} of {} frames did not arrive in time or were overtaken; those are not in the latencies",
                at_rate.rate_hz, at_rate.sent
            ));
        }
    }
    warnings
}

fn machine(report: &Report, warnings: &mut Vec<String>) {
    let machine = &report.machine;
    if machine.build == "debug" {
        warnings.push("this is a debug build: build sandpipe with --release".to_owned());
    }
    let lost = machine
        .noise
        .iter()
        .map(|noise| noise.lost())
        .fold(0.0, f64::max);
    let longest = machine
        .noise
        .iter()
        .map(|noise| noise.longest_us())
        .fold(0.0, f64::max);
    if lost > NOISE {
        warnings.push(format!(
            "the machine is busy: a processor lost {:.1} % of its time to others, up to {longest:.0} µs at once",
            lost * 100.0
        ));
    }
    if machine.kept_waiting > NOISE {
        warnings.push(format!(
            "the lanes had to share processors: they were ready, but did not run, for {:.1} % of a processor's time",
            machine.kept_waiting * 100.0
        ));
    }
    if machine.stolen > NOISE {
        warnings.push(format!(
            "the hypervisor took {:.1} % of the processors' time",
            machine.stolen * 100.0
        ));
    }
    if let Some(governor) = machine
        .governor
        .as_deref()
        .filter(|name| *name == "powersave")
    {
        warnings.push(format!(
            "the frequency governor is {governor}: choose performance (cpupower frequency-set -g performance)"
        ));
    }
    let lanes = report.graph.lanes.len();
    if lanes > machine.processors {
        warnings.push(format!(
            "{lanes} lanes run on {} processors: they wait for one another",
            machine.processors
        ));
    }
}

fn rounds(report: &Report, warnings: &mut Vec<String>) {
    for (what, values) in [
        ("the throughput", &report.rounds.throughput_hz),
        ("the median latency", &report.rounds.latency_p50_us),
    ] {
        let spread = spread(values);
        if spread > SPREAD {
            warnings.push(format!(
                "{what} differs by {:.0} % between rounds: measure longer, or on a quieter machine",
                spread * 100.0
            ));
        }
    }
}

/// How far the values are apart, relative to their median.
pub fn spread(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    match median(values) {
        0.0 => 0.0,
        median => (largest - least).max(0.0) / median,
    }
}

fn samples(report: &Report, warnings: &mut Vec<String>) {
    let count = report.latency_us.count;
    for (name, beyond) in [("p50", 0.5), ("p99", 0.01), ("p999", 0.001)] {
        if (count as f64) * beyond < BEYOND {
            warnings.push(format!(
                "only {count} frames were measured with one in flight: too few for {name} and above; use a longer --duration"
            ));
            return;
        }
    }
}

fn warm_up(what: &str, runs: &[Measured], options: &Options, warnings: &mut Vec<String>) {
    let cold = runs.iter().filter(|run| !run.warm_up.reached).count();
    if cold > 0 {
        warnings.push(format!(
            "{what}: {cold} of {} runs did not become steady in {:?}; use a longer --warmup, or a quieter machine",
            runs.len(),
            options.warm_up
        ));
    }
}

fn faults(what: &str, runs: &[Measured], warnings: &mut Vec<String>) {
    let faults: u64 = runs.iter().map(|run| run.faults).sum();
    if faults > 0 {
        warnings.push(format!(
            "{what}: stages faulted {faults} times; those frames are not what they should be"
        ));
    }
}
