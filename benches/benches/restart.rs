//! How long a stage is without an instance after a fault: a pipeline whose kernel traps on every second frame, with three
//! windows. From the fault in the lane to the fresh instance in the lane's hands.
//!
//! `cargo bench -p sandpipe-benches --bench restart`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may panic, and says what it found"
)]

use std::fs;
use std::time::Duration;

use sandpipe::pipeline::{Plan, Run, RunHandle, RunOptions};
use sandpipe_benches::engine;

/// The kernel of the sandbox's tests; what replaces its lines `;; @name`.
const KERNEL: &str = include_str!("../../runtime/tests/sandbox/kernel.wat");
const COMPUTE: &str =
    "(if (i64.eqz (i64.rem_u (local.get $frame_id) (i64.const 2))) (then (unreachable)))
    (return (call $ok))";
const MANIFEST: &str = r#"(@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"bench.trap\",\"auxiliary_arity\":1}")"#;

const RATE_HZ: u32 = 500;
const TIME: Duration = Duration::from_secs(6);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = KERNEL.replace(";; @compute", COMPUTE);
    let kernel = kernel.replace(";; @declarations", MANIFEST);
    fs::write(folder.path().join("trap.wat"), kernel).unwrap();
    for length in [64, 1 << 18] {
        let path = folder.path().join("pipeline.yaml");
        fs::write(&path, pipeline(length)).unwrap();
        let plan = Plan::new(&engine(), &path).unwrap();
        let options = RunOptions {
            duration: Some(TIME),
            ..RunOptions::default()
        };
        let mut run = Run::start(&plan, options, RunHandle::new()).unwrap();
        while !run.wait(TIME) {}
        let report = run.finish();
        let stage = &report.stages[0].1;
        let us = |value: Option<f64>| value.unwrap_or_default();
        println!(
            "{length} × f32, three windows: {} restarts, p50 {} µs, p99 {} µs, max {} µs",
            stage.restarts,
            us(stage.restart_us.p50),
            us(stage.restart_us.p99),
            us(stage.restart_us.max)
        );
        assert!(stage.restarts > 100, "{report:?}");
    }
}

fn pipeline(length: u32) -> String {
    format!(
        "
namespace: sandpipe-bench.{}
shared_memory:
  - {{name: x, shape: [{length}], dtype: float32}}
  - {{name: a, shape: [{length}], dtype: float32}}
  - {{name: y, shape: [{length}], dtype: float32}}
sources:
  - {{name: source, kind: synthetic.array, stream: x, parameters: {{pattern: constant, rate_hz: {RATE_HZ}}}}}
kernels:
  - name: trap
    module: trap.wat
    input: x
    auxiliary: [a]
    output: y
    delivery: every
    on_fault: {{action: restart, max_restarts: 1000000}}
",
        std::process::id()
    )
}
