//! Endless guests are stopped, wherever they are endless, and the next instance works.

use std::time::{Duration, Instant};

use crate::harness::{Stage, component, context, engine_by, kernel};
use sandpipe::sandbox::{Cause, Interruption, Isolation, Limits};

/// Both ways of stopping a thread: what is promised holds whichever is in use. A process is killed.
const WAYS: &[Interruption] = match crate::ISOLATION {
    Isolation::Thread => &[Interruption::Page, Interruption::Epochs],
    Isolation::Process => &[Interruption::None],
};

/// Every way we know not to come back. The declarations come with it.
const SHAPES: [(&str, &str, &str); 18] = [
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
    (
        "tail calls through a table",
        "(type $f (func)) (table 2 2 funcref) (elem (i32.const 0) $even $odd)
         (func $even (return_call_indirect (type $f) (i32.const 1)))
         (func $odd (return_call_indirect (type $f) (i32.const 0)))",
        "(call $even)",
    ),
    (
        "exponential recursion through a table",
        "(type $f (func (param i32))) (table 1 1 funcref) (elem (i32.const 0) $down)
         (func $down (param $n i32)
           (if (local.get $n) (then
             (call_indirect (type $f) (i32.sub (local.get $n) (i32.const 1)) (i32.const 0))
             (call_indirect (type $f) (i32.sub (local.get $n) (i32.const 1)) (i32.const 0)))))",
        "(call_indirect (type $f) (i32.const 90) (i32.const 0))",
    ),
    (
        "a loop after another",
        "",
        "(loop $a (br_if $a (i32.eqz (global.get $heap)))) (loop $b (br $b))",
    ),
    (
        "the same loop twice",
        "(func $spin (param $n i64)
           (loop $l (br_if $l (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0)))))",
        "(call $spin (i64.const 1)) (call $spin (i64.const 0))",
    ),
    (
        "a loop by a table of branches",
        "",
        "(loop $a (loop $b (br_table $b $a $b (i32.and (global.get $heap) (i32.const 1)))))",
    ),
    (
        "a loop with a parameter and a result",
        "",
        "(i32.const 0) (loop $l (param i32) (result i32) (i32.const 1) (i32.add) (br $l)) (drop)",
    ),
    (
        "a loop that fills a table",
        "(table $t 1000 funcref)",
        "(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 1000)) (br $l))",
    ),
    (
        "a loop that copies a passive segment",
        "(data $d \"1234\")",
        "(loop $l (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)) (br $l))",
    ),
    (
        "a loop that has looked at all of memory before",
        "",
        "(drop (i32.load (i32.const 0))) (loop $l (drop (i32.load (i32.const 0))) (br $l))",
    ),
];

/// [`SHAPES`], and one that has to be made: 60 functions that each call the next one twice, without loop or recursion.
fn shapes() -> Vec<(&'static str, String, String)> {
    let links = (0..60).map(|i| format!("(func $f{i} (call $f{0}) (call $f{0}))", i + 1));
    let chain = links.collect::<String>() + "(func $f60)";
    let written =
        SHAPES.map(|(what, declarations, body)| (what, declarations.to_owned(), body.to_owned()));
    let mut shapes = Vec::from(written);
    shapes.push(("a chain of doubled calls", chain, "(call $f0)".to_owned()));
    shapes
}

/// Every shape, each way.
fn everything() -> impl Iterator<Item = (Interruption, (&'static str, String, String))> {
    WAYS.iter()
        .flat_map(|&way| shapes().into_iter().map(move |shape| (way, shape)))
}

fn stage(way: Interruption, parts: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::on(&engine_by(Some(way)), &kernel(parts));
    stage.limits = limits();
    stage
}

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
    for (way, (what, declarations, body)) in everything() {
        let guarded = format!("(if (i64.eq (local.get $frame_id) (i64.const 666)) (then {body}))");
        let stage = stage(
            way,
            &[("declarations", &declarations), ("compute", &guarded)],
        );
        let mut instance = stage.open().unwrap();
        instance.compute_into(0, &[0, 0]).unwrap();
        let fault = stopped_in_time(what, || instance.compute_into(666, &[0, 0])).unwrap_err();
        assert_eq!(fault.cause, Cause::Deadline, "{what}: {fault}");
        let again = instance.compute_into(1, &[0, 0]).unwrap_err();
        assert_eq!(again.cause, Cause::Dead, "{what}");
        // A second instance does as the first did: what it computes, and that it can be stopped.
        stage.input.put(1, 8);
        let mut second = stage.open().unwrap();
        second.compute_into(1, &[1, 1]).unwrap();
        assert_eq!(stage.output.get(1), 9, "{what}");
        let fault = stopped_in_time(what, || second.compute_into(666, &[0, 0])).unwrap_err();
        assert_eq!(fault.cause, Cause::Deadline, "{what}: {fault}");
    }
}

#[test]
fn an_endless_start_is_stopped() {
    for (way, (what, declarations, body)) in everything() {
        let start = format!("{declarations} (func $start {body}) (start $start)");
        let stage = stage(way, &[("declarations", &start)]);
        let fault = stopped_in_time(what, || stage.open().err().unwrap());
        assert_eq!(fault.cause, Cause::Deadline, "{what}: {fault}");
    }
}

#[test]
fn an_endless_start_is_stopped_in_validation_too() {
    for &way in WAYS {
        let start = "(func $start (loop $l (br $l))) (start $start)";
        let stage = stage(way, &[("declarations", start)]);
        let validate = || stage.program.validate_config(&context(), &stage.limits);
        let fault = stopped_in_time("a start", validate).unwrap_err();
        assert_eq!(fault.cause, Cause::Deadline, "{fault}");
    }
}

#[test]
fn an_endless_loop_in_any_function_of_the_contract_is_stopped() {
    for &way in WAYS {
        for place in ["validate", "init", "reserve"] {
            let stage = stage(way, &[(place, "(loop $l (br $l))")]);
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
}

#[test]
fn an_endless_flood_of_messages_is_stopped() {
    let log = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
    let flood = "(loop $l (call $log (i32.const 0) (i32.const 0) (i32.const 4)) (br $l))";
    for &way in WAYS {
        let stage = stage(way, &[("imports", log), ("compute", flood)]);
        let mut instance = stage.open().unwrap();
        let fault = stopped_in_time("a flood", || instance.compute_into(0, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn a_long_row_of_bulk_operations_is_stopped() {
    // Without a loop and in a function that calls none: 58 MB filled five thousand times takes half a minute.
    let fill = "(memory.fill (local.get $at) (i32.const 0) (i32.const 58000000))";
    let fills = format!(
        "(func $fills (local $at i32) (local.set $at (i32.mul (memory.grow (i32.const 900)) (i32.const 65536))) {})",
        fill.repeat(5000)
    );
    for &way in WAYS {
        let stage = stage(
            way,
            &[("declarations", &fills), ("compute", "(call $fills)")],
        );
        let mut instance = stage.open().unwrap();
        let fault = stopped_in_time("a row of fills", || instance.compute_into(0, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn an_endless_allocator_is_stopped() {
    let text = kernel(&[]).replace("(local $at i32)", "(local $at i32) (loop $l (br $l))");
    for &way in WAYS {
        let mut stage = Stage::on(&engine_by(Some(way)), &text);
        stage.limits = limits();
        let fault = stopped_in_time("realloc", || stage.open().err().unwrap());
        assert_eq!(fault.cause, Cause::Deadline);
    }
}

#[test]
fn the_hosts_own_code_in_a_guest_is_stopped() {
    // One call of the adapter that stands in for WASI, which fills 60 MB a byte at a time: longer than the deadline, and
    // the kernel itself has nothing after it that could be stopped.
    let import = r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#;
    let long = "(drop (call $random (i32.mul (memory.grow (i32.const 920)) (i32.const 65536)) (i32.const 60000000)))";
    for &way in WAYS {
        let mut stage = stage(way, &[("imports", import), ("compute", long)]);
        stage.limits.deadline = Duration::from_millis(5);
        let mut instance = stage.open().unwrap();
        let fault = stopped_in_time("the adapter", || instance.compute_into(0, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn every_module_of_a_component_is_stopped() {
    let spin = "(if (i64.eq (local.get $frame_id) (i64.const 666)) (then (loop $l (br $l))))";
    let component = component(&wat::parse_str(kernel(&[("compute", spin)])).unwrap());
    for &way in WAYS {
        let program = engine_by(Some(way))
            .load(&component, &limits(), crate::ISOLATION)
            .unwrap();
        let stage = Stage::with(program, limits());
        let mut instance = stage.open().unwrap();
        instance.compute_into(0, &[0, 0]).unwrap();
        let fault = stopped_in_time("a component", || instance.compute_into(666, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn one_guest_is_stopped_and_its_neighbour_goes_on() {
    let spin = "(if (i64.eq (local.get $frame_id) (i64.const 666)) (then (loop $l (br $l))))";
    for &way in WAYS {
        let stage = stage(way, &[("compute", spin)]);
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
}

#[test]
fn an_instance_is_watched_though_its_engine_is_dropped() {
    for &way in WAYS {
        let stage = stage(way, &[("compute", "(loop $l (br $l))")]);
        let mut instance = stage.open().unwrap();
        drop(stage);
        let fault = stopped_in_time("alone", || instance.compute_into(0, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn the_watchdog_wakes_from_its_sleep() {
    for &way in WAYS {
        let stage = stage(way, &[("compute", "(loop $l (br $l))")]);
        let mut instance = stage.open().unwrap();
        // Longer than the time after which it sleeps.
        std::thread::sleep(Duration::from_millis(500));
        let fault = stopped_in_time("after a pause", || instance.compute_into(0, &[0, 0]));
        assert_eq!(fault.unwrap_err().cause, Cause::Deadline);
    }
}

#[test]
fn a_guest_within_its_deadline_is_left_alone() {
    // About a millisecond of work, again and again, for twice its deadline.
    let work = "(local $i i32)
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $l (i32.lt_u (local.get $i) (i32.const 1000000))))";
    for &way in WAYS {
        let mut stage = stage(way, &[("compute", work)]);
        stage.limits.deadline = Duration::from_secs(1);
        let mut instance = stage.open().unwrap();
        let start = Instant::now();
        while start.elapsed() < 2 * stage.limits.deadline {
            instance.compute_into(0, &[0, 0]).unwrap();
        }
    }
}

#[test]
fn a_call_that_ends_as_it_is_stopped_leaves_the_next_alone() {
    // As many rounds as the frame's id says: after each call the number is set so that about half of the calls are stopped.
    let work = "(local $i i64)
        (loop $l (local.set $i (i64.add (local.get $i) (i64.const 1)))
                 (br_if $l (i64.lt_u (local.get $i) (local.get $frame_id))))";
    for &way in WAYS {
        let mut stage = stage(way, &[("compute", work)]);
        stage.limits.deadline = Duration::from_micros(400);
        let (mut rounds, mut stopped, mut finished) = (100_000_u64, 0, 0);
        let mut instance = stage.open().unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            match instance.compute_into(rounds, &[0, 0]) {
                Ok(_) => {
                    finished += 1;
                    rounds += rounds / 50;
                    // Far too short to be stopped, unless by what was meant for the call before, or where the machine
                    // does something else for as long as the deadline.
                    let begun = Instant::now();
                    if let Err(fault) = instance.compute_into(1, &[0, 0]) {
                        assert_eq!(fault.cause, Cause::Deadline, "{fault}");
                        assert!(begun.elapsed() >= stage.limits.deadline, "{fault}");
                        instance = stage.open().unwrap();
                    }
                }
                Err(fault) => {
                    assert_eq!(fault.cause, Cause::Deadline, "{fault}");
                    stopped += 1;
                    rounds -= rounds / 50;
                    instance = stage.open().unwrap();
                }
            }
        }
        assert!(stopped > 10 && finished > 10, "{way}: {stopped} {finished}");
    }
}
