//! The same pipeline on one lane and on several.

use super::harness::Workbench;

fn pipeline(lanes: &str, delivery: &str) -> String {
    format!(
        "lanes: {lanes}
shared_memory:
  - {{name: a, shape: [300], dtype: float64}}
  - {{name: b, shape: [300], dtype: float64}}
  - {{name: c, shape: [300], dtype: float64}}
  - {{name: d, shape: [300], dtype: float64}}
sources:
  - {{name: source, kind: synthetic.array, stream: a, parameters: {{pattern: ramp, period: 1000, amplitude: 999}}}}
kernels:
  - {{name: one, kind: cpu.add_constant, input: a, output: b, parameters: {{constant: 1}}, delivery: {delivery}}}
  - {{name: sum, kind: cpu.leaky_integrator, input: b, output: c, parameters: {{leak: 1, gain: 1}}, delivery: {delivery}}}
  - {{name: two, kind: cpu.scale, input: c, output: d, parameters: {{factor: 2}}, delivery: {delivery}}}
sinks:
  - {{name: file, kind: file.npy, stream: d, parameters: {{path: d.npy}}, delivery: {delivery}}}
"
    )
}

#[test]
fn spread_lanes_compute_what_one_lane_computes_and_lose_nothing() {
    let bench = Workbench::new("lanes");
    let mut recordings = Vec::new();
    for lanes in ["fused", "spread", "auto"] {
        bench.pipeline(&pipeline(lanes, "every"));
        let (code, report) = bench.report(&["--frames", "2000"]);
        assert_eq!(code, 0, "{report}");
        for stage in ["one", "sum", "two"] {
            assert_eq!(report["stages"][stage]["frames"], 2000, "{lanes}: {report}");
            assert_eq!(report["stages"][stage]["skipped"], 0);
        }
        assert_eq!(report["sinks"]["file"]["frames"], 2000);
        recordings.push(std::fs::read(bench.path("d.npy")).unwrap());
    }
    // The integrator's state makes every frame depend on all before it.
    for (lanes, recording) in recordings.iter().enumerate() {
        assert!(recordings[0] == *recording, "recording {lanes} differs");
    }
}

#[test]
fn the_latest_delivery_skips_and_counts_what_it_skips() {
    let bench = Workbench::new("latest");
    bench.pipeline(&pipeline("spread", "latest"));
    let (code, report) = bench.report(&["--frames", "20000"]);
    assert_eq!(code, 0, "{report}");
    let stage = &report["stages"]["one"];
    let (frames, skipped) = (
        stage["frames"].as_u64().unwrap(),
        stage["skipped"].as_u64().unwrap(),
    );
    assert_eq!(frames + skipped, 20000, "{report}");
    assert_eq!(report["streams"]["a"]["skipped"], skipped);
}

#[test]
fn a_named_lane_takes_a_stage_out_of_its_chain() {
    let bench = Workbench::new("named");
    let yaml = pipeline("fused", "every").replace("{name: two,", "{name: two, lane: second,");
    bench.pipeline(&yaml);
    let output = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let description: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lanes: Vec<(&str, usize)> = description["lanes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lane| {
            (
                lane["name"].as_str().unwrap(),
                lane["nodes"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(lanes, [("source", 3), ("second", 1), ("file", 1)]);
    let (code, report) = bench.report(&["--frames", "500"]);
    assert_eq!(
        (code, report["stages"]["two"]["frames"].as_u64()),
        (0, Some(500))
    );
}

#[test]
fn a_lane_may_be_called_like_a_node_and_is_not_its_lane() {
    let bench = Workbench::new("called");
    bench.pipeline(&pipeline("fused", "every").replace("{name: two,", "{name: two, lane: file,"));
    let output = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let description: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        description["lanes"].as_array().unwrap().len(),
        3,
        "{description}"
    );
}

/// A kernel that goes round so often for each frame.
fn busy(bench: &Workbench, name: &str, rounds: u32) {
    let declarations = "(global $spin (mut i32) (i32.const 0))\n;; @declarations";
    let compute = format!(
        "(global.set $spin (i32.const 0))
         (loop $again
           (global.set $spin (i32.add (global.get $spin) (i32.const 1)))
           (br_if $again (i32.lt_u (global.get $spin) (i32.const {rounds}))))"
    );
    bench.kernel(
        name,
        &[("declarations", declarations), ("compute", &compute)],
    );
}

/// A light stage, a heavy one and a light one, of which each counts up by one.
fn uneven(bench: &Workbench, lanes: &str, more: &str) {
    busy(bench, "light", 100);
    busy(bench, "heavy", 200_000);
    bench.pipeline(&format!(
        "lanes: {lanes}
shared_memory:
  - {{name: a, shape: [4], dtype: uint32}}
  - {{name: b, shape: [4], dtype: uint32}}
  - {{name: c, shape: [4], dtype: uint32}}
  - {{name: d, shape: [4], dtype: uint32}}
  - {{name: e, shape: [4], dtype: uint32}}
sources:
  - {{name: source, kind: synthetic.array, stream: a, parameters: {{pattern: ramp}}}}
kernels:
  - {{name: one, module: light.wat, input: a, output: b, delivery: every}}
  - {{name: two, module: heavy.wat, input: b, output: c, delivery: every}}
  - {{name: three, module: heavy.wat, input: c, output: d, delivery: every{more}}}
  - {{name: four, module: light.wat, input: d, output: e, delivery: every}}
sinks:
  - {{name: sink, kind: null.sink, stream: e, delivery: every}}
"
    ));
}

#[test]
fn auto_divides_the_stages_by_the_times_of_the_first_frames() {
    let bench = Workbench::new("auto");
    uneven(&bench, "auto", "");
    let (code, report) = bench.report(&["--frames", "400"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["sinks"]["sink"]["frames"], 400);
    let placement = &report["placement"];
    let names = |nodes: &serde_json::Value| {
        let names = nodes.as_array().unwrap().iter();
        let names = names.map(|node| node.as_str().or(node["name"].as_str()).unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let order = ["source", "one", "two", "three", "four", "sink"];
    assert_eq!(names(&placement["nodes"]), order);
    let lanes = placement["lanes"].as_array().unwrap();
    let divided: Vec<Vec<String>> = lanes.iter().map(|lane| names(&lane["nodes"])).collect();
    assert_eq!(divided.concat(), order, "segments of the graph");
    let processors = std::thread::available_parallelism().unwrap().get();
    assert!(lanes.len() <= processors, "{placement}");
    let us = |node: usize| placement["nodes"][node]["us"].as_f64().unwrap();
    assert!(us(2) > 10.0 * us(1), "{placement}");
    if processors > 1 {
        let lane_of = |name: &str| {
            let mut lanes = divided.iter();
            lanes.position(|nodes| nodes.iter().any(|node| node == name))
        };
        assert_ne!(
            lane_of("two"),
            lane_of("three"),
            "the heavy ones are apart: {placement}"
        );
    }
}

#[test]
fn auto_leaves_named_lanes_alone_and_says_nothing_of_too_few_frames() {
    let bench = Workbench::new("auto-named");
    uneven(&bench, "auto", ", lane: mine");
    let output = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let description: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lanes = description["lanes"].as_array().unwrap();
    let mine = lanes.iter().find(|lane| lane["name"] == "mine").unwrap();
    assert_eq!(mine["nodes"], serde_json::json!(["three"]));
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(lanes.len(), processors.max(2), "{description}");
    let foretold = &description["placement"];
    assert_eq!(foretold["nodes"][2]["name"], "two");
    assert!(
        foretold["nodes"][2]["us"].as_f64().unwrap() > 0.0,
        "{foretold}"
    );
    let (code, report) = bench.report(&["--frames", "20"]);
    assert_eq!((code, &report["placement"]), (0, &serde_json::Value::Null));
    assert_eq!(report["sinks"]["sink"]["frames"], 20);
}
