//! Pipelines that run to their end.

use super::harness::{Workbench, text};

const SCALE: &str = "
shared_memory:
  - {name: x, shape: [5], dtype: float32}
  - {name: y, shape: [5], dtype: float32}
kernels:
  - {name: double, kind: cpu.scale, input: x, output: y, parameters: {factor: 2}}
";

#[test]
fn the_report_counts_every_frame() {
    let bench = Workbench::new("report");
    bench.pipeline(SCALE);
    let (code, report) = bench.report(&["--source", "x:ramp", "--frames", "1000"]);
    assert_eq!(code, 0);
    assert_eq!(report["state"], "stopped");
    assert_eq!(report["streams"]["x"]["published"], 1000);
    assert_eq!(report["streams"]["y"]["published"], 1000);
    assert_eq!(report["streams"]["y"]["skipped"], 0);
    let stage = &report["stages"]["double"];
    assert_eq!(stage["kind"], "cpu.scale");
    assert_eq!(
        (
            stage["frames"].as_u64(),
            stage["faults"].as_u64(),
            stage["restarts"].as_u64()
        ),
        (Some(1000), Some(0), Some(0))
    );
    for percentile in ["p50", "p99", "max"] {
        assert!(stage["exec_us"][percentile].as_f64().unwrap() > 0.0);
    }
    for percentile in ["p50", "p99", "p999", "max"] {
        assert!(report["latency_us"][percentile].as_f64().unwrap() > 0.0);
    }
    assert!(report["faults"].as_array().unwrap().is_empty());
    assert!(bench.streams().is_empty(), "streams are left");
}

#[test]
fn the_duration_ends_a_run_and_the_report_file_is_the_printed_report() {
    let bench = Workbench::new("duration");
    bench.pipeline(SCALE);
    let (code, report) = bench.report(&[
        "--source",
        "x:sine:200",
        "--duration",
        "300ms",
        "--report",
        "report.json",
    ]);
    assert_eq!(code, 0);
    let elapsed = report["elapsed_s"].as_f64().unwrap();
    assert!((0.3..20.0).contains(&elapsed), "{elapsed}");
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path("report.json")).unwrap()).unwrap();
    assert_eq!(written, report);
}

#[test]
fn a_recorded_run_has_the_values_of_the_kernels() {
    let bench = Workbench::new("values");
    bench.pipeline(&format!(
        "{SCALE}sources:
  - {{name: ramp, kind: synthetic.array, stream: x, parameters: {{pattern: ramp, period: 5, amplitude: 4}}}}
sinks:
  - {{name: file, kind: file.npy, stream: y, parameters: {{path: y.npy}}, delivery: every}}
"
    ));
    let (code, report) = bench.report(&["--frames", "3"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["sinks"]["file"]["frames"], 3);
    let (array, bytes) = sandpipe::endpoint::npy::read(&bench.path("y.npy")).unwrap();
    assert_eq!(array.shape, [3, 5]);
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    // Twice the ramp 0..4, which moves on by one element a frame.
    assert_eq!(
        values,
        [0., 2., 4., 6., 8., 2., 4., 6., 8., 0., 4., 6., 8., 0., 2.]
    );
}

#[test]
fn several_triggers_wait_for_all_or_run_for_any() {
    let bench = Workbench::new("triggers");
    let pipeline = |policy: &str| {
        format!(
            "
shared_memory:
  - {{name: a, shape: [2], dtype: float32}}
  - {{name: b, shape: [2], dtype: float32}}
  - {{name: both, shape: [4], dtype: float32}}
kernels:
  - {{name: join, kind: cpu.concatenate, inputs: [a, b], output: both, trigger_policy: {policy}}}
"
        )
    };
    let sources = [
        "--source",
        "a:constant",
        "--source",
        "b:constant",
        "--frames",
        "100",
    ];
    bench.pipeline(&pipeline("all_new"));
    let (code, report) = bench.report(&sources);
    assert_eq!(
        (code, report["stages"]["join"]["frames"].as_u64()),
        (0, Some(100)),
        "{report}"
    );
    // One source alone never completes a pair.
    let (code, report) = bench.report(&[
        "--source",
        "a:constant",
        "--frames",
        "100",
        "--duration",
        "500ms",
    ]);
    assert_eq!(
        (code, report["stages"]["join"]["frames"].as_u64()),
        (0, Some(0)),
        "{report}"
    );
}

#[test]
fn initial_values_are_there_before_the_first_frame() {
    let bench = Workbench::new("initial");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [2, 2], dtype: float64}
  - {name: eye, shape: [2, 2], dtype: float64, initial: {pattern: identity, scale: 3}}
  - {name: offset, shape: [2, 2], dtype: float64, initial: {pattern: values, values: [[1, 2], [3, 4]]}}
  - {name: y, shape: [2, 2], dtype: float64}
kernels:
  - {name: k, kind: cpu.custom_operation, operation: input * eye + offset, input: x, auxiliary: [eye, offset], output: y}
sources:
  - {name: ones, kind: synthetic.array, stream: x, parameters: {pattern: constant, constant: 1}}
sinks:
  - {name: file, kind: file.npy, stream: y, parameters: {path: y.npy}}
",
    );
    let (code, report) = bench.report(&["--frames", "1"]);
    assert_eq!(code, 0, "{report}");
    let (_, bytes) = sandpipe::endpoint::npy::read(&bench.path("y.npy")).unwrap();
    let values: Vec<f64> = bytes
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(values, [4., 2., 3., 7.]);
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let bench = Workbench::new("pipe");
    let binary = env!("CARGO_BIN_EXE_sandpipe");
    let shell =
        format!("'{binary}' kernel list | true; '{binary}' kernel list --format json | head -1");
    let output = std::process::Command::new("sh")
        .args(["-c", &shell])
        .current_dir(&bench.folder)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn describe_shows_the_graph_in_four_forms() {
    let bench = Workbench::new("describe");
    bench.pipeline(SCALE);
    for (format, fragments) in [
        (
            "text",
            &["double", "cpu.scale", "external", "end", "64 MiB"][..],
        ),
        ("mermaid", &["flowchart LR", "s0 --> n0", "n0 --> s1"]),
        ("dot", &["digraph", "s0 -> n0;", "n0 -> s1;"]),
        ("json", &["\"edges\"", "\"deadline_us\"", "\"lanes\""]),
    ] {
        let output = bench.run(&["describe", "pipeline.yaml", "--format", format]);
        assert!(output.status.success());
        for fragment in fragments {
            assert!(
                text(&output.stdout).contains(fragment),
                "{fragment} is missing: {}",
                text(&output.stdout)
            );
        }
    }
}

#[test]
fn a_finished_stage_does_not_hold_up_the_sources_of_its_other_triggers() {
    let bench = Workbench::new("uneven");
    let array = sandpipe::array::ArrayType {
        dtype: sandpipe::array::Dtype::F32,
        shape: vec![3, 2],
    };
    sandpipe::endpoint::npy::write(&bench.path("three.npy"), &array, &[0; 24]).unwrap();
    for lanes in ["fused", "spread"] {
        bench.pipeline(&format!(
            "lanes: {lanes}
shared_memory:
  - {{name: a, shape: [2], dtype: float32}}
  - {{name: b, shape: [2], dtype: float32}}
  - {{name: both, shape: [4], dtype: float32}}
sources:
  - {{name: three, kind: file.npy, stream: a, parameters: {{path: three.npy}}}}
  - {{name: many, kind: synthetic.array, stream: b, parameters: {{pattern: constant}}}}
kernels:
  - {{name: join, kind: cpu.concatenate, inputs: [a, b], output: both, delivery: every}}
"
        ));
        let (code, report) = bench.report(&["--frames", "50"]);
        assert_eq!(code, 0, "{report}");
        assert_eq!(report["stages"]["join"]["frames"], 3, "{lanes}: {report}");
        assert_eq!(report["streams"]["b"]["published"], 50, "{lanes}: {report}");
    }
}

#[test]
fn a_duration_beyond_all_clocks_is_no_limit() {
    let bench = Workbench::new("ages");
    bench.pipeline(SCALE);
    let ages = [
        "--duration",
        "9223372036854775807s",
        "--source",
        "x:ramp",
        "--frames",
        "3",
    ];
    let (code, report) = bench.report(&ages);
    assert_eq!(
        (code, report["streams"]["y"]["published"].as_u64()),
        (0, Some(3))
    );
}

#[test]
fn a_failed_run_fails_whoever_reads_its_output() {
    let bench = Workbench::new("unread");
    bench.pipeline(
        &SCALE
            .replace("cpu.scale", "cpu.raise_error")
            .replace("factor: 2", "message: no"),
    );
    let binary = env!("CARGO_BIN_EXE_sandpipe");
    let shell = format!(
        "set -o pipefail; '{binary}' run pipeline.yaml --source x:ramp --report r.json 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    );
    let status = std::process::Command::new("bash")
        .args(["-c", &shell])
        .current_dir(&bench.folder)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(
        std::fs::read_to_string(bench.path("r.json"))
            .unwrap()
            .contains("\"failed\"")
    );
}

#[test]
fn validate_shows_notes_after_the_verdict() {
    let bench = Workbench::new("notes");
    let file = bench.file(
        "p.yaml",
        SCALE.replace("output: y,", "output: y, read_timeout: 0.1,"),
    );
    let file = file.to_str().unwrap();
    let output = bench.run(&["validate", file]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), format!("{file}: valid\n"));
    let notes = text(&output.stderr);
    assert!(
        notes.starts_with("note: 'read_timeout' of 'double': has no effect"),
        "{notes}"
    );
    assert!(notes.contains(":6:58"), "{notes}");
    let output = bench.run(&["validate", file, "--format", "json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = &verdict["files"][0];
    assert_eq!(
        (&verdict["valid"], &verdict["errors"]),
        (&true.into(), &serde_json::json!([]))
    );
    let note = &verdict["notes"][0];
    assert_eq!(
        (&note["line"], &note["column"]),
        (&6.into(), &58.into()),
        "{note}"
    );
}
