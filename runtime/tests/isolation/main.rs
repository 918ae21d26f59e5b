//! The sandbox with kernels in processes of their own: all that is true of kernels on threads, and more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use sandpipe::sandbox::Isolation;

/// Where the kernels of these tests run.
const ISOLATION: Isolation = Isolation::Process;

#[path = "../sandbox/cache.rs"]
mod cache;
mod confined;
#[path = "../sandbox/copied.rs"]
mod copied;
mod ends;
#[path = "../sandbox/faults.rs"]
mod faults;
#[path = "../sandbox/harness.rs"]
mod harness;
mod hostile;
#[path = "../sandbox/illegal.rs"]
mod illegal;
mod machine;
#[path = "../sandbox/refused.rs"]
mod refused;
#[path = "../sandbox/running.rs"]
mod running;
#[path = "../sandbox/stopping.rs"]
mod stopping;
