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
    for lanes in ["fused", "spread"] {
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
    assert!(recordings[0] == recordings[1], "the recordings differ");
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
