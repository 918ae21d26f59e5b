//! Runs that are paused and resumed.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{PATIENCE, Running, Workbench, text};

const COPY: &str = "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: y}
";

const PAUSE: Duration = Duration::from_millis(1500);

/// Frames published on `y` so far.
fn published(bench: &Workbench) -> u64 {
    let output = bench.run(&["stream", "info", &bench.stream("y"), "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let info: Value = serde_json::from_slice(&output.stdout).unwrap();
    info["ring"]["published"].as_u64().unwrap()
}

/// The process's state as a letter, and the processor time that it has used, in ticks of 10 ms.
fn process(run: &Running<'_>) -> (String, u64) {
    let text = fs::read_to_string(format!("/proc/{}/stat", run.id())).unwrap();
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |field: usize| fields[field].parse::<u64>().unwrap();
    (fields[0].to_owned(), ticks(11) + ticks(12))
}

/// Waits until no frame comes any more.
fn wait_for_stillness(bench: &Workbench) -> u64 {
    let start = Instant::now();
    let mut before = published(bench);
    loop {
        sleep(Duration::from_millis(100));
        let now = published(bench);
        if now == before {
            return now;
        }
        before = now;
        assert!(start.elapsed() < PATIENCE, "the run was not paused");
    }
}

#[test]
fn a_paused_run_computes_nothing_and_goes_on_where_it_was() {
    pauses("pause", COPY);
}

#[test]
fn a_paused_run_with_a_wide_stage_computes_nothing_and_goes_on_where_it_was() {
    pauses(
        "pause-wide",
        &COPY.replace("output: y", "output: y, instances: 2"),
    );
}

fn pauses(name: &str, pipeline: &str) {
    let bench = Workbench::new(name);
    bench.pipeline(pipeline);
    let arguments = [
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp:100",
        "--duration",
        "2s",
        "--format",
        "json",
    ];
    let started = Instant::now();
    let mut run = bench.start(&arguments);
    run.wait_for("y", 20);
    run.signal(Signal::USR1);
    let held = wait_for_stillness(&bench);
    let (_, before) = process(&run);
    sleep(PAUSE);
    let (_, after) = process(&run);
    assert_eq!(
        published(&bench),
        held,
        "frames were computed during the pause"
    );
    assert!(
        after - before <= 5,
        "the pause took {} ms of processor time",
        10 * (after - before)
    );
    run.signal(Signal::USR2);
    let output = run.output();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        started.elapsed() > PAUSE + Duration::from_secs(2),
        "the pause counted for the duration"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["state"], "stopped");
    let elapsed = report["elapsed_s"].as_f64().unwrap();
    assert!((2.0..3.0).contains(&elapsed), "{report}");
    let x = &report["streams"]["x"];
    let count = |key: &str| x[key].as_u64().unwrap();
    assert!(count("published") > held, "{report}");
    // Two seconds at 100 Hz; the pause would be 150 more.
    assert!(
        count("published") + count("missed") < 300,
        "the pause was caught up: {report}"
    );
}

#[test]
fn ctrl_c_ends_a_paused_run() {
    let bench = Workbench::new("pause-interrupt");
    bench.pipeline(COPY);
    let mut run = bench.start(&[
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp:500",
        "--format",
        "json",
    ]);
    run.wait_for("y", 5);
    run.signal(Signal::USR1);
    wait_for_stillness(&bench);
    run.signal(Signal::INT);
    let asked = Instant::now();
    let output = run.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(asked.elapsed() < PATIENCE);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["state"], "interrupted");
    assert!(bench.streams().is_empty(), "streams are left");
}

#[test]
fn ctrl_z_stops_the_process_and_fg_continues_the_run() {
    let bench = Workbench::new("stop");
    bench.pipeline(COPY);
    let mut run = bench.start(&[
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp:100",
        "--format",
        "json",
    ]);
    run.wait_for("y", 5);
    run.signal(Signal::TSTP);
    let start = Instant::now();
    while process(&run).0 != "T" {
        assert!(start.elapsed() < PATIENCE, "the process was not stopped");
        sleep(Duration::from_millis(10));
    }
    let held = published(&bench);
    sleep(PAUSE);
    run.signal(Signal::CONT);
    run.wait_for("y", held + 50);
    run.signal(Signal::INT);
    let output = run.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let missed = report["streams"]["x"]["missed"].as_u64().unwrap();
    assert!(
        missed < 100,
        "the time in which the process was stopped was caught up: {report}"
    );
}
