//! The copied world: frames come in as lists and go out through `write-output`.

use crate::harness::{FRAME, Stage, context, engine};
use sandpipe::sandbox::{Cause, Limits, World};

/// A kernel of the copied world. Its arguments are the frame id, and the lists of frames as address and length; `TRIGGER` is
/// the address of the first trigger frame.
fn copied(compute: &str) -> String {
    let text = r#"(module
      (import "sandpipe:kernel/sink@0.1.0" "write-output" (func $write (param i32 i32 i32)))
      (memory (export "memory") 2)
      (global $heap (mut i32) (i32.const 4096))
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
        (global.get $heap)
        (global.set $heap (i32.add (global.get $heap) (local.get 3))))
      (func $ok (result i32) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16))
      (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param i32) (result i32) (call $ok))
      (func (export "sandpipe:kernel/stage@0.1.0#init") (param i32) (result i32) (call $ok))
      (func (export "sandpipe:kernel/copied@0.1.0#compute-into")
        (param $frame_id i64) (param $triggers i32) (param $count i32) (param $auxiliary i32) (param $auxiliaries i32) (result i32)
        (local $frame i32)
        (local.set $frame (i32.load (local.get $triggers)))
        (global.set $heap (i32.const 4096))
        @compute
        (call $ok)))"#;
    text.replace("@compute", compute)
}

/// Adds 1 to the frame's first word in place, and hands the frame over.
const ADD_AND_WRITE: &str =
    "(i32.store (local.get $frame) (i32.add (i32.load (local.get $frame)) (i32.const 1)))
    (call $write (i32.const 0) (local.get $frame) (i32.load offset=4 (local.get $triggers)))";

#[test]
fn frames_are_copied_in_and_out() {
    let stage = Stage::new(&copied(ADD_AND_WRITE));
    assert_eq!(stage.program.world(), World::Copied);
    assert_eq!(
        stage
            .program
            .validate_config(&context(), &Limits::default()),
        Ok(())
    );
    let mut instance = stage.open().unwrap();
    let before = stage.input.bytes();
    for (frame_id, (from, to)) in [(0, 2), (2, 0), (1, 1)].into_iter().enumerate() {
        stage.input.put(from, 100 + from);
        instance.compute_into(frame_id as u64, &[from, to]).unwrap();
        assert_eq!(stage.output.get(to), 101 + from);
    }
    let after = stage.input.bytes();
    assert!(
        after[FRAME as usize + 4..]
            .iter()
            .filter(|&&byte| byte == 0x11)
            .count()
            > before.len() / 2
    );
    assert_eq!(
        stage.input.get(0),
        100,
        "the input is the kernel's own copy"
    );
}

#[test]
fn outputs_are_checked() {
    for (compute, words) in [
        ("", "without writing output 0"),
        (
            "(call $write (i32.const 1) (i32.const 0) (i32.const 4096))",
            "output 1",
        ),
        (
            "(call $write (i32.const -1) (i32.const 0) (i32.const 4096))",
            "output 4294967295",
        ),
        (
            "(call $write (i32.const 0) (i32.const 0) (i32.const 4095))",
            "4095 bytes to output 0",
        ),
        (
            "(call $write (i32.const 0) (i32.const 0) (i32.const 4097))",
            "4097 bytes to output 0",
        ),
        (
            "(call $write (i32.const 0) (i32.const 0) (i32.const 0))",
            "0 bytes to output 0",
        ),
    ] {
        let stage = Stage::new(&copied(compute));
        let mut instance = stage.open().unwrap();
        let fault = instance.compute_into(0, &[0, 0]).unwrap_err();
        assert_eq!(fault.cause, Cause::Contract, "{fault}");
        assert!(fault.message.contains(words), "{fault}");
        assert!(instance.is_dead());
        assert!(stage.output.bytes().iter().all(|&byte| byte == 0));
    }
    let outside = "(call $write (i32.const 0) (i32.const -1) (i32.const 4096))";
    let fault = Stage::new(&copied(outside))
        .open()
        .unwrap()
        .compute_into(0, &[0, 0])
        .unwrap_err();
    assert_eq!(fault.cause, Cause::Trap, "{fault}");
}

#[test]
fn outputs_are_written_in_compute_into_only() {
    let text = copied(ADD_AND_WRITE).replace(
        r#"#init") (param i32) (result i32)"#,
        r#"#init") (param i32) (result i32) (call $write (i32.const 0) (i32.const 0) (i32.const 4096))"#,
    );
    let fault = Stage::new(&text).open().err().unwrap();
    assert_eq!(fault.cause, Cause::Contract, "{fault}");
}

#[test]
fn a_truncated_input_is_a_fault_here_too() {
    let stage = Stage::new(&copied(ADD_AND_WRITE));
    let mut instance = stage.open().unwrap();
    stage.input.truncate(u64::from(FRAME));
    let fault = instance.compute_into(0, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, Cause::Segment { window: 0 }, "{fault}");
}

#[test]
fn there_is_no_state_in_the_copied_world() {
    let stage = Stage::new(&copied(ADD_AND_WRITE));
    let mut context = context();
    context.state = context.outputs.clone();
    let windows = [
        stage.input.window(sandpipe::sandbox::Access::Read),
        stage.output.window(sandpipe::sandbox::Access::Write),
        stage.input.window(sandpipe::sandbox::Access::Read),
        stage.output.window(sandpipe::sandbox::Access::Write),
    ];
    let fault = stage
        .program
        .open(&context, &windows, &stage.limits)
        .err()
        .unwrap();
    assert_eq!(fault.cause, Cause::Contract, "{fault}");
}

#[test]
fn a_missing_sink_is_allowed_and_then_told() {
    // A kernel may leave out imports that it does not use.
    let text = copied("").replace(
        r#"(import "sandpipe:kernel/sink@0.1.0" "write-output" (func $write (param i32 i32 i32)))"#,
        "",
    );
    let program = engine()
        .load(text.as_bytes(), &Limits::default(), crate::ISOLATION)
        .unwrap();
    assert_eq!(program.world(), World::Copied);
}

/// Counts its calls into the frame's first word, and grows by a page at each.
const COUNT_AND_GROW: &str = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
    (i32.store (local.get $frame) (global.get $calls))
    (call $write (i32.const 0) (local.get $frame) (i32.load offset=4 (local.get $triggers)))";

fn counting() -> String {
    copied(COUNT_AND_GROW).replace(
        "(global $heap",
        "(global $calls (mut i32) (i32.const 0)) (global $heap",
    )
}

#[test]
fn an_instance_that_has_grown_is_replaced_before_it_meets_its_limit() {
    let mut stage = Stage::new(&counting());
    stage.limits.memory = 64 << 16;
    let mut instance = stage.open().unwrap();
    let mut most = 0;
    let mut renewed = 0;
    for frame_id in 0..500 {
        instance.compute_into(frame_id, &[0, 0]).unwrap();
        let calls = stage.output.get(0);
        renewed += u32::from(calls == 1);
        most = most.max(calls);
    }
    // Two pages at first, so 62 are left, of which three quarters are used.
    assert_eq!(most, 47);
    assert_eq!(renewed, 11);
}

#[test]
fn whoever_has_the_deadline_of_an_instance_has_that_of_the_one_in_its_place() {
    let endless = format!(
        "(if (i32.eq (i32.load (local.get $frame)) (i32.const 77)) (then (loop $l (br $l)))) {COUNT_AND_GROW}"
    );
    let mut stage = Stage::new(&counting().replace(COUNT_AND_GROW, &endless));
    stage.limits.memory = 64 << 16;
    stage.limits.deadline = std::time::Duration::from_secs(3600);
    let mut instance = stage.open().unwrap();
    let deadline = instance.deadline();
    for frame_id in 0..100 {
        instance.compute_into(frame_id, &[0, 0]).unwrap();
    }
    stage.input.put(0, 77);
    deadline.shorten(std::time::Duration::from_millis(1));
    let fault = instance.compute_into(100, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, Cause::Deadline, "{fault}");
}
