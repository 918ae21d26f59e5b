//! The ring's own code, `stream/ring/`, in every order in which its threads may run and its memory accesses take effect, as
//! far as loom can tell: each test runs its threads again and again, until no order is left (or, where that says so, none with
//! more preemptions than a bound).
//!
//! What lies in a slot is a loom cell: loom fails when one thread touches it while another one writes it, and when nothing
//! orders the two. So a frame that is overwritten while somebody reads it is found even where the bytes come out right.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test may panic, and does not use all of the ring"
)]

mod atomic;
mod broken;
mod every;
mod follower;
mod latest;
mod owner;
mod reclaim;
mod table;
mod wait;

#[path = "../../src/stream/ring/mod.rs"]
#[allow(unused_imports, reason = "the tests do not name all of it")]
mod ring;
