//! Kernels that are sources or sinks.

use std::fs;
use std::path::Path;

use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::{Workbench, text};

/// A source that writes the frame's number and, behind it, how often its instance was called, then does `@compute`.
const SOURCE: [(&str, &str); 2] = [
    (
        "declarations",
        "(global $calls (mut i32) (i32.const 0))\n;; @declarations",
    ),
    (
        "compute",
        "(i32.store (i32.load (local.get $frame)) (i32.wrap_i64 (local.get $frame_id)))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (i32.store offset=4 (i32.load (local.get $frame)) (global.get $calls))
         ;; @compute
         (return (call $ok))",
    ),
];

pub(super) fn source_kernel(bench: &Workbench, fault: &str) {
    let mut parts = SOURCE.to_vec();
    parts.push(("compute", fault));
    bench.kernel_with("camera", r#","input_arity":0"#, &parts);
}

fn numbers(bench: &Workbench, name: &str) -> Vec<Vec<u32>> {
    let (array, bytes) = npy::read(&bench.path(name)).unwrap();
    let elements: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|element| u32::from_le_bytes(element.try_into().unwrap()))
        .collect();
    let width = array.shape[1..].iter().product::<u32>() as usize;
    elements.chunks(width).map(<[u32]>::to_vec).collect()
}

#[test]
fn the_example_with_a_source_and_a_sink_that_are_kernels_runs_and_is_right() {
    let bench = Workbench::new("guest-endpoints");
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/guest_endpoints/pipeline.yaml");
    let record =
        "  - {name: errors, kind: file.npy, stream: error, parameters: {path: errors.npy}}\n";
    bench.pipeline(&(fs::read_to_string(file).unwrap() + record));
    let (code, report) = bench.report(&["--frames", "100"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["stages"]["camera"]["frames"], 100, "{report}");
    assert_eq!(report["stages"]["quality"]["frames"], 100, "{report}");
    assert_eq!(report["streams"]["quality"]["published"], 100, "{report}");
    assert!(
        report["latency_us"]["p50"].as_f64().unwrap() > 0.0,
        "{report}"
    );
    let (array, bytes) = npy::read(&bench.path("errors.npy")).unwrap();
    assert_eq!(array.shape[1..], [2]);
    assert!(!bytes.is_empty());
    for error in bytes.chunks_exact(4) {
        let error = f32::from_le_bytes(error.try_into().unwrap());
        assert!(error.abs() < 1e-3, "{error}");
    }

    let described = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let described: Value = serde_json::from_slice(&described.stdout).unwrap();
    let role = |name: &str| {
        let nodes = described["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap()["role"].clone()
    };
    assert_eq!(role("camera"), "source");
    assert_eq!(role("centroid"), "stage");
    assert_eq!(role("quality"), "sink");
    let streams = described["streams"].as_array().unwrap();
    let stream = |name: &str| {
        streams
            .iter()
            .find(|stream| stream["name"] == name)
            .unwrap()
    };
    assert_eq!(stream("image")["role"], "source");
    assert_eq!(stream("error")["role"], "end");
}

#[test]
fn a_source_that_faults_is_restarted_and_its_generations_go_on() {
    let bench = Workbench::new("guest-source-faults");
    for isolation in ["thread", "process"] {
        source_kernel(
            &bench,
            "(if (i64.eq (local.get $frame_id) (i64.const 5)) (then (unreachable)))",
        );
        bench.pipeline(&format!(
            "
shared_memory:
  - {{name: x, shape: [2], dtype: uint32}}
sources:
  - {{name: camera, module: camera.wat, stream: x, rate_hz: 2000, on_fault: restart, isolation: {isolation}}}
sinks:
  - {{name: file, kind: file.npy, stream: x, delivery: every, parameters: {{path: x.npy}}}}
"
        ));
        let (code, report) = bench.report(&["--frames", "9"]);
        assert_eq!(code, 0, "{report}");
        let stage = &report["stages"]["camera"];
        assert_eq!(stage["frames"], 8, "{report}");
        assert_eq!(
            (&stage["dropped"], &stage["faults"], &stage["restarts"]),
            (&1.into(), &1.into(), &1.into()),
            "{report}"
        );
        assert_eq!(report["faults"][0]["frame_id"], 5, "{report}");
        assert_eq!(report["faults"][0]["cause"], "trap", "{report}");
        let given = numbers(&bench, "x.npy");
        let expected = [1, 2, 3, 4, 6, 7, 8, 9].map(|number| number);
        assert!(given.iter().map(|frame| frame[0]).eq(expected), "{given:?}");
        // A fresh instance counts its calls anew.
        assert_eq!((given[3][1], given[4][1]), (4, 1), "{given:?}");
    }
}

#[test]
fn a_source_without_a_rate_is_as_fast_as_its_frames_are_taken_and_a_fault_ends_the_run() {
    let bench = Workbench::new("guest-source-free");
    source_kernel(
        &bench,
        "(if (i64.eq (local.get $frame_id) (i64.const 1000)) (then (return (call $fail (i32.const 4) (i32.const 0) (i32.const 0)))))",
    );
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [2], dtype: uint32, slots: 4}
sources:
  - {name: camera, module: camera.wat, stream: x}
sinks:
  - {name: file, kind: file.npy, stream: x, delivery: every, parameters: {path: x.npy}}
",
    );
    let (code, report) = bench.report(&[]);
    assert_eq!(code, 1, "{report}");
    assert_eq!(report["state"], "failed");
    assert_eq!(report["faults"][0]["stage"], "camera", "{report}");
    assert_eq!(report["faults"][0]["frame_id"], 1000, "{report}");
    let given = numbers(&bench, "x.npy");
    assert!(
        given.iter().map(|frame| frame[0]).eq(1..1000),
        "{}",
        given.len()
    );
}

#[test]
fn a_source_and_a_sink_that_take_too_long_fail_by_name() {
    let bench = Workbench::new("timeouts");
    let streams = "
shared_memory:
  - {name: x, shape: [2], dtype: uint32}
";
    let spin = "(loop $again (br $again))";
    let failed = |more: &str, stage: &str, message: &str| {
        bench.pipeline(&format!("{streams}{more}"));
        let (code, report) = bench.report(&["--duration", "20s"]);
        assert_eq!(code, 1, "{more}: {report}");
        let fault = &report["faults"][0];
        assert_eq!(fault["stage"], stage, "{report}");
        assert!(
            fault["message"].as_str().unwrap().contains(message),
            "{report}"
        );
    };
    failed(
        "sources: [{name: slow, kind: synthetic.array, stream: x, read_timeout: 0.05, parameters: {rate_hz: 0.1}}]",
        "slow",
        "gave no frame for 50ms (read_timeout)",
    );
    failed(
        "sources: [{name: fast, kind: synthetic.array, stream: x, parameters: {rate_hz: 100}}]
sinks: [{name: device, kind: null.sink, stream: x, consume_timeout: 0.01, parameters: {device_delay_s: 0.5}}]",
        "device",
        "took longer than 10ms for a frame (consume_timeout)",
    );
    // Of a kernel they are the deadline.
    source_kernel(&bench, spin);
    failed(
        "sources: [{name: camera, module: camera.wat, stream: x, read_timeout: 0.02}]",
        "camera",
        "ran past its deadline",
    );
    bench.kernel_with("device", r#","output_arity":0"#, &[("compute", spin)]);
    failed(
        "sources: [{name: fast, kind: synthetic.array, stream: x, parameters: {rate_hz: 100}}]
sinks: [{name: device, module: device.wat, stream: x, consume_timeout: 0.02}]",
        "device",
        "ran past its deadline",
    );
}

#[test]
fn a_sink_takes_every_frame_and_skips_those_it_faults_on() {
    let bench = Workbench::new("guest-sink");
    bench.kernel_with(
        "watch",
        r#","output_arity":0"#,
        &[(
            "compute",
            "(if (i32.eq (i32.load (i32.load (local.get $frame))) (i32.const 3)) (then (return (call $fail (i32.const 4) (i32.const 0) (i32.const 0)))))
             (return (call $ok))",
        )],
    );
    bench.file("frames.npy", super::stranger::frames(6));
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [4], dtype: uint32}
sources:
  - {name: camera, kind: file.npy, stream: x, parameters: {path: frames.npy}}
sinks:
  - {name: watch, module: watch.wat, stream: x, delivery: every, on_fault: skip}
",
    );
    let (code, report) = bench.report(&["--quarantine", "kept"]);
    assert_eq!(code, 0, "{report}");
    let stage = &report["stages"]["watch"];
    assert_eq!(
        (&stage["frames"], &stage["dropped"], &stage["faults"]),
        (&5.into(), &1.into(), &1.into()),
        "{report}"
    );
    let again = bench.run(&["kernel", "run", "--quarantined", "kept/watch-3-failed"]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
}

#[test]
fn kernels_without_inputs_are_run_and_checked_by_themselves() {
    let bench = Workbench::new("guest-tools");
    let run = bench.run(&[
        "kernel",
        "run",
        "cpu.moving_spot",
        "--shape",
        "9,9",
        "--param",
        "period=4",
        "--repeat",
        "4",
        "--output",
        "spot.npy",
    ]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let (array, bytes) = npy::read(&bench.path("spot.npy")).unwrap();
    assert_eq!(array.shape, [9, 9]);
    let pixel = |row: usize, column: usize| {
        let at = 4 * (9 * row + column);
        f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    // After a whole round the spot is where it began: to the right of the middle.
    assert_eq!(pixel(4, 6), 110.0);
    assert!(pixel(4, 5) < 110.0 && pixel(4, 7) < 110.0);
    for (arguments, message) in [
        (
            &["kernel", "run", "cpu.moving_spot", "--output", "x.npy"][..],
            "give their --shape",
        ),
        (
            &["kernel", "run", "cpu.copy"],
            "give the kernel an --input or an --output",
        ),
        (
            &[
                "kernel", "run", "cpu.copy", "--output", "x.npy", "--shape", "4",
            ],
            "expects 1 trigger inputs, got 0",
        ),
    ] {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(message),
            "{}",
            text(&output.stderr)
        );
    }
    // A sink needs no output.
    let sink = bench.run(&["kernel", "run", "cpu.statistics", "--input", "spot.npy"]);
    assert!(sink.status.success(), "{}", text(&sink.stderr));
}
