//! Configurations: what valid ones mean, and for each mistake the message and the place that it marks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../support/marks.rs"]
mod marks;

mod file;
mod graph;
mod properties;
mod rendering;
mod stages;
mod streams;
mod unsupported;
mod valid;

use std::path::Path;

use sandpipe::config::{self, Report};

fn refused(text: &str) -> Report {
    match config::parse(Path::new("pipeline.yaml"), text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(report) => report,
    }
}

/// Checks that `marked` is refused with exactly the given messages, each `message` or `message | help`.
#[track_caller]
fn check(marked: &str, expected: &[&str]) {
    let (text, places) = marks::unmark(marked);
    marks::check(&refused(&text), places, expected);
}

/// Checks that `text` is accepted.
#[track_caller]
fn accept(text: &str) {
    if let Err(report) = config::parse(Path::new("pipeline.yaml"), text) {
        panic!("refused:\n{report}");
    }
}

/// A pipeline a → k → b with `stage` added to its kernel.
fn with_stage(stage: &str) -> String {
    format!(
        "shared_memory:\n- {{name: a, shape: [4]}}\n- {{name: b, shape: [4]}}\n- {{name: c, shape: [4]}}\nkernels:\n- name: k\n  kind: cpu.copy\n  input: a\n  output: b\n  {stage}\n"
    )
}

/// A pipeline whose stream `a` has `stream` added.
fn with_stream(stream: &str) -> String {
    format!(
        "shared_memory:\n- name: a\n  {stream}\n- {{name: b, shape: [4]}}\nkernels:\n- {{name: k, kind: cpu.copy, input: a, output: b}}\n"
    )
}
