//! Runs that are stopped, politely or not, and what they leave.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{PATIENCE, Workbench, text};

const COPY: &str = "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: y}
";

#[test]
fn ctrl_c_ends_the_run_with_its_report_and_removes_the_streams() {
    let bench = Workbench::new("interrupt");
    bench.pipeline(COPY);
    for signal in [Signal::INT, Signal::TERM] {
        let mut run = bench.start(&[
            "run",
            "pipeline.yaml",
            "--source",
            "x:ramp:500",
            "--format",
            "json",
        ]);
        run.wait_for("y", 5);
        run.signal(signal);
        let asked = Instant::now();
        let output = run.output();
        let took = asked.elapsed();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["state"], "interrupted");
        assert!(bench.streams().is_empty(), "streams are left");
        assert!(took < PATIENCE, "{took:?}");
    }
}

#[test]
fn ctrl_c_does_not_wait_for_a_kernel_that_is_stuck() {
    let bench = Workbench::new("stuck");
    bench.kernel("stuck", &[("compute", "(loop (br 0))")]);
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [1024], dtype: float32}
  - {name: y, shape: [1024], dtype: float32}
kernels:
  - {name: stuck, module: stuck.wat, input: x, output: y, limits: {deadline: 10min}}
",
    );
    let mut run = bench.start(&[
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp",
        "--format",
        "json",
    ]);
    run.wait_for("x", 1);
    run.signal(Signal::INT);
    let asked = Instant::now();
    let output = run.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stdout));
    assert!(asked.elapsed() < PATIENCE);
    assert!(bench.streams().is_empty(), "streams are left");
}

#[test]
fn what_a_killed_run_left_is_replaced_and_a_living_run_is_not() {
    let bench = Workbench::new("killed");
    bench.pipeline(COPY);
    let mut first = bench.start(&["run", "pipeline.yaml", "--source", "x:ramp:500"]);
    first.wait_for("y", 5);
    let second = bench.run(&[
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp",
        "--frames",
        "10",
    ]);
    assert_eq!(second.status.code(), Some(1), "{}", text(&second.stderr));
    let refusal = text(&second.stderr);
    assert!(
        refusal.contains(&first.id().to_string()),
        "the living run is not named: {refusal}"
    );
    first.signal(Signal::KILL);
    first.output();
    assert_eq!(
        bench.streams().len(),
        2,
        "a killed run cannot remove its streams"
    );
    let (code, report) = bench.report(&["--source", "x:ramp", "--frames", "10"]);
    assert_eq!(
        (code, report["streams"]["y"]["published"].as_u64()),
        (0, Some(10)),
        "{report}"
    );
    assert!(bench.streams().is_empty(), "streams are left");
}
