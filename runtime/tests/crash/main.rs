//! Whatever dies, is stopped, runs full or is scribbled on, while pipelines start, run and stop.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and tells what it did"
)]

mod chance;
mod chaos;
mod damaged;
mod full;
#[path = "../command/harness.rs"]
mod harness;
mod killed;
mod limits;
mod outside;
mod remains;
mod stopped;
#[path = "../support/mod.rs"]
mod support;
