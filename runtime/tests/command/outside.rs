//! Outside processes at the edge of the graph: Python with pyshmem, and our own stream commands.

use std::process::{Command, Stdio};

use super::harness::{Workbench, text};
use super::support;
use rustix::process::Signal;

const SCALE: &str = "
shared_memory:
  - {name: x, shape: [3, 5], dtype: float64}
  - {name: middle, shape: [3, 5], dtype: float64}
  - {name: y, shape: [3, 5], dtype: float64}
kernels:
  - {name: up, kind: cpu.scale, input: x, output: middle, parameters: {factor: 4}}
  - {name: down, kind: cpu.add_constant, input: middle, output: y, parameters: {constant: 0.5}}
";

/// Writes 200 frames one after the other and checks the answer to each.
const CLIENT: &str = r#"
import sys, numpy, pyshmem
x, y = pyshmem.open(sys.argv[1]), pyshmem.open(sys.argv[2])
assert y.shape == (3, 5) and y.dtype == numpy.float64, (y.shape, y.dtype)
generator = numpy.random.default_rng(1)
for number in range(200):
    frame = generator.normal(size=(3, 5))
    seen = y.count
    x.write(frame, frame_id=1000 + number)
    answer = y.read_after_publication(seen, timeout=30)
    assert (answer.payload == frame * 4 + 0.5).all(), (number, answer.payload, frame)
    assert answer.frame_id == 1000 + number, answer.frame_id
print("ok")
"#;

#[test]
fn python_feeds_the_pipeline_and_reads_its_answer() {
    let bench = Workbench::new("python");
    let python = support::python();
    for lanes in ["fused", "spread"] {
        bench.pipeline(&format!("lanes: {lanes}\n{SCALE}"));
        let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
        run.wait_for("y", 0);
        let client = Command::new(&python)
            .args(["-c", CLIENT, &bench.stream("x"), &bench.stream("y")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(client.status.success(), "{lanes}: {}", text(&client.stderr));
        run.signal(Signal::INT);
        let report: serde_json::Value = serde_json::from_slice(&run.output().stdout).unwrap();
        assert_eq!(report["stages"]["down"]["frames"], 200, "{report}");
        assert_eq!(report["streams"]["x"]["published"], 200);
    }
}

#[test]
fn stream_commands_write_and_read_what_the_pipeline_sees() {
    let bench = Workbench::new("tools");
    bench.pipeline(SCALE);
    let mut run = bench.start(&["run", "pipeline.yaml"]);
    run.wait_for("y", 0);
    let array = sandpipe::array::ArrayType {
        dtype: sandpipe::array::Dtype::F64,
        shape: vec![3, 5],
    };
    let frame: Vec<u8> = (0..15).flat_map(|i| f64::from(i).to_le_bytes()).collect();
    sandpipe::endpoint::npy::write(&bench.path("in.npy"), &array, &frame).unwrap();
    let written = bench.run(&["stream", "write", &bench.stream("x"), "in.npy"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    run.wait_for("y", 1);
    let read = bench.run(&["stream", "read", &bench.stream("y"), "-o", "out.npy"]);
    assert!(read.status.success(), "{}", text(&read.stderr));
    let (found, bytes) = sandpipe::endpoint::npy::read(&bench.path("out.npy")).unwrap();
    let expected: Vec<u8> = (0..15)
        .flat_map(|i| (f64::from(i) * 4.0 + 0.5).to_le_bytes())
        .collect();
    assert_eq!(found, array);
    assert!(bytes == expected, "the values differ");

    // A frame of another shape, a stream that is not there, a stream in use.
    let other = sandpipe::array::ArrayType {
        shape: vec![15],
        ..array
    };
    sandpipe::endpoint::npy::write(&bench.path("flat.npy"), &other, &frame).unwrap();
    let name = bench.stream("x");
    for (arguments, fragment) in [
        (vec!["stream", "write", &name, "flat.npy"], "float64 [15]"),
        (
            vec!["stream", "write", "no-such-stream", "in.npy"],
            "no-such-stream",
        ),
        (vec!["stream", "info", "no-such-stream"], "no-such-stream"),
        (vec!["stream", "remove", &name], "--force"),
    ] {
        let output = bench.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(fragment),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_busy_lane_still_takes_in_what_comes_from_outside() {
    let bench = Workbench::new("busy");
    // The source has a lane of its own and is always ahead of the stage, so the stage's lane is never idle.
    bench.pipeline(
        "
lanes: spread
shared_memory:
  - {name: x, shape: [2048], dtype: float32, slots: 200}
  - {name: matrix, shape: [1024, 2048], dtype: float32}
  - {name: offset, shape: [1024], dtype: float32}
  - {name: y, shape: [1024], dtype: float32}
sources:
  - {name: s, kind: synthetic.array, stream: x, parameters: {pattern: constant}}
kernels:
  - {name: k, kind: cpu.affine_transform, input: x, auxiliary: [matrix, offset], output: y, delivery: every}
",
    );
    let mut run = bench.start(&["run", "pipeline.yaml"]);
    run.wait_for("y", 10);
    let array = sandpipe::array::ArrayType {
        dtype: sandpipe::array::Dtype::F32,
        shape: vec![1024],
    };
    sandpipe::endpoint::npy::write(&bench.path("offset.npy"), &array, &[0; 4096]).unwrap();
    let written = bench.run(&["stream", "write", &bench.stream("offset"), "offset.npy"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    run.wait_for("offset", 1);
}

/// Makes a stream and keeps it until its standard input is closed.
const OWNER: &str = r#"
import sys, pyshmem
stream = pyshmem.create(sys.argv[1], shape=(3, 5), dtype="float64")
print("made", flush=True)
sys.stdin.read()
stream.close()
pyshmem.unlink(sys.argv[1])
"#;

#[test]
fn modes_look_for_streams_by_the_name_that_they_have_with_and_without_a_namespace() {
    let bench = Workbench::new("modes");
    for (line, x) in [
        (format!("namespace: {}", bench.namespace), "x".to_owned()),
        (String::new(), bench.stream("alone")),
    ] {
        let run = |mode: &str| {
            let y = bench.stream("y");
            bench.file(
                "pipeline.yaml",
                format!(
                    "{line}
shared_memory:
  - {{name: {x}, shape: [3, 5], dtype: float64, mode: {mode}}}
  - {{name: {y}, shape: [3, 5], dtype: float64}}
kernels: [{{name: k, kind: cpu.copy, input: {x}, output: {y}}}]
"
                ),
            );
            let output = bench.run(&["run", "pipeline.yaml", "--duration", "10ms"]);
            (output.status.success(), text(&output.stderr))
        };
        let name = match x.as_str() {
            "x" => bench.stream("x"),
            _ => x.clone(),
        };
        let (found, why) = run("attach");
        assert!(!found && why.contains(&name), "{why}");
        let mut owner =
            support::Child::spawn(Command::new(support::python()).args(["-c", OWNER, &name]));
        owner.wait_for("made");
        for (mode, expected) in [
            ("attach", true),
            ("create", false),
            ("create_or_attach", true),
        ] {
            let (found, why) = run(mode);
            assert_eq!(found, expected, "{mode}: {why}");
            assert!(expected || why.contains(&name), "{why}");
            // It is not ours to remove.
            assert!(bench.streams().contains(&name), "{mode}");
        }
        owner.finish();
    }
}
