//! The report as one page that needs nothing else: no script, no font, no picture from anywhere.

mod curve;
mod graph;
mod stages;
mod svg;

use std::fmt::Write as _;

use super::report::Report;
use super::text;
use crate::report::text::{microseconds, rate};
use svg::escaped;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub fn html(report: &Report) -> String {
    let name = escaped(&report.pipeline);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{name} – sandpipe bench</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><p>sandpipe bench</p><h1>{name}</h1></header>\n"
    );
    page.push_str(&tiles(report));
    page.push_str(&list(
        "warnings",
        "Do not trust these figures blindly",
        &report.warnings,
    ));
    page.push_str("<main>\n");
    section(&mut page, "graph", "Pipeline", &graph::draw(report));
    page.push_str("<div class=\"figures\">\n");
    section(
        &mut page,
        "latency",
        "Latency by percentile",
        &curve::draw(report),
    );
    section(
        &mut page,
        "stages",
        "Where the time of a frame goes",
        &stages::draw(report),
    );
    if !report.native.is_empty() {
        section(
            &mut page,
            "native",
            "Beside native builds",
            &table(&text::native(report)),
        );
    }
    page.push_str("</div>\n</main>\n");
    for comparison in &report.comparisons {
        let figures = table(&text::compared(comparison));
        section(&mut page, "comparison", "Beside another report", &figures);
    }
    let machine = escaped(&text::machine(report)).replace('\n', "<br/>");
    section(
        &mut page,
        "machine",
        "Machine",
        &format!("<p>{machine}</p>\n"),
    );
    page.push_str(&list("notes", "Notes", &report.notes));
    page.push_str("</body>\n</html>\n");
    page
}

/// The figures that most people look for.
fn tiles(report: &Report) -> String {
    let latency = &report.latency_us;
    let us = |value| format!("{} µs", microseconds(value));
    let mut tiles = vec![
        ("throughput", rate(report.throughput_hz)),
        ("latency p50", us(latency.p50)),
        ("latency p99", us(latency.p99)),
        ("latency p99.9", us(latency.p999)),
    ];
    let at_rate = report.at_rate.as_ref();
    let name = at_rate.map(|at_rate| format!("p99 at {}", rate(at_rate.rate_hz)));
    if let (Some(name), Some(at_rate)) = (&name, at_rate) {
        tiles.push((name, us(at_rate.latency_us.p99)));
    }
    tiles.push(("first frame", format!("{:.0} ms", report.first_frame_ms)));
    let mebibytes = report.rss_bytes as f64 / f64::from(1 << 20);
    tiles.push(("memory", format!("{mebibytes:.0} MiB")));
    let mut html = "<dl class=\"tiles\">\n".to_owned();
    for (name, value) in tiles {
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<div><dt>{}</dt><dd>{value}</dd></div>",
            escaped(name)
        );
    }
    html + "</dl>\n"
}

fn section(page: &mut String, class: &str, title: &str, content: &str) {
    let _ = write!(
        page,
        "<section class=\"{class}\">\n<h2>{title}</h2>\n{content}</section>\n"
    );
}

/// A table whose first row are its heads.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut html = "<div class=\"scroll\">\n<table>\n".to_owned();
    for (index, row) in rows.iter().enumerate() {
        let tag = if index == 0 { "th" } else { "td" };
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<{tag}>{}</{tag}>", escaped(cell));
        }
        html.push_str("</tr>\n");
    }
    html + "</table>\n</div>\n"
}

/// A section with a list, if there is anything in it.
fn list(class: &str, title: &str, entries: &[String]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut html = format!("<section class=\"{class}\">\n<h2>{title}</h2>\n<ul>\n");
    for entry in entries {
        let _ = writeln!(html, "<li>{}</li>", escaped(entry));
    }
    html + "</ul>\n</section>\n"
}
