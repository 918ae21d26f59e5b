//! Reports as text: the live table and the summary at the end.

use std::fmt::Write as _;

use super::summary::{RunReport, State};

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
fn microseconds(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(us) if us < 100.0 => format!("{us:.2}"),
        Some(us) => format!("{us:.0}"),
    }
}

/// A rate in Hz with its unit.
fn rate(hz: f64) -> String {
    match hz {
        hz if hz >= 1e6 => format!("{:.2} MHz", hz / 1e6),
        hz if hz >= 1e4 => format!("{:.1} kHz", hz / 1e3),
        hz => format!("{hz:.1} Hz"),
    }
}

/// The table of stages. `rates` are frames per second, one for each stage of the report.
pub fn stages(report: &RunReport, rates: &[f64]) -> String {
    let heads = [
        "stage", "kind", "frames", "rate", "p50 µs", "p99 µs", "skipped", "faults",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for ((name, stage), hz) in report.stages.iter().zip(rates) {
        rows.push(vec![
            name.clone(),
            stage.kind.clone(),
            stage.frames.to_string(),
            rate(*hz),
            microseconds(stage.exec_us.p50),
            microseconds(stage.exec_us.p99),
            stage.skipped.to_string(),
            stage.faults.to_string(),
        ]);
    }
    columns(&rows, 2)
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

/// The whole report, for the end of a run.
pub fn summary(report: &RunReport) -> String {
    let rates: Vec<f64> = report
        .stages
        .iter()
        .map(|(_, stage)| stage.frames as f64 / report.elapsed_s.max(1e-9))
        .collect();
    let mut text = stages(report, &rates);
    let heads = ["stream", "", "published", "skipped"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, stream) in &report.streams {
        let cells = [
            name,
            "",
            &stream.published.to_string(),
            &stream.skipped.to_string(),
        ];
        rows.push(cells.map(str::to_owned).to_vec());
    }
    let state = match report.state {
        State::Running => "running",
        State::Stopped => "stopped",
        State::Interrupted => "interrupted",
        State::Failed => "failed",
    };
    let _ = write!(
        text,
        "\n{}\n{}\ninterruption: {}\n{state} after {:.2} s\n",
        columns(&rows, 2),
        latency(report),
        report.interruption,
        report.elapsed_s
    );
    for fault in &report.faults {
        let _ = writeln!(
            text,
            "fault in {} at frame {}: {} ({})",
            fault.stage, fault.frame_id, fault.message, fault.cause
        );
    }
    text
}
