//! sandpipe beside the real shmpipeline: what is accepted, what is computed, and both on the same streams.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic"
)]

#[path = "../kernels/bench.rs"]
mod bench;
mod configs;
#[path = "../support/guest.rs"]
mod guest;
mod kernels;
mod notes;
mod pipelines;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

/// A Python interpreter that has shmpipeline.
fn python() -> PathBuf {
    let requirements = include_str!("requirements.txt");
    support::virtual_environment("parent-venv", requirements).join("bin/python")
}

#[test]
fn the_parent_is_the_version_that_is_compared_with() {
    let mut command = std::process::Command::new(python());
    command.args([
        "-c",
        "import importlib.metadata as m; print(m.version('shmpipeline'))",
    ]);
    assert_eq!(support::run(&mut command).trim(), "1.3.0");
}
