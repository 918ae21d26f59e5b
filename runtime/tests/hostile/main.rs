//! Kernels that mean harm, and what becomes of them: refused, stopped or harmless, while the stage beside them computes what it
//! would compute alone.
//!
//! Each file in `kernels/` is an attack (see `case`); those that are too large to be read are made by `generated`, and
//! `rust/` is a kernel in Rust with several. The numbers group them: 01 to 09 time, 10 to 27 memory, 28 to 41 the interface, 42 to
//! 50 admission, 60 ordinary mistakes.
//!
//! All that have the same outcome run in one process, side by side on one input stream, so that they could harm each other too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a test may panic, and does not use all of the harness"
)]

mod case;
mod generated;
#[path = "../support/guest.rs"]
mod guest;
#[path = "../command/harness.rs"]
mod harness;
mod pipeline;
mod rust;

use case::{Case, Expect};
use pipeline::Run;

/// Every case.
fn corpus() -> Vec<Case> {
    let mut cases = case::read_all();
    cases.extend(generated::cases());
    cases.extend(rust::cases());
    cases
}

fn those(wanted: impl Fn(&Expect) -> bool) -> Vec<Case> {
    let mut cases = corpus();
    cases.retain(|case| wanted(&case.expect));
    cases
}

#[test]
fn there_are_many_and_each_has_its_own_name() {
    let mut names: Vec<String> = corpus().into_iter().map(|case| case.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert!(names.len() == all && all >= 60, "{all} cases");
}

/// The same for each place where a guest may run.
macro_rules! isolation {
    ($name:ident) => {
        mod $name {
            use super::*;

            const ISOLATION: &str = stringify!($name);

            #[test]
            fn what_is_refused_is_refused_before_it_runs() {
                let cases = those(|expect| matches!(expect, Expect::Refused(_)));
                pipeline::are_refused(&cases, ISOLATION);
            }

            #[test]
            fn what_cannot_start_ends_the_run_before_the_first_frame() {
                let cases = those(|expect| matches!(expect, Expect::Open(_)));
                pipeline::cannot_start(&cases, ISOLATION);
            }

            #[test]
            fn what_does_odd_things_harms_nobody_else() {
                let cases = those(|expect| matches!(expect, Expect::Survived));
                pipeline::are_survived(&cases, ISOLATION);
            }

            #[test]
            fn the_first_fault_ends_a_run_that_is_to_stop() {
                let mut cases = those(|expect| matches!(expect, Expect::Frame { .. }));
                // One of each cause: each is a run of its own.
                cases.sort_by_key(|case| case.expect.cause());
                cases.dedup_by_key(|case| case.expect.cause());
                pipeline::stop_the_run(&cases, ISOLATION);
            }

            #[test]
            fn a_fresh_instance_goes_on_after_every_fault() {
                Run::of_the_running("restart", ISOLATION).check();
            }

            #[test]
            fn the_frame_of_a_fault_is_skipped() {
                Run::of_the_running("skip", ISOLATION).check();
            }

            #[test]
            fn the_last_good_frame_is_held() {
                Run::of_the_running("hold", ISOLATION).check();
            }

            #[test]
            fn the_frame_of_a_fault_is_passed_through() {
                Run::of_the_running("bypass", ISOLATION).check();
            }
        }
    };
}

isolation!(thread);
isolation!(process);
