//! `synchronization: matching_frame_id` and `propagate_frame_id`.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::{Workbench, text};
use super::stranger::{FAIL, NUMBER, WIDTH, frames, on};
use super::support;

#[test]
fn frames_of_one_id_are_joined_though_a_branch_loses_some() {
    let bench = Workbench::new("join");
    // Every third frame is lost, and the first element of the others becomes one more.
    let third = format!("(i32.eqz (i32.rem_u {NUMBER} (i32.const 3)))");
    bench.kernel("stranger", &[("compute", on(&third, FAIL).as_str())]);
    bench.file("frames.npy", frames(200));
    for lanes in ["fused", "spread"] {
        bench.pipeline(&format!(
            "
lanes: {lanes}
shared_memory:
  - {{name: x, shape: [{WIDTH}], dtype: uint32}}
  - {{name: a, shape: [{WIDTH}], dtype: uint32}}
  - {{name: b, shape: [{WIDTH}], dtype: uint32}}
  - {{name: y, shape: [{}], dtype: uint32}}
sources:
  - {{name: camera, kind: file.npy, stream: x, parameters: {{path: frames.npy}}}}
kernels:
  - {{name: whole, kind: cpu.copy, input: x, output: a, delivery: every}}
  - {{name: lossy, module: stranger.wat, input: x, output: b, delivery: every, on_fault: skip}}
  - name: join
    kind: cpu.concatenate
    inputs: [a, b]
    output: y
    delivery: every
    synchronization: {{mode: matching_frame_id}}
sinks:
  - {{name: file, kind: file.npy, stream: y, parameters: {{path: y.npy}}, delivery: every}}
",
            2 * WIDTH
        ));
        let (code, report) = bench.report(&[]);
        assert_eq!(code, 0, "{report}");
        let (_, bytes) = npy::read(&bench.path("y.npy")).unwrap();
        let numbers: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let joined: Vec<[u32; 2]> = numbers
            .chunks_exact(2 * WIDTH)
            .map(|frame| [frame[0], frame[WIDTH]])
            .collect();
        let expected: Vec<[u32; 2]> = (1..=200)
            .filter(|number| number % 3 != 0)
            .map(|number| [number, number + 1])
            .collect();
        assert_eq!(joined, expected, "{lanes}");
        let join = &report["stages"]["join"];
        assert_eq!(
            (&join["frames"], &join["skipped"]),
            (&134.into(), &66.into())
        );
        assert_eq!(join["frame_sync_timeouts"], 0);
        assert_eq!(
            report["stages"]["whole"]["frame_sync_timeouts"],
            Value::Null
        );
    }
}

/// Writes frames with ids to two streams, one after the other, and looks at the ids that come out.
const CLIENT: &str = r#"
import sys, numpy, pyshmem
a, b, y = (pyshmem.open(name) for name in sys.argv[1:4])
for stream, number, expected in eval(sys.argv[4]):
    seen = y.count
    {"a": a, "b": b}[stream].write(numpy.full(2, number, dtype="float32"), frame_id=number)
    if expected is None:
        continue
    answer = y.read_after_publication(seen, timeout=30)
    assert answer.frame_id == expected, (stream, number, answer.frame_id)
print(y.read().tolist())
"#;

/// Runs a stage of two triggers with more keys, writes to its streams in the order of `steps` (stream, id, and the id that is to
/// come out, if one is), and returns the last output and the report.
fn written(name: &str, keys: &str, steps: &str) -> (String, Value) {
    let bench = Workbench::new(name);
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: a, shape: [2], dtype: float32}}
  - {{name: b, shape: [2], dtype: float32}}
  - {{name: y, shape: [4], dtype: float32}}
kernels:
  - {{name: join, module: join.wat, inputs: [a, b], output: y, {keys}}}
"
    ));
    let eight = |from: u32, to: u32| {
        format!(
            "(i64.store offset={to} (i32.load offset=8 (local.get $frame))
               (i64.load (i32.load offset={from} (local.get $frame))))"
        )
    };
    let body = format!("{}\n{}\n(return (call $ok))", eight(0, 0), eight(4, 8));
    bench.kernel_with("join", r#","input_arity":2"#, &[("compute", &body)]);
    let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    run.wait_for("y", 0);
    let streams = ["a", "b", "y"].map(|stream| bench.stream(stream));
    let client = Command::new(support::python())
        .args(["-c", CLIENT])
        .args(streams)
        .arg(steps)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(client.status.success(), "{keys}: {}", text(&client.stderr));
    run.signal(Signal::INT);
    let report = serde_json::from_slice(&run.output().stdout).unwrap();
    (text(&client.stdout).trim().to_owned(), report)
}

#[test]
fn outputs_carry_the_largest_id_if_asked_and_else_that_of_the_first_new_frame() {
    let steps = |second: u32| format!("[('a', 50, 50), ('b', 7, {second}), ('a', 51, 51)]");
    let (_, report) = written(
        "largest",
        "trigger_policy: any_new, propagate_frame_id: true",
        &steps(50),
    );
    assert_eq!(report["stages"]["join"]["frames"], 3);
    written("first", "trigger_policy: any_new", &steps(7));
}

#[test]
fn a_branch_that_lags_is_waited_for_and_one_that_is_too_far_behind_is_given_up() {
    let keys = "synchronization: {mode: matching_frame_id, max_skew_generations: 4}";
    // 9 waits for 9; 101 and 11 are too far apart, so both are given up; unless 102 has come in place of 11 before anybody looked.
    let (last, report) = written(
        "lag",
        keys,
        "[('a', 9, None), ('b', 8, None), ('b', 9, 9), ('b', 10, None), ('a', 10, 10), \
          ('a', 101, None), ('b', 11, None), ('b', 102, None), ('a', 102, 102)]",
    );
    assert_eq!(last, "[102.0, 102.0, 102.0, 102.0]");
    let join = &report["stages"]["join"];
    assert_eq!(join["frames"], 3, "{report}");
}
