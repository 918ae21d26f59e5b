//! Endless guests are stopped, wherever they are endless, and the next instance works.

use std::time::{Duration, Instant};

use crate::harness::{Stage, context, kernel};
use sandpipe::sandbox::{Cause, Limits};

/// Every way we know not to come back. The declarations come with it.
const SHAPES: [(&str, &str, &str); 9] = [
    ("an empty loop", "", "(loop $l (br $l))"),
    (
        "nested empty loops",
        "",
        "(loop $a (loop $b (br_if $b (i32.const 1))) (br $a))",
    ),
    (
        "a loop that fills memory",
        "",
        "(loop $l (memory.fill (i32.const 4096) (i32.const 0) (i32.const 65536)) (br $l))",
    ),
    (
        "a loop that copies memory",
        "",
        "(loop $l (memory.copy (i32.const 0) (i32.const 4096) (i32.const 65536)) (br $l))",
    ),
    (
        "a loop that grows memory",
        "",
        "(loop $l (drop (memory.grow (i32.const 0))) (br $l))",
    ),
    (
        "a loop in a function that is called",
        "(func $spin (loop $l (br $l)))",
        "(call $spin)",
    ),
    (
        "a loop that calls",
        "(func $leaf (result i32) (i32.const 1))",
        "(loop $l (br_if $l (call $leaf)))",
    ),
    (
        "exponential recursion",
        "(func $fib (param $n i32) (result i32)
           (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (i32.const 1))
             (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                            (call $fib (i32.sub (local.get $n) (i32.const 2)))))))",
        "(drop (call $fib (i32.const 90)))",
    ),
    (
        "a tail call to itself",
        "(func $again return_call $again)",
        "(call $again)",
    ),
];

/// Long enough for a loaded machine to get through what is not endless.
fn limits() -> Limits {
    Limits {
        deadline: Duration::from_millis(100),
        startup: Duration::from_millis(400),
        ..Limits::default()
    }
}

fn stopped_in_time<T>(what: &str, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    // A bound on liveness, not a measurement: the machine may be busy.
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{what}: {:?}",
        start.elapsed()
    );
    result
}

#[test]
fn an_endless_frame_is_stopped() {
    for (what, declarations, body) in SHAPES {
        let guarded = format!("(if (i64.eq (local.get $frame_id) (i64.const 666)) (then {body}))");
        let mut stage = Stage::new(&kernel(&[
            ("declarations", declarations),
            ("compute", &guarded),
        ]));
        stage.limits = limits();
        let mut instance = stage.open().unwrap();
        instance.compute_into(0, &[0, 0]).unwrap();
        let fault = stopped_in_time(what, || instance.compute_into(666, &[0, 0])).unwrap_err();
        assert_eq!(fault.cause, Cause::Deadline, "{what}: {fault}");
        let again = instance.compute_into(1, &[0, 0]).unwrap_err();
        assert_eq!(again.cause, Cause::Dead, "{what}");
        stage.input.put(1, 8);
        stage.open().unwrap().compute_into(1, &[1, 1]).unwrap();
        assert_eq!(stage.output.get(1), 9, "{what}");
    }
}

#[test]
fn an_endless_start_is_stopped() {
    for (what, declarations, body) in SHAPES {
        let start = format!("{declarations} (func $start {body}) (start $start)");
        for place in ["open", "validate-config"] {
            let mut stage = Stage::new(&kernel(&[("declarations", &start)]));
            stage.limits = limits();
            let outcome = stopped_in_time(what, || match place {
                "open" => stage.open().map(drop),
                _ => stage.program.validate_config(&context(), &stage.limits),
            });
            assert_eq!(
                outcome.unwrap_err().cause,
                Cause::Deadline,
                "{what} in {place}"
            );
        }
    }
}

#[test]
fn an_endless_loop_in_any_function_of_the_contract_is_stopped() {
    for place in ["validate", "init", "reserve"] {
        let mut stage = Stage::new(&kernel(&[(place, "(loop $l (br $l))")]));
        stage.limits = limits();
        let validated = stopped_in_time(place, || {
            stage.program.validate_config(&context(), &stage.limits)
        });
        let opened = stopped_in_time(place, || stage.open().map(drop));
        let (stopped, other) = match place {
            "validate" => (validated, opened),
            _ => (opened, validated),
        };
        assert_eq!(stopped.unwrap_err().cause, Cause::Deadline, "{place}");
        assert_eq!(other, Ok(()), "{place}");
    }
}

#[test]
fn an_endless_flood_of_messages_is_stopped() {
    let log = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
    let flood = "(loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 4)) (br $l))";
    let mut stage = Stage::new(&kernel(&[("imports", log), ("compute", flood)]));
    stage.limits = limits();
    let mut instance = stage.open().unwrap();
    let fault = stopped_in_time("a flood", || instance.compute_into(0, &[0, 0]));
    assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
}

#[test]
fn an_endless_allocator_is_stopped() {
    let text = kernel(&[]).replace("(local $at i32)", "(local $at i32) (loop $l (br $l))");
    let mut stage = Stage::new(&text);
    stage.limits = limits();
    let fault = stopped_in_time("realloc", || stage.open().err().unwrap());
    assert_eq!(fault.cause, Cause::Deadline);
}

#[test]
fn one_guest_is_stopped_and_its_neighbour_goes_on() {
    let mut stage = Stage::new(&kernel(&[(
        "compute",
        "(if (i64.eq (local.get $frame_id) (i64.const 666)) (then (loop $l (br $l))))",
    )]));
    stage.limits = limits();
    let mut endless = stage.open().unwrap();
    let mut neighbour = stage.open().unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(move || endless.compute_into(666, &[0, 0]));
        while !call.is_finished() {
            neighbour.compute_into(0, &[1, 1]).unwrap();
        }
        assert_eq!(call.join().unwrap().unwrap_err().cause, Cause::Deadline);
    });
    neighbour.compute_into(0, &[1, 1]).unwrap();
}

#[test]
fn an_instance_is_watched_though_its_engine_is_dropped() {
    let mut stage = Stage::new(&kernel(&[("compute", "(loop $l (br $l))")]));
    stage.limits = limits();
    let mut instance = stage.open().unwrap();
    drop(stage);
    let fault = stopped_in_time("alone", || instance.compute_into(0, &[0, 0]));
    assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
}

#[test]
fn the_watchdog_wakes_from_its_sleep() {
    let mut stage = Stage::new(&kernel(&[("compute", "(loop $l (br $l))")]));
    stage.limits = limits();
    let mut instance = stage.open().unwrap();
    // Longer than the time after which it sleeps.
    std::thread::sleep(Duration::from_millis(500));
    let fault = stopped_in_time("after a pause", || instance.compute_into(0, &[0, 0]));
    assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
}

#[test]
fn a_guest_within_its_deadline_is_left_alone() {
    // About a millisecond of work, again and again, for twice its deadline.
    let work = "(local $i i32)
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $l (i32.lt_u (local.get $i) (i32.const 1000000))))";
    let mut stage = Stage::new(&kernel(&[("compute", work)]));
    stage.limits.deadline = Duration::from_secs(1);
    let mut instance = stage.open().unwrap();
    let start = Instant::now();
    while start.elapsed() < 2 * stage.limits.deadline {
        instance.compute_into(0, &[0, 0]).unwrap();
    }
}
