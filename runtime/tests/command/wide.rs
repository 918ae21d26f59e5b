//! Stages of several instances: `instances`.

use serde_json::Value;

use super::harness::{Workbench, text};
use super::stranger::{Case, FAIL, TRAP, counts, is, on};

/// What `cpu.affine_transform` and two elementwise kinds make of noise, with rows that no number of parts divides.
fn computed(name: &str, stage: &str) -> Vec<Vec<u8>> {
    let bench = Workbench::new(name);
    let normal = "initial: {pattern: normal, seed: 7, mean: 0, std: 1}";
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: x, shape: [70], dtype: float32}}
  - {{name: a, shape: [77, 70], dtype: float32, {normal}}}
  - {{name: b, shape: [77], dtype: float32, {normal}}}
  - {{name: y, shape: [77], dtype: float32}}
  - {{name: z, shape: [77], dtype: float32}}
  - {{name: s, shape: [77], dtype: float32}}
sources:
  - {{name: camera, kind: synthetic.array, stream: x, parameters: {{pattern: random, seed: 3}}}}
kernels:
  - {{name: affine, kind: cpu.affine_transform, input: x, auxiliary: [a, b], output: y, delivery: every, {stage}}}
  - {{name: scale, kind: cpu.scale, input: y, output: z, parameters: {{factor: 1.1}}, delivery: every, {stage}}}
  - {{name: sum, kind: cpu.elementwise_add, input: z, auxiliary: [b], output: s, delivery: every, {stage}}}
sinks:
  - {{name: affine_file, kind: file.npy, stream: y, parameters: {{path: y.npy}}, delivery: every}}
  - {{name: sum_file, kind: file.npy, stream: s, parameters: {{path: s.npy}}, delivery: every}}
"
    ));
    let (code, report) = bench.report(&["--frames", "300"]);
    assert_eq!(code, 0, "{report}");
    for stage in ["affine", "scale", "sum"] {
        assert_eq!(report["stages"][stage]["frames"], 300, "{report}");
    }
    let read = |name| std::fs::read(bench.path(name)).unwrap();
    vec![read("y.npy"), read("s.npy")]
}

#[test]
fn parts_compute_to_the_bit_what_one_instance_computes() {
    let one = computed("one", "instances: 1");
    for stage in [
        "instances: 2",
        "instances: 3",
        "instances: 5, publish: sealed",
        "instances: 2, lane: other",
        "instances: 2, isolation: process",
    ] {
        assert!(computed("several", stage) == one, "{stage}");
    }
}

/// The number of the part, kept by `init`: the context's fifth word.
const PART: &str = "(global $part (mut i32) (i32.const 0))\n;; @declarations";
const KEEP_PART: &str = "(global.set $part (i32.load offset=16 (local.get $context)))";

/// A kernel whose parts write the frame's number plus one into their own element, and of which one part does `fault` on a frame.
fn splitting(name: &str, part: u32, frame: u32, fault: &str) -> Case {
    let case = Case::new(name);
    let fault = on(
        &format!(
            "(i32.and (i32.eq (global.get $part) (i32.const {part})) {})",
            is(frame)
        ),
        fault,
    );
    let compute = format!(
        "{fault}
         (i32.store (i32.add (i32.load offset=4 (local.get $frame)) (i32.mul (i32.const 4) (global.get $part)))
                    (i32.add (i32.load (i32.load (local.get $frame))) (i32.const 1)))
         (return (call $ok))"
    );
    let parts = [
        ("declarations", PART),
        ("init", KEEP_PART),
        ("compute", compute.as_str()),
    ];
    case.bench
        .kernel_with("stranger", r#","split":"rows""#, &parts);
    case
}

fn both(numbers: impl IntoIterator<Item = u32>) -> Vec<[u32; 2]> {
    numbers.into_iter().map(|n| [n + 1; 2]).collect()
}

#[test]
fn a_fault_of_any_part_is_one_fault_of_the_frame_and_the_part_is_restarted() {
    for (part, fault, isolation) in [
        (0, TRAP, "thread"),
        (1, TRAP, "thread"),
        (1, FAIL, "thread"),
        (1, TRAP, "process"),
    ] {
        let rule = format!("instances: 2, on_fault: restart, isolation: {isolation}");
        let case = splitting("wide-restart", part, 5, fault).frames(50, None, &rule);
        let (code, report, output) = case.run();
        assert_eq!(code, 0, "{report}");
        assert_eq!(output, both((1..=4).chain(6..=50)), "{part} {isolation}");
        let keys = ["frames", "dropped", "faults", "restarts"];
        assert_eq!(counts(&report, keys), [49, 1, 1, 1]);
        let message = report["faults"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with(&format!("part {part} of 2: ")),
            "{message}"
        );
    }
}

#[test]
fn parts_that_fault_together_are_one_fault() {
    let compute = on(&is(5), TRAP);
    let case = Case::new("wide-all");
    case.bench
        .kernel_with("stranger", r#","split":"rows""#, &[("compute", &compute)]);
    let case = case.frames(50, None, "instances: 3, on_fault: restart");
    let (code, report, output) = case.run();
    assert_eq!((code, output.len()), (0, 49), "{report}");
    assert_eq!(
        counts(&report, ["frames", "faults", "restarts"]),
        [49, 1, 1]
    );
}

#[test]
fn a_part_that_misses_its_deadline_is_replaced_and_the_others_go_on() {
    let forever = "(loop $again (br $again))";
    let rule = "instances: 2, on_fault: restart, limits: {deadline: 20ms}";
    let case = splitting("wide-late", 1, 5, forever).frames(50, None, rule);
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    assert_eq!(output, both((1..=4).chain(6..=50)));
    assert_eq!(report["faults"][0]["cause"], "deadline");
}

#[test]
fn skip_hold_and_bypass_mean_what_they_mean_of_one_instance() {
    for (rule, frame, key) in [
        ("skip", None, "dropped"),
        ("hold", Some([5, 5]), "held"),
        ("bypass", Some([5, 0]), "bypassed"),
    ] {
        let stage = format!("instances: 2, on_fault: {rule}");
        let case = splitting("wide-rule", 1, 5, FAIL).frames(9, None, &stage);
        let (code, report, output) = case.run();
        assert_eq!(code, 0, "{report}");
        let before = both(1..=4).into_iter();
        let expected: Vec<_> = before.chain(frame).chain(both(6..=9)).collect();
        assert_eq!(output, expected, "{rule}");
        assert_eq!(counts(&report, ["frames", "faults", key]), [8, 1, 1]);
    }
}

#[test]
fn a_fault_ends_the_run_where_nothing_else_is_said() {
    let case = splitting("wide-stop", 1, 5, TRAP).frames(9, None, "instances: 2");
    let (code, report, output) = case.run();
    assert_eq!((code, output), (1, both(1..=4)), "{report}");
    assert_eq!(report["faults"][0]["frame_id"], 5);
}

#[test]
fn describe_shows_the_parts_and_their_lanes() {
    let case = splitting("wide-shown", 9, 9, TRAP).frames(9, None, "instances: 3");
    let output = case
        .bench
        .run(&["describe", "pipeline.yaml", "--format", "json"]);
    let description: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lanes: Vec<_> = description["lanes"].as_array().unwrap().iter().collect();
    let lane = |lane: &Value| (lane["name"].clone(), lane["part"].clone());
    let parts: Vec<_> = lanes.iter().map(|one| lane(one)).collect();
    let expected = [
        ("camera".into(), Value::Null),
        ("file".into(), Value::Null),
        ("stranger part 1".into(), 1.into()),
        ("stranger part 2".into(), 2.into()),
    ];
    assert_eq!(parts, expected);
    let nodes = description["nodes"].as_array().unwrap();
    let stage = nodes
        .iter()
        .find(|node| node["name"] == "stranger")
        .unwrap();
    assert_eq!(stage["instances"], 3);
    let shown = text(&case.bench.run(&["describe", "pipeline.yaml"]).stdout);
    assert!(
        shown.contains("camera, stranger part 1, stranger part 2"),
        "{shown}"
    );
}

#[test]
fn ctrl_c_does_not_wait_for_a_part_that_is_stuck() {
    let case = splitting("wide-stuck", 1, 5, "(loop $again (br $again))").frames(
        9,
        None,
        "instances: 2, limits: {deadline: 50s}",
    );
    let mut running = case
        .bench
        .start(&["run", "pipeline.yaml", "--format", "json"]);
    running.wait_for("y", 4);
    let start = std::time::Instant::now();
    running.signal(rustix::process::Signal::INT);
    let output = running.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn copies_of_whole_outputs_cannot_be_split() {
    let case = Case::new("wide-copied");
    let kernel = r#"(module
      (@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"test.copied\",\"split\":\"rows\"}")
      (memory (export "memory") 2)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
      (func $ok (result i32) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16))
      (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param i32) (result i32) (call $ok))
      (func (export "sandpipe:kernel/stage@0.1.0#init") (param i32) (result i32) (call $ok))
      (func (export "sandpipe:kernel/copied@0.1.0#compute-into") (param i64 i32 i32 i32 i32) (result i32) (call $ok)))"#;
    case.bench.file("stranger.wat", kernel);
    let case = case.frames(9, None, "instances: 2");
    let output = case.bench.run(&["validate", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr) + &text(&output.stdout);
    assert!(shown.contains("copies of whole outputs"), "{shown}");
}
