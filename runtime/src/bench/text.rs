//! The report for people.

use std::fmt::Write as _;

use super::compare::Comparison;
use super::report::{Percentiles, Report};
use crate::report::text::{columns, microseconds, rate};

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{}\n{}\n\n{}",
        report.pipeline,
        machine(report),
        figures(report)
    );
    let _ = write!(text, "\n{}", stages(report));
    if !report.native.is_empty() {
        let _ = write!(text, "\n{}", columns(&native(report), 1));
    }
    for comparison in &report.comparisons {
        let _ = write!(text, "\n{}", columns(&compared(comparison), 1));
    }
    if !(report.notes.is_empty() && report.warnings.is_empty()) {
        text.push('\n');
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

/// Two lines about the machine.
pub fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let heard =
        |of: fn(&super::noise::Noise) -> f64| machine.noise.iter().map(of).fold(0.0, f64::max);
    format!(
        "{}, {} {}processors on {} cores, governor {}, Linux {}, load {}; sandpipe {} ({})\n\
         noise: a spinning loop lost up to {:.2} % of its time, {:.0} µs at once; lanes kept waiting {:.2} %, stolen {:.2} %",
        machine.cpu,
        machine.processors,
        if machine.virtual_machine {
            "virtual "
        } else {
            ""
        },
        machine.cores,
        machine.governor.as_deref().unwrap_or("unknown"),
        machine.kernel,
        machine
            .load_average
            .map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}")),
        machine.sandpipe,
        machine.build,
        heard(super::noise::Noise::lost) * 100.0,
        heard(super::noise::Noise::longest_us),
        machine.kept_waiting * 100.0,
        machine.stolen * 100.0,
    )
}

fn figures(report: &Report) -> String {
    let mut rows = vec![
        ["µs", "frames", "p50", "p90", "p99", "p99.9", "max"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut row = |name: String, percentiles: &Percentiles| {
        let mut row = vec![name, percentiles.count.to_string()];
        row.extend(
            [
                percentiles.p50,
                percentiles.p90,
                percentiles.p99,
                percentiles.p999,
                percentiles.max,
            ]
            .map(microseconds),
        );
        rows.push(row);
    };
    row(
        "latency, one frame in flight".to_owned(),
        &report.latency_us,
    );
    if let Some(at_rate) = &report.at_rate {
        row(
            format!("latency at {}", rate(at_rate.rate_hz)),
            &at_rate.latency_us,
        );
    }
    let rounds: Vec<String> = report
        .rounds
        .throughput_hz
        .iter()
        .map(|hz| rate(*hz))
        .collect();
    format!(
        "throughput   {}   (rounds: {})\nfirst frame  {:.1} ms\nmemory       {:.1} MiB\n\n{}",
        rate(report.throughput_hz),
        rounds.join(", "),
        report.first_frame_ms,
        report.rss_bytes as f64 / f64::from(1 << 20),
        columns(&rows, 1)
    )
}

/// A table of the kernels beside their native builds, its heads first. What the call itself costs is most of the sandboxed time of
/// a small frame.
pub fn native(report: &Report) -> Vec<Vec<String>> {
    let heads = [
        "µs a call, p50",
        "sandboxed",
        "an empty call",
        "native",
        "ratio",
        "outputs",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, native) in &report.native {
        let mut stages = report.stages.iter();
        let stage = stages.find(|(stage, _)| stage == name);
        rows.push(vec![
            name.clone(),
            microseconds(Some(native.sandboxed_us)),
            microseconds(stage.map(|(_, stage)| stage.empty_call_us)),
            microseconds(Some(native.native_us)),
            format!("{:.2}", native.ratio),
            if native.same_output {
                "the same"
            } else {
                "differ"
            }
            .to_owned(),
        ]);
    }
    rows
}

/// A table of the figures of two reports, its heads first.
pub fn compared(comparison: &Comparison) -> Vec<Vec<String>> {
    let with = format!("compared with {}", comparison.with);
    let heads = [with.as_str(), "before", "now", "ratio", "spread", "verdict"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for figure in &comparison.figures {
        rows.push(vec![
            figure.name.clone(),
            microseconds(Some(figure.before)),
            microseconds(Some(figure.now)),
            format!("{:.2}", figure.ratio),
            format!("{:.0} %", figure.spread * 100.0),
            figure.verdict.name().to_owned(),
        ]);
    }
    rows
}

fn stages(report: &Report) -> String {
    let heads = [
        "stage",
        "kind",
        "kernel p50",
        "p99",
        "overhead p50",
        "p99",
        "wait p50",
        "p99",
        "",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, stage) in &report.stages {
        let mut row = vec![name.clone(), stage.kind.clone()];
        for part in [&stage.kernel_us, &stage.overhead_us, &stage.wait_us] {
            row.extend([part.p50, part.p99].map(microseconds));
        }
        row.push(if stage.hand_off { "handed over" } else { "" }.to_owned());
        rows.push(row);
    }
    columns(&rows, 2)
}
