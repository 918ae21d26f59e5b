//! The command, as users run it: real processes, real streams, real Python on the other side.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod authoring;
mod bench;
mod checking;
mod endpoint_kernels;
mod endpoints;
mod faults;
mod harness;
mod isolation;
mod kernels;
mod lanes;
mod limits;
mod matching;
mod observatory;
mod outside;
mod pause;
mod policies;
mod quarantine;
mod realtime;
mod recordings;
mod refused;
mod replays;
mod running;
mod sealed;
mod stopping;
mod stranger;
#[path = "../support/mod.rs"]
mod support;
mod wide;
