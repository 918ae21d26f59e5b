//! `sandpipe replay`: pipelines that are fed by a recording, from any place on.

use std::fs;

use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::{Workbench, text};
use super::recordings::{compared, count, json, record, verify};

#[test]
fn from_a_place_in_the_middle_state_is_what_it_was() {
    let bench = Workbench::new("from");
    let delivery = "delivery: every";
    let yaml = |sinks: &str| {
        format!(
            "
shared_memory:
  - {{name: x, shape: [4], dtype: float32}}
  - {{name: y, shape: [4], dtype: float32}}
sources:
  - {{name: camera, kind: synthetic.array, stream: x, parameters: {{pattern: constant, constant: 1, rate_hz: 400}}}}
kernels:
  - {{name: count, kind: cpu.leaky_integrator, input: x, output: y, parameters: {{leak: 1, gain: 1}}, {delivery}}}
{sinks}"
        )
    };
    bench.pipeline(&yaml(""));
    let (code, report) = record(&bench, &["--frames", "900"]);
    assert_eq!(code, 0, "{report}");
    let (code, verdict) = verify(&bench, &["--from", "800"]);
    assert_eq!(code, 0, "{verdict}");
    let [equal, different, unchecked] = compared(&verdict, "y");
    assert!(equal >= 101 && different == 0, "{verdict}");
    assert!(
        unchecked >= 200,
        "state was restored and not computed: {verdict}"
    );

    bench.pipeline(&yaml(
        "sinks: [{name: file, kind: file.npy, stream: y, parameters: {path: y.npy}, delivery: every}]",
    ));
    let arguments = [
        "replay",
        "run.mcap",
        "pipeline.yaml",
        "--from",
        "800",
        "--speed",
        "max",
    ];
    let output = bench.run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, bytes) = npy::read(&bench.path("y.npy")).unwrap();
    let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
    assert!((200.0..=800.0).contains(&first), "it counts from {first}");
    for from in ["100000", "1h"] {
        let output = bench.run(&["replay", "run.mcap", "pipeline.yaml", "--from", from]);
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn each_stage_gets_its_own_state_though_a_source_that_is_a_kernel_is_played() {
    let bench = Workbench::new("own");
    // Both count in their state and publish it: the source thousands, the sink frames.
    let count = |first: u32, by: u32| {
        let word = |place: u32| {
            format!(
                "(i32.load offset={} (local.get $frame))",
                4 * (first + place)
            )
        };
        let [output, previous, next] = [0, 1, 2].map(word);
        format!(
            "(i32.store {next} (i32.add (i32.load {previous}) (i32.const {by})))
             (i32.store {output} (i32.load {next}))
             (return (call $ok))"
        )
    };
    let state = r#""state": [{"alias": "count", "like": "output"}]"#;
    let source = format!(r#", "input_arity": 0, {state}"#);
    bench.kernel_with("camera", &source, &[("compute", &count(0, 1000))]);
    bench.kernel_with(
        "counter",
        &format!(", {state}"),
        &[("compute", &count(1, 1))],
    );
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [1], dtype: int32}
  - {name: y, shape: [1], dtype: int32}
  - {name: z, shape: [1], dtype: int32}
sources:
  - {name: camera, module: camera.wat, stream: x, rate_hz: 300}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: z, delivery: every}
sinks:
  - {name: counter, module: counter.wat, stream: x, outputs: [y], delivery: every}
  - {name: file, kind: file.npy, stream: y, parameters: {path: y.npy}, delivery: every}
",
    );
    let (code, report) = record(&bench, &["--frames", "700", "--lossless"]);
    assert_eq!(code, 0, "{report}");
    fs::remove_file(bench.path("y.npy")).unwrap();
    let replay = [
        "replay",
        "run.mcap",
        "pipeline.yaml",
        "--from",
        "2s",
        "--speed",
        "max",
    ];
    let output = bench.run(&replay);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, bytes) = npy::read(&bench.path("y.npy")).unwrap();
    let first = i32::from_le_bytes(bytes[..4].try_into().unwrap());
    // Not from the beginning, and not in thousands.
    assert!((20..=700).contains(&first), "it counts from {first}");
}

#[test]
fn a_replay_feeds_the_pipeline_what_it_was_fed_with() {
    let bench = Workbench::new("feed");
    let yaml = |camera: &str| {
        format!(
            "
shared_memory:
  - {{name: a, shape: [5], dtype: float32}}
  - {{name: b, shape: [5], dtype: float32}}
  - {{name: sum, shape: [10], dtype: float32}}
sources:
  - {{name: one, kind: synthetic.array, stream: a, parameters: {{pattern: {camera}}}}}
  - {{name: two, kind: synthetic.array, stream: b, parameters: {{pattern: random, seed: 8, rate_hz: 2000}}}}
kernels:
  - {{name: join, kind: cpu.concatenate, inputs: [a, b], trigger_policy: all_new, output: sum, delivery: every}}
sinks:
  - {{name: file, kind: file.npy, stream: sum, parameters: {{path: sum.npy}}, delivery: every}}
"
        )
    };
    bench.pipeline(&yaml("random, seed: 5"));
    let (code, report) = record(&bench, &["--frames", "200", "--lossless"]);
    assert_eq!(code, 0, "{report}");
    let recorded = fs::read(bench.path("sum.npy")).unwrap();
    fs::remove_file(bench.path("sum.npy")).unwrap();
    // What the sources would give now does not matter. One was ahead of the other by all slots that there were, and there are fewer now.
    bench.pipeline(&yaml("constant"));
    for speed in ["max", "10"] {
        let replay = ["replay", "run.mcap", "pipeline.yaml", "--speed", speed];
        let output = bench.run(&[&replay[..], &["--format", "json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["stages"]["join"]["frames"], 200);
        assert!(
            fs::read(bench.path("sum.npy")).unwrap() == recorded,
            "{speed}"
        );
        fs::remove_file(bench.path("sum.npy")).unwrap();
    }
}

#[test]
fn so_many_frames_are_replayed_whichever_stream_they_are_of() {
    let bench = Workbench::new("some");
    let source = |name: &str, rate: u32| {
        format!(
            "  - {{name: {name}, kind: synthetic.array, stream: {name}, parameters: {{rate_hz: {rate}}}}}\n"
        )
    };
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: slow, shape: [6], dtype: float32}}
  - {{name: fast, shape: [6], dtype: float32}}
  - {{name: late, shape: [6], dtype: float32}}
sources:
{}{}{}",
        source("slow", 2),
        source("fast", 500),
        source("late", 3)
    ));
    let (code, report) = record(&bench, &["--duration", "600ms", "--lossless"]);
    assert_eq!(code, 0, "{report}");
    let (code, report) = json(
        &bench,
        &[
            "replay",
            "run.mcap",
            "pipeline.yaml",
            "--speed",
            "max",
            "--frames",
            "20",
            "--format",
            "json",
        ],
    );
    assert_eq!(code, 0, "{report}");
    let streams = report["streams"].as_object().unwrap();
    let published = streams.values().map(|stream| count(&stream["published"]));
    assert_eq!(published.sum::<u64>(), 20, "{report}");
}
