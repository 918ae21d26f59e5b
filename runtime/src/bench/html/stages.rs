//! The time of a frame in each stage: stacked bars of the medians, and a table with the tails.

use std::fmt::Write as _;

use super::super::report::{Percentiles, Report, Stage};
use super::svg;
use crate::report::text::microseconds;

const WIDTH: f64 = 760.0;
const NAMES: f64 = 150.0;
const VALUES: f64 = 90.0;
const ROW: f64 = 34.0;
const BAR: f64 = 18.0;

/// The parts of a turn, in the order in which they pass: name, class of its colour, median.
fn parts(stage: &Stage) -> [(&'static str, &'static str, f64); 3] {
    let median = |part: &Percentiles| part.p50.unwrap_or(0.0);
    let wait = match stage.hand_off {
        true => ("hand-off", "hand-off"),
        false => ("wait", "wait"),
    };
    [
        (wait.0, wait.1, median(&stage.wait_us)),
        ("sandbox", "overhead", median(&stage.overhead_us)),
        ("kernel", "kernel", median(&stage.kernel_us)),
    ]
}

/// The bars, their legend and the table.
pub fn draw(report: &Report) -> String {
    let total = |stage: &Stage| parts(stage).iter().map(|(_, _, us)| us).sum::<f64>();
    let longest = report
        .stages
        .iter()
        .map(|(_, stage)| total(stage))
        .fold(0.0, f64::max);
    let scale = (WIDTH - NAMES - VALUES) / longest.max(1e-3);
    let mut html = legend();
    let height = ROW * report.stages.len().max(1) as f64;
    html.push_str(&svg::open(
        WIDTH,
        height,
        "Median time of a frame in each stage",
    ));
    for (row, (name, stage)) in report.stages.iter().enumerate() {
        let top = ROW * row as f64 + (ROW - BAR) / 2.0;
        let base = top + BAR / 2.0 + 4.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<text x=\"{:.0}\" y=\"{base:.1}\" text-anchor=\"end\">{}<title>{}</title></text>",
            NAMES - 12.0,
            svg::escaped(&svg::shortened(name, 20)),
            svg::escaped(name)
        );
        let mut x = NAMES;
        for (part, class, us) in parts(stage) {
            let width = us * scale;
            // A gap of the background between two parts.
            let _ = writeln!(
                html,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"><title>{}: {part} \
                 {} µs</title></rect>",
                (width - 1.5).max(0.0),
                svg::escaped(name),
                microseconds(Some(us))
            );
            x += width;
        }
        let _ = writeln!(
            html,
            "<text class=\"muted\" x=\"{:.1}\" y=\"{base:.1}\">{} µs</text>",
            x + 8.0,
            microseconds(Some(total(stage)))
        );
    }
    html.push_str("</svg>\n");
    html + &table(report)
}

fn legend() -> String {
    let mut html = "<ul class=\"legend\">\n".to_owned();
    for (class, what) in [
        ("kernel", "kernel"),
        ("overhead", "sandbox around it"),
        ("wait", "wait in its lane"),
        ("hand-off", "hand-off from another lane"),
    ] {
        let _ = writeln!(
            html,
            "<li><svg width=\"12\" height=\"12\"><rect class=\"{class}\" width=\"12\" height=\"12\" rx=\"3\"/></svg>{what}</li>"
        );
    }
    html + "</ul>\n"
}

fn table(report: &Report) -> String {
    let heads = [
        "µs, one frame in flight",
        "kernel p50",
        "p99",
        "sandbox p50",
        "p99",
        "wait p50",
        "p99",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (name, stage) in &report.stages {
        let parts = [&stage.kernel_us, &stage.overhead_us, &stage.wait_us];
        let values = parts.iter().flat_map(|part| [part.p50, part.p99]);
        rows.push(
            [name.clone()]
                .into_iter()
                .chain(values.map(microseconds))
                .collect(),
        );
    }
    super::table(&rows)
}
