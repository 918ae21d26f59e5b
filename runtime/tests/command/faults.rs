//! Kernels that misbehave end the run with a report that says who, when and what.

use serde_json::Value;

use super::harness::Workbench;

fn pipeline(limits: &str) -> String {
    format!(
        "
shared_memory:
  - {{name: x, shape: [1024], dtype: uint32}}
  - {{name: y, shape: [1024], dtype: uint32}}
kernels:
  - {{name: stranger, module: stranger.wat, input: x, output: y{limits}}}
"
    )
}

/// Runs the kernel with this `compute-into` on three frames.
fn run(name: &str, compute: &str, limits: &str) -> Value {
    let bench = Workbench::new(name);
    bench.kernel("stranger", &[("compute", compute)]);
    bench.pipeline(&pipeline(limits));
    let (code, report) = bench.report(&["--source", "x:constant", "--frames", "3"]);
    assert_eq!(code, 1, "{report}");
    assert_eq!(report["state"], "failed");
    assert_eq!(report["stages"]["stranger"]["faults"], 1);
    assert_eq!(
        report["streams"]["y"]["published"], 0,
        "a failed call must not publish"
    );
    assert!(bench.streams().is_empty(), "streams are left");
    let fault = report["faults"][0].clone();
    assert_eq!(fault["stage"], "stranger");
    assert_eq!(fault["frame_id"], 1);
    fault
}

#[test]
fn an_illegal_write_names_the_stream_however_it_is_done() {
    for (name, write) in [
        (
            "store",
            "(i32.store (i32.load (local.get $frame)) (i32.const 1))",
        ),
        (
            "fill",
            "(memory.fill (i32.load (local.get $frame)) (i32.const 1) (i32.const 64))",
        ),
        (
            "copy",
            "(memory.copy (i32.load (local.get $frame)) (i32.const 0) (i32.const 64))",
        ),
    ] {
        let fault = run(name, write, "");
        assert_eq!(fault["cause"], "illegal_write", "{fault}");
        assert!(
            fault["message"].as_str().unwrap().contains("'x'"),
            "{fault}"
        );
    }
}

#[test]
fn an_endless_loop_ends_at_its_deadline() {
    let fault = run("endless", "(loop (br 0))", ", limits: {deadline: 5ms}");
    assert_eq!(fault["cause"], "deadline", "{fault}");
}

#[test]
fn a_trap_is_told_with_its_kind() {
    let fault = run("trap", "(drop (i32.div_u (i32.const 1) (i32.const 0)))", "");
    assert_eq!(fault["cause"], "trap");
    assert!(
        fault["message"]
            .as_str()
            .unwrap()
            .contains("divide by zero"),
        "{fault}"
    );
}

#[test]
fn a_reported_failure_carries_the_kernels_words() {
    let bench = Workbench::new("reported");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [2], dtype: float32}
  - {name: y, shape: [2], dtype: float32}
kernels:
  - {name: k, kind: cpu.raise_error, input: x, output: y, parameters: {message: the mirror is on fire}}
",
    );
    let (code, report) = bench.report(&["--source", "x:constant"]);
    assert_eq!(code, 1);
    assert_eq!(report["faults"][0]["cause"], "failed");
    assert!(
        report["faults"][0]["message"]
            .as_str()
            .unwrap()
            .contains("the mirror is on fire")
    );
}
