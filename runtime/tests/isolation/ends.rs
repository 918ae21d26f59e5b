//! How the processes of kernels end, and what they leave.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandpipe::sandbox::{CacheDirectory, Cause, Engine, EngineOptions, Isolation, Limits};

use crate::harness::{Stage, children, engine, in_a_process_of_its_own, kernel, options};

const PATIENCE: Duration = Duration::from_secs(60);

fn kill(process: &Path) {
    let id = process.file_name().unwrap().to_str().unwrap();
    let id = Pid::from_raw(id.parse().unwrap()).unwrap();
    // It may have ended already.
    let _ = kill_process(id, Signal::KILL);
}

/// Set in processes that look at all of their children: other tests would disturb them.
const ALONE: &str = "SANDPIPE_TEST_ALONE";

fn alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

#[test]
fn killed_child() {
    if !alone() {
        return;
    }
    let stage = Stage::new(&kernel(&[]));
    let mut killed = 0;
    for round in 0..60u64 {
        let mut instance = stage.open().unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // At another instant each time, so that it hits every part of a call and the time between.
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(37 * round) {
                    std::hint::spin_loop();
                }
                children().iter().for_each(|child| kill(child));
                stop.store(true, Ordering::SeqCst);
            });
            let start = Instant::now();
            for frame in 0.. {
                let slot = frame % 3;
                stage.input.put(slot, frame);
                match instance.compute_into(u64::from(frame), &[slot, slot]) {
                    // What succeeded is whole.
                    Ok(_) => assert_eq!(stage.output.get(slot), frame + 1),
                    Err(fault) => {
                        assert_eq!(fault.cause, Cause::Worker, "{fault}");
                        assert!(fault.message.contains("was killed"), "{fault}");
                        killed += 1;
                        break;
                    }
                }
                assert!(start.elapsed() < PATIENCE, "nobody noticed");
            }
        });
        assert!(instance.is_dead());
        let again = instance.compute_into(0, &[0, 0]).unwrap_err();
        assert_eq!(again.cause, Cause::Dead);
    }
    assert_eq!(killed, 60);
    stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
}

#[test]
fn a_process_that_is_killed_costs_its_frame_and_is_reported() {
    in_a_process_of_its_own("ends::killed_child", ALONE);
}

#[test]
fn a_killed_process_is_noticed_long_before_the_deadline() {
    let mut stage = Stage::new(&kernel(&[("compute", "(loop $l (br $l))")]));
    stage.limits.deadline = Duration::from_secs(3600);
    let mut instance = stage.open().unwrap();
    let ring = stage.input.window(sandpipe::sandbox::Access::Read);
    let inode = rustix::fs::fstat(ring.file).unwrap().st_ino.to_string();
    let process = children()
        .into_iter()
        .find(|process| {
            let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
            maps.contains(&inode)
        })
        .unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| instance.compute_into(0, &[0, 0]));
        std::thread::sleep(Duration::from_millis(50));
        kill(&process);
        assert_eq!(call.join().unwrap().unwrap_err().cause, Cause::Worker);
    });
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_deadline_can_be_shortened_while_a_process_computes() {
    let mut stage = Stage::new(&kernel(&[("compute", "(loop $l (br $l))")]));
    stage.limits.deadline = Duration::from_secs(3600);
    let mut instance = stage.open().unwrap();
    let deadline = instance.deadline();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| instance.compute_into(0, &[0, 0]));
        std::thread::sleep(Duration::from_millis(50));
        deadline.shorten(Duration::from_millis(25));
        assert_eq!(call.join().unwrap().unwrap_err().cause, Cause::Deadline);
    });
}

/// Descriptors and mappings of this process.
fn usage() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (
        fs::read_dir("/proc/self/fd").unwrap().count(),
        maps.lines().count(),
    )
}

/// The least that this process used at any look, until `enough` says so of its descriptors or the time is over.
fn least_usage_within(time: Duration, enough: impl Fn(usize) -> bool) -> (usize, usize) {
    let start = Instant::now();
    let mut least = usage();
    while !enough(least.0) && start.elapsed() < time {
        std::thread::sleep(Duration::from_millis(1));
        least = least.min(usage());
    }
    least
}

#[test]
fn cycles_child() {
    if !alone() {
        return;
    }
    let stage = Stage::new(&kernel(&[(
        "compute",
        "(if (i64.eqz (i64.and (local.get $frame_id) (i64.const 3))) (then unreachable))",
    )]));
    let cycle = |frame_id: u64| {
        let mut instance = stage.open().unwrap();
        let outcome = instance.compute_into(frame_id, &[0, 0]);
        assert_eq!(outcome.is_err(), frame_id & 3 == 0);
        drop(instance);
        assert_eq!(
            children(),
            [] as [&Path; 0],
            "dropped means gone and reaped"
        );
    };
    (0..8).for_each(cycle);
    // The thread that reaps lets go of the last one a moment later.
    let before = least_usage_within(Duration::from_millis(500), |_| false);
    (0..200).for_each(cycle);
    let after = least_usage_within(PATIENCE, |descriptors| descriptors <= before.0);
    // The allocator may have made a mapping or two more.
    assert!(
        after.0 == before.0 && after.1 <= before.1 + 4,
        "{before:?} {after:?}"
    );
}

#[test]
fn two_hundred_instances_leave_nothing_behind() {
    in_a_process_of_its_own("ends::cycles_child", ALONE);
}

#[test]
fn a_compiler_has_its_bounds_of_time_and_memory() {
    let many: String = (0..3000)
        .map(|index| {
            format!("(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {index})))")
        })
        .collect();
    let text = kernel(&[("declarations", &many)]);
    let refusal = |options: EngineOptions| {
        let engine = Engine::new(options).unwrap();
        let loaded = engine.load(text.as_bytes(), &Limits::default(), Isolation::Thread);
        loaded.err().map(|error| error.to_string())
    };
    assert_eq!(refusal(options()), None);
    let slow = refusal(EngineOptions {
        compile_time: Duration::from_millis(1),
        ..options()
    });
    assert!(
        slow.as_ref()
            .is_some_and(|why| why.contains("did not compile within 1ms")),
        "{slow:?}"
    );
    let large = refusal(EngineOptions {
        compile_memory: 24 << 20,
        ..options()
    });
    let says = |why: &String| why.contains("ran out of memory") && why.contains("24 MiB");
    assert!(large.as_ref().is_some_and(says), "{large:?}");
}

#[test]
fn what_is_in_the_cache_needs_no_compiler() {
    let parent = tempfile::tempdir().unwrap();
    let with_helper = |helper: &str| {
        Engine::new(EngineOptions {
            cache: CacheDirectory::At(parent.path().join("cache")),
            helper: Some(helper.into()),
            ..options()
        })
        .unwrap()
    };
    let load = |engine: &Engine| {
        let loaded = engine.load(
            kernel(&[]).as_bytes(),
            &Limits::default(),
            Isolation::Thread,
        );
        loaded.map(drop).map_err(|error| error.to_string())
    };
    let error = load(&with_helper("/nonexistent")).unwrap_err();
    assert!(error.contains("/nonexistent cannot be started"), "{error}");
    load(&with_helper(env!("CARGO_BIN_EXE_sandpipe"))).unwrap();
    load(&with_helper("/nonexistent")).unwrap();
}

#[test]
fn a_program_that_is_no_helper_is_an_error_and_not_a_wait() {
    let program = |helper: &str| {
        let engine = Engine::new(EngineOptions {
            helper: Some(helper.into()),
            ..options()
        });
        let loaded = engine.unwrap().load(
            kernel(&[]).as_bytes(),
            &Limits::default(),
            Isolation::Thread,
        );
        loaded.err().unwrap().to_string()
    };
    let start = Instant::now();
    let error = program("/bin/true");
    assert!(error.contains("it ended with code 0"), "{error}");
    let error = program("/bin/false");
    assert!(error.contains("it ended with code 1"), "{error}");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn without_a_helper_there_are_no_processes() {
    let engine = Engine::new(EngineOptions {
        helper: None,
        ..options()
    })
    .unwrap();
    let load = |isolation| {
        let loaded = engine.load(kernel(&[]).as_bytes(), &Limits::default(), isolation);
        loaded
            .map(|program| program.isolation())
            .map_err(|error| error.to_string())
    };
    assert_eq!(load(Isolation::Thread), Ok(Isolation::Thread));
    let error = load(Isolation::Process).unwrap_err();
    assert!(error.contains("process of its own"), "{error}");
}

#[test]
fn the_end_of_an_engine_ends_no_instance() {
    let stage = Stage::on(&engine(), &kernel(&[]));
    let mut instance = stage.open().unwrap();
    drop(stage.program);
    stage.input.put(0, 4);
    instance.compute_into(0, &[0, 0]).unwrap();
    assert_eq!(stage.output.get(0), 5);
}
