//! Reports as text: the live table and the summary at the end.

use std::fmt::Write as _;

use super::summary::{RecordingReport, RunReport, StageReport};

/// Lays cells out in columns: the first `left` of them to the left, the others to the right.
pub fn columns(rows: &[Vec<String>], left: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = if column < left {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Microseconds, or a dash where nothing was measured.
pub fn microseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(us) if us < 100.0 => format!("{us:.2}"),
        Some(us) => format!("{us:.0}"),
    }
}

/// A rate in Hz with its unit.
pub fn rate(hz: f64) -> String {
    match hz {
        hz if hz >= 1e6 => format!("{:.2} MHz", hz / 1e6),
        hz if hz >= 1e4 => format!("{:.1} kHz", hz / 1e3),
        hz => format!("{hz:.1} Hz"),
    }
}

/// A column of the table of stages that is shown only where there is something in it.
type Count = (&'static str, fn(&StageReport) -> u64);

const COUNTS: [Count; 7] = [
    ("dropped", |stage| stage.dropped),
    ("held", |stage| stage.held),
    ("bypassed", |stage| stage.bypassed),
    ("faults", |stage| stage.faults),
    ("restarts", |stage| stage.restarts),
    ("skewed", |stage| {
        stage
            .frame_sync
            .map_or(0, |sync| sync.frame_sync_skew_events)
    }),
    ("given up", |stage| {
        stage.frame_sync.map_or(0, |sync| sync.frame_sync_timeouts)
    }),
];

/// The table of stages. `rates` are frames per second, one for each stage of the report.
pub fn stages(report: &RunReport, rates: &[f64]) -> String {
    let heads = [
        "stage", "kind", "frames", "rate", "p50 µs", "p99 µs", "skipped",
    ];
    let any = |(name, count): &&Count| {
        *name == "faults" || report.stages.iter().any(|(_, stage)| count(stage) > 0)
    };
    let counts: Vec<&Count> = COUNTS.iter().filter(any).collect();
    let names = counts.iter().map(|(name, _)| *name);
    let mut rows = vec![heads.into_iter().chain(names).map(str::to_owned).collect()];
    for ((name, stage), hz) in report.stages.iter().zip(rates) {
        let mut row = vec![
            name.clone(),
            stage.kind.clone(),
            stage.frames.to_string(),
            rate(*hz),
            microseconds(stage.exec_us.p50),
            microseconds(stage.exec_us.p99),
            stage.skipped.to_string(),
        ];
        row.extend(counts.iter().map(|(_, count)| count(stage).to_string()));
        rows.push(row);
    }
    columns(&rows, 2)
}

/// The table of sources of several streams; empty where there is none.
fn sources(report: &RunReport) -> String {
    let several = report.sources.iter();
    let several: Vec<_> = several
        .filter(|(_, source)| source.streams.len() > 1)
        .collect();
    if several.is_empty() {
        return String::new();
    }
    let heads = [
        "source",
        "kind",
        "generations",
        "lost",
        "skew p50 µs",
        "skew max µs",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, source) in several {
        let lost: u64 = source.streams.iter().map(|(_, stream)| stream.lost).sum();
        rows.push(vec![
            name.clone(),
            source.kind.clone(),
            source.generations.to_string(),
            lost.to_string(),
            microseconds(source.skew_us.p50),
            microseconds(source.skew_us.max),
        ]);
    }
    format!("\n{}", columns(&rows, 2))
}

/// The line about the time through the whole graph.
pub fn latency(report: &RunReport) -> String {
    let latency = &report.latency_us;
    format!(
        "latency  p50 {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
        microseconds(latency.p50),
        microseconds(latency.p99),
        microseconds(latency.p999),
        microseconds(latency.max)
    )
}

/// What is in a recording.
fn recorded(recording: &RecordingReport) -> String {
    let heads = ["recorded", "", "frames", "dropped"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, stream) in &recording.streams {
        let counts = [stream.recorded, stream.dropped].map(|count| count.to_string());
        rows.push(
            [name.clone(), String::new()]
                .into_iter()
                .chain(counts)
                .collect(),
        );
    }
    let mut text = format!("\n{}", columns(&rows, 2));
    if recording.lost_calls > 0 {
        let _ = writeln!(text, "{} calls are not recorded", recording.lost_calls);
    }
    if let Some(failure) = &recording.failure {
        let _ = writeln!(text, "the recording ended before the run: {failure}");
    }
    text
}

/// The whole report, for the end of a run.
pub fn summary(report: &RunReport) -> String {
    let rates: Vec<f64> = report
        .stages
        .iter()
        .map(|(_, stage)| stage.frames as f64 / report.elapsed_s.max(1e-9))
        .collect();
    let mut text = stages(report, &rates);
    let _ = write!(text, "{}", sources(report));
    let heads = ["stream", "", "published", "missed", "skipped"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, stream) in &report.streams {
        let cells = [
            name,
            "",
            &stream.published.to_string(),
            &stream.missed.to_string(),
            &stream.skipped.to_string(),
        ];
        rows.push(cells.map(str::to_owned).to_vec());
    }
    let state = report.state.name();
    let _ = write!(
        text,
        "\n{}\n{}\ninterruption: {}\n{state} after {:.2} s\n",
        columns(&rows, 2),
        latency(report),
        report.interruption,
        report.elapsed_s
    );
    if let Some(realtime) = &report.realtime {
        let _ = writeln!(text, "{realtime}");
    }
    if let Some(placement) = &report.placement {
        let _ = write!(text, "{placement}");
    }
    for fault in &report.faults {
        let frame = match fault.sequence {
            Some(sequence) => format!(
                "frame {} (publication {sequence} of its trigger)",
                fault.frame_id
            ),
            None => format!("frame {}", fault.frame_id),
        };
        let _ = writeln!(
            text,
            "fault in {} at {frame}, after {:.3} s: {} ({}); {}",
            fault.stage,
            fault.at_s,
            fault.message,
            fault.cause,
            fault.action.name()
        );
    }
    if let Some(recording) = &report.recording {
        text.push_str(&recorded(recording));
    }
    if report.faults_left_out > 0 {
        let _ = writeln!(
            text,
            "{} more faults are counted, but not listed",
            report.faults_left_out
        );
    }
    text
}
