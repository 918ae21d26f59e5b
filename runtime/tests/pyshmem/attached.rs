//! Streams that Python made.

use std::process::Command;

use rustix::process::Signal;
use sandpipe::stream::{self, Delivery, Mode, Stream, StreamError, StreamSpec};
use serde_json::Value;

use super::harness::Workbench;
use super::support::{Child, frame, peer, python, run, spec, stream_name};
use super::{flush, publish, read_until};

/// A stream that a living Python process has made, with one frame in it.
pub fn made_by_python(spec: &StreamSpec) -> Child {
    let mut owner = Child::spawn(&mut peer(&["create", &spec.name, "uint64", "512"]));
    owner.wait_for("created");
    run(&mut peer(&["write", &spec.name, "41"]));
    owner
}

#[test]
fn a_stream_that_python_made_is_used_as_it_is() {
    let modes = [Mode::Attach, Mode::CreateOrAttach];
    for (mode, maker_lives) in modes
        .into_iter()
        .flat_map(|mode| [(mode, true), (mode, false)])
    {
        let mut spec = spec(&stream_name("attach"), 512);
        spec.mode = mode;
        let mut owner = Some(made_by_python(&spec));
        if !maker_lives {
            owner.take().into_iter().for_each(Child::finish);
        }
        let stream = Stream::create(&spec).unwrap();
        assert!(!stream.is_made_here());
        // As an input: what lies there already is the newest frame, though not a new one.
        let ingest = stream.ingest().unwrap();
        let mut reader = stream.reader(Delivery::Latest).unwrap();
        assert_eq!(reader.newest().unwrap().frame_id, 41);
        assert!(!reader.ready());
        run(&mut peer(&["write", &spec.name, "42"]));
        assert_eq!(read_until(&ingest, &mut reader, 42), 1);
        drop((ingest, reader));
        // As an output.
        let mut writer = stream.writer().unwrap();
        publish(&mut writer, 43);
        flush(&mut writer);
        let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "43"]));
        viewer.wait_for("viewed");
        viewer.finish();
        drop((writer, stream));
        assert_eq!(
            stream::read_frame(&spec.name).unwrap().bytes,
            frame(43, 512),
            "not removed"
        );
        owner.into_iter().for_each(Child::finish);
        stream::remove(&spec.name, false).unwrap();
    }
}

#[test]
fn a_stream_of_python_that_differs_is_refused_or_replaced() {
    let mut other = spec(&stream_name("differs"), 511);
    let create = |spec: &StreamSpec, mode| {
        Stream::create(&StreamSpec {
            mode,
            ..spec.clone()
        })
    };
    let owner = made_by_python(&other);
    for mode in [Mode::CreateOrAttach, Mode::Attach] {
        let error = create(&other, mode).unwrap_err();
        assert!(matches!(error, StreamError::Differs { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("holds uint64 [512], not uint64 [511]"),
            "{error}"
        );
    }
    assert!(matches!(
        create(&other, Mode::Create),
        Err(StreamError::Exists { .. })
    ));
    owner.finish();
    // Its maker has ended: then it is replaced, but never attached to.
    assert!(matches!(
        create(&other, Mode::Attach),
        Err(StreamError::Differs { .. })
    ));
    let replaced = create(&other, Mode::CreateOrAttach).unwrap();
    assert!(replaced.is_made_here());
    drop(replaced);
    assert!(matches!(
        create(&other, Mode::Attach),
        Err(StreamError::Missing { .. })
    ));
    // Asked for in so many words, it is replaced even so.
    other.name = stream_name("replaced");
    let owner = made_by_python(&other);
    drop(create(&other, Mode::Replace).unwrap());
    owner.finish();
}

/// Makes streams for a pipeline, feeds it through them and watches its answers, all by handles that it opened first.
const CAMERA: &str = r#"
import sys, numpy, pyshmem
prefix, notify = sys.argv[1], sys.argv[2] == "notify"
x, offset, y = (
    pyshmem.create(prefix + name, shape=(3, 5), dtype="float64", notify=notify) for name in ("x", "offset", "y")
)
offset.write(numpy.full((3, 5), 1.0))
print("created", flush=True)
sys.stdin.readline()
generator = numpy.random.default_rng(1)
for number in range(1, 101):
    frame, subtracted = generator.normal(size=(3, 5)), float(number)
    seen = y.count
    # What is written first is there for what is written then.
    offset.write(numpy.full((3, 5), subtracted))
    x.write(frame, frame_id=1000 + number)
    answer = y.read_after_publication(seen, timeout=30)
    assert (answer.payload == 2 * frame - subtracted).all(), (number, answer.payload, frame, subtracted)
    assert answer.frame_id == 1000 + number, answer.frame_id
print("answered", flush=True)
sys.stdin.readline()
for stream in (x, offset, y):
    assert not stream.is_stale(600) and stream.owner and pyshmem.stat(stream.name)["count"] == stream.count
assert (y.count, x.count, offset.count) == (100, 100, 101), (y.count, x.count, offset.count)
again = pyshmem.open(prefix + "y")
assert (again.read() == answer.payload).all() and again.frame_id == 1100
for stream in (x, offset, y):
    stream.unlink()
print("unlinked", flush=True)
"#;

#[test]
fn a_pipeline_works_on_streams_of_python_and_leaves_them() {
    for (mode, namespaced, notify) in [
        ("attach", true, "notify"),
        ("attach", false, "poll"),
        ("create_or_attach", true, "poll"),
        ("create_or_attach", false, "notify"),
    ] {
        let bench = Workbench::new("camera");
        // Without a namespace the streams carry it in their names, so that they are nobody else's.
        let (namespace, prefix) = match namespaced {
            true => (format!("namespace: {}", bench.namespace), String::new()),
            false => (String::new(), format!("{}.", bench.namespace)),
        };
        let streams = ["offset", "x", "y"].map(|name| {
            format!("  - {{name: {prefix}{name}, shape: [3, 5], dtype: float64, mode: {mode}}}\n")
        });
        bench.file(
            "pipeline.yaml",
            format!(
                "{namespace}
shared_memory:
  - {{name: {prefix}z, shape: [3, 5], dtype: float64}}
{}kernels:
  - {{name: scale, kind: cpu.scale_offset, input: {prefix}x, auxiliary: [{prefix}offset], output: {prefix}y,
      parameters: {{gain: 2}}}}
  - {{name: copy, kind: cpu.copy, input: {prefix}y, output: {prefix}z}}
sinks:
  - {{name: end, kind: null.sink, stream: {prefix}z}}
",
                streams.concat()
            ),
        );
        let mut camera =
            Child::spawn(Command::new(python()).args(["-c", CAMERA, &bench.stream(""), notify]));
        camera.wait_for("created");
        let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
        run.wait_for_reader("z");
        camera.say("go");
        camera.wait_for("answered");
        run.signal(Signal::INT);
        let report: Value = serde_json::from_slice(&run.output().stdout).unwrap();
        let x = &report["streams"][format!("{prefix}x")];
        assert_eq!(
            (&x["published"], &x["missed"]),
            (&100.into(), &0.into()),
            "{report}"
        );
        assert_eq!(report["stages"]["scale"]["frames"], 100, "{report}");
        camera.say("go");
        camera.wait_for("unlinked");
        camera.finish();
    }
}
