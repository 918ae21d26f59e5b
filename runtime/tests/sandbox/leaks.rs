//! Opening and closing many times leaves nothing behind.

use std::fs;

use crate::harness::{Ring, Stage, context, in_a_process_of_its_own, kernel};
use sandpipe::sandbox::Access;

/// Set in the process that counts: other tests of this one would disturb it.
const CHILD: &str = "SANDPIPE_COUNT_LEAKS";

/// Mappings, open files, and kilobytes of memory.
fn usage() -> (usize, usize, usize) {
    let mappings = fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count();
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (mappings, files, memory)
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
    assert!(after.0 <= before.0 + 2, "mappings: {before:?} {after:?}");
    assert_eq!(after.1, before.1, "files: {before:?} {after:?}");
    assert!(after.2 <= before.2 + 2048, "memory: {before:?} {after:?}");
}

#[test]
fn ten_thousand_instances_leave_nothing_behind() {
    in_a_process_of_its_own("leaks::child_that_counts", CHILD);
}
