//! The sandbox from outside: what kernels can do, and what they cannot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use sandpipe::sandbox::Isolation;

/// Where the kernels of these tests run. The tests of `isolation` are the same, with the other one.
const ISOLATION: Isolation = Isolation::Thread;

mod cache;
mod copied;
mod faults;
mod harness;
mod illegal;
mod leaks;
mod refused;
mod running;
mod stopping;
