//! A run that is stopped for a while (SIGSTOP, a debugger, a suspended machine).

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use sandpipe::stream;

use super::harness::{Workbench, text};

#[test]
fn a_run_that_was_stopped_goes_on_and_blames_no_kernel() {
    let bench = Workbench::new("stopped");
    // Some milliseconds of work, so that the guest is nearly always at it.
    bench.kernel(
        "busy",
        &[(
            "compute",
            "(local $left i32)
             (local.set $left (i32.const 3000000))
             (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))",
        )],
    );
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
kernels:
  - {name: busy, module: busy.wat, input: x, output: y, limits: {deadline: 700ms}}
",
    );
    let arguments = [
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp",
        "--format",
        "json",
    ];
    let mut run = bench.start(&arguments);
    run.wait_for("y", 5);
    for _ in 0..3 {
        run.signal(Signal::STOP);
        // It is alive all the same: nobody takes its streams.
        let second = bench.run(&[
            "run",
            "pipeline.yaml",
            "--source",
            "x:ramp",
            "--frames",
            "1",
        ]);
        let said = text(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("process {}", run.id())), "{said}");
        thread::sleep(Duration::from_millis(1000));
        let before = stream::info(&bench.stream("y"))
            .unwrap()
            .ring
            .unwrap()
            .published;
        run.signal(Signal::CONT);
        run.wait_for("y", before + 5);
    }
    run.signal(Signal::INT);
    let output = run.output();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{report}");
    assert_eq!(report["faults"], serde_json::json!([]), "{report}");
}
