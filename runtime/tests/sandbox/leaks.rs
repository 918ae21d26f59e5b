//! Opening and closing many times leaves nothing behind.

use std::fs;
use std::time::Duration;

use crate::harness::{Ring, Stage, context, in_a_process_of_its_own, kernel};
use sandpipe::sandbox::{Access, Cause, Limits};

/// Set in the process that counts: other tests of this one would disturb it.
const CHILD: &str = "SANDPIPE_COUNT_LEAKS";

/// What a process uses.
#[derive(Debug)]
struct Usage {
    mappings: usize,
    files: usize,
    /// Kilobytes that are in memory.
    resident: usize,
    /// Kilobytes of address space.
    reserved: usize,
}

fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kilobytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Usage {
        mappings: fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .count(),
        files: fs::read_dir("/proc/self/fd").unwrap().count(),
        resident: kilobytes("VmRSS:"),
        reserved: kilobytes("VmSize:"),
    }
}

#[test]
fn child_that_counts() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let stage = Stage::new(&kernel(&[(
        "compute",
        "(if (i64.eq (i64.and (local.get $frame_id) (i64.const 7)) (i64.const 3)) (then unreachable))
         (if (i64.eq (i64.and (local.get $frame_id) (i64.const 7)) (i64.const 5))
           (then (memory.fill (i32.load (local.get $frame)) (i32.const 1) (i32.const 100))))
         (i32.store (i32.load offset=8 (local.get $frame)) (i32.load (i32.load offset=4 (local.get $frame))))
         (return (call $ok))",
    )]));
    let auxiliary = Ring::new(3);
    let mut context = context();
    context.auxiliary_inputs = context.trigger_inputs.clone();
    let windows = [
        stage.input.window(Access::Read),
        auxiliary.window(Access::Read),
        stage.output.window(Access::Write),
    ];
    let cycle = |frame_id: u64| {
        let mut instance = stage
            .program
            .open(&context, &windows, &stage.limits)
            .unwrap();
        let faulty = matches!(frame_id & 7, 3 | 5);
        assert_eq!(instance.compute_into(frame_id, &[0, 1, 2]).is_err(), faulty);
    };
    (0..200).for_each(cycle);
    let before = usage();
    (0..10_000).for_each(cycle);
    let after = usage();
    let grown = format!("{before:?} {after:?}");
    assert!(after.mappings <= before.mappings + 2, "{grown}");
    assert_eq!(after.files, before.files, "{grown}");
    assert!(after.resident <= before.resident + 2048, "{grown}");
    // An instance reserves 8 GiB.
    assert!(after.reserved <= before.reserved + (1 << 20), "{grown}");
}

#[test]
fn ten_thousand_instances_leave_nothing_behind() {
    in_a_process_of_its_own("leaks::child_that_counts", CHILD);
}

/// Set in the process that counts what stopped guests leave.
const STOPPED_CHILD: &str = "SANDPIPE_COUNT_LEAKS_OF_STOPS";

#[test]
fn child_that_is_stopped() {
    if std::env::var_os(STOPPED_CHILD).is_none() {
        return;
    }
    let spin = "(loop $l (br $l))";
    let start = format!("(func $start {spin}) (start $start)");
    let in_a_frame = Stage::new(&kernel(&[("compute", spin)]));
    let at_the_start = Stage::new(&kernel(&[("declarations", &start)]));
    let short = Duration::from_micros(200);
    let cycle = |count: u32| {
        // One is stopped in its life, the other before it has begun.
        let mut stages = [&in_a_frame, &at_the_start].into_iter().cycle();
        for _ in 0..count {
            let stage = stages.next().unwrap();
            let limits = Limits {
                deadline: short,
                startup: if std::ptr::eq(stage, &in_a_frame) {
                    Duration::from_secs(10)
                } else {
                    short
                },
                ..stage.limits
            };
            let opened = stage.program.open(
                &context(),
                &[
                    stage.input.window(Access::Read),
                    stage.output.window(Access::Write),
                ],
                &limits,
            );
            let outcome = opened.and_then(|mut instance| instance.compute_into(0, &[0, 0]));
            assert_eq!(outcome.unwrap_err().cause, Cause::Deadline);
        }
    };
    cycle(100);
    let before = usage();
    cycle(3000);
    let after = usage();
    let grown = format!("{before:?} {after:?}");
    assert!(after.mappings <= before.mappings + 2, "{grown}");
    assert_eq!(after.files, before.files, "{grown}");
    assert!(after.resident <= before.resident + 2048, "{grown}");
    // An instance reserves 8 GiB.
    assert!(after.reserved <= before.reserved + (1 << 20), "{grown}");
}

#[test]
fn three_thousand_stops_leave_nothing_behind() {
    in_a_process_of_its_own("leaks::child_that_is_stopped", STOPPED_CHILD);
}
