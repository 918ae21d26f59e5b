//! Sources and sinks in running pipelines: several streams, outside streams and files.

use std::process::{Command, Stdio};

use sandpipe::endpoint::npy;
use serde_json::Value;

use super::endpoint_kernels::source_kernel;
use super::harness::{Workbench, text};
use super::support;
use rustix::process::Signal;

#[test]
fn a_frame_set_gives_every_camera_a_frame_of_each_generation_and_counts_what_it_loses() {
    let bench = Workbench::new("frame-set");
    let pipeline = |drops: f64| {
        bench.pipeline(&format!(
            "
shared_memory:
  - {{name: a, shape: [4], dtype: float32}}
  - {{name: b, shape: [4], dtype: float32}}
  - {{name: c, shape: [2, 2], dtype: float64}}
  - {{name: both, shape: [8], dtype: float32}}
sources:
  - name: cameras
    kind: synthetic.frame_set
    streams: [a, b, c]
    parameters: {{pattern: random, jitter_us: 20, drop_probability: {drops}, seed: 3}}
kernels:
  - {{name: join, kind: cpu.concatenate, inputs: [a, b], output: both, delivery: every}}
sinks:
  - {{name: c, kind: null.sink, stream: c, delivery: every}}
"
        ));
        bench.report(&["--frames", "200"])
    };
    let (code, report) = pipeline(0.0);
    assert_eq!(code, 0, "{report}");
    let source = &report["sources"]["cameras"];
    assert_eq!(source["generations"], 200, "{report}");
    for stream in ["a", "b", "c"] {
        assert_eq!(source["streams"][stream]["published"], 200, "{report}");
        assert_eq!(report["streams"][stream]["published"], 200, "{report}");
    }
    assert_eq!(report["stages"]["join"]["frames"], 200, "{report}");
    assert_eq!(report["sinks"]["c"]["frames"], 200, "{report}");
    let skew = source["skew_us"]["max"].as_f64().unwrap();
    assert!(skew > 0.0, "{report}");

    bench.pipeline(
        "
shared_memory:
  - {name: a, shape: [4], dtype: float32}
  - {name: b, shape: [4], dtype: float32}
sources:
  - {name: cameras, kind: synthetic.frame_set, streams: [a, b], parameters: {drop_probability: 0.5}}
",
    );
    let (code, report) = bench.report(&["--frames", "400"]);
    assert_eq!(code, 0, "{report}");
    let source = &report["sources"]["cameras"];
    assert_eq!(source["generations"], 400, "{report}");
    for stream in ["a", "b"] {
        let count = |what: &str| source["streams"][stream][what].as_u64().unwrap();
        assert_eq!(count("published") + count("lost"), 400, "{report}");
        // 200 are expected, with a standard deviation of 10.
        assert!((130..270).contains(&count("lost")), "{report}");
        assert_eq!(report["streams"][stream]["missed"], count("lost"));
    }
}

#[test]
fn what_cannot_be_a_source_or_a_sink_is_refused() {
    let bench = Workbench::new("guest-refused");
    source_kernel(&bench, "");
    let streams = "
shared_memory:
  - {name: x, shape: [2], dtype: uint32}
  - {name: y, shape: [2], dtype: uint32}
";
    for (more, messages) in [
        (
            "sources: [{name: s, kind: synthetic.aray, stream: x}]",
            &[
                "source 's' has the unknown kind 'synthetic.aray'",
                "did you mean 'synthetic.array'?",
            ][..],
        ),
        (
            "sources: [{name: s, kind: cpu.moving_spt, stream: x}]",
            &["did you mean 'cpu.moving_spot'?"],
        ),
        (
            "sources: [{name: s, kind: cpu.copy, stream: x}]",
            &[
                "kernel kind 'cpu.copy' expects 1 trigger input stream, got 0",
                "a source has none",
            ],
        ),
        (
            "sinks: [{name: s, kind: file.png, stream: x}]",
            &[
                "sink 's' has the unknown kind 'file.png'",
                "did you mean 'file.npy'?",
            ],
        ),
        (
            "sinks: [{name: s, kind: cpu.copy, stream: x}]",
            &[
                "kernel kind 'cpu.copy' expects 1 output stream, got 0",
                "under 'outputs'",
            ],
        ),
        (
            "sinks: [{name: s, kind: cpu.statistics, stream: x, outputs: [y], parameters: {fail: true}}]",
            &["kernel kind 'cpu.statistics' has no parameter 'fail'"],
        ),
        (
            "sources: [{name: s, module: camera.wat, stream: x, on_fault: bypass}]",
            &["source 's' cannot bypass: it has no input"],
        ),
        (
            "sources: [{name: s, module: camera.wat, stream: x, rate_hz: 0}]",
            &["'rate_hz' of source 's' must be a number of frames per second from 1e-6 to 1e9"],
        ),
        (
            "sources: [{name: s, module: camera.wat, stream: x, read_timeout: 1, limits: {deadline: 2ms}}]",
            &["source 's' has both 'read_timeout' and a deadline under 'limits'"],
        ),
        (
            "sources: [{name: s, kind: synthetic.array, stream: x, auxiliary: [y]}]",
            &["source 's' is of a built-in kind, which has no use for 'auxiliary'"],
        ),
        (
            "sinks: [{name: s, kind: null.sink, stream: x, outputs: [y]}]",
            &["sink 's' is of a built-in kind, which has no use for 'outputs'"],
        ),
        (
            "sources: [{name: s, kind: synthetic.array, streams: [x, y]}]",
            &["source 's' of kind 'synthetic.array' writes one stream"],
        ),
        (
            "sources: [{name: s, kind: synthetic.frame_set, streams: [x]}]",
            &["source 's' of kind 'synthetic.frame_set' needs at least two streams"],
        ),
        (
            "sources: [{name: s, kind: synthetic.frame_set, streams: [x, y], parameters: {jitter_us: -1, drop_probability: 2}}]",
            &[
                "'jitter_us' of source 's' must be",
                "'drop_probability' of source 's' must be a number from 0 to 1",
            ],
        ),
    ] {
        bench.pipeline(&format!("{streams}{more}\n"));
        let output = bench.run(&["validate", "pipeline.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{more}");
        let said = text(&output.stderr) + &text(&output.stdout);
        for message in messages {
            assert!(said.contains(message), "{more}: {said}");
        }
    }
}

/// Writes ten frames into the first stream, each when the one before has come out of the second.
const FEED: &str = r#"
import sys, numpy, pyshmem
x, y = pyshmem.open(sys.argv[1]), pyshmem.open(sys.argv[2])
for number in range(1, 11):
    seen = y.count
    x.write(numpy.full(3, number, numpy.float32), frame_id=100 + number)
    answer = y.read_after_publication(seen, timeout=30)
    assert answer.frame_id == 100 + number, answer.frame_id
"#;

#[test]
fn frames_come_from_an_outside_stream_and_go_to_one() {
    let bench = Workbench::new("outside-endpoints");
    let (from, to) = (bench.stream("outside.in"), bench.stream("outside.out"));
    let mut owner = support::Child::spawn(&mut support::peer(&["create", &from, "float32", "3"]));
    owner.wait_for("created");
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: x, shape: [3], dtype: float32}}
  - {{name: y, shape: [3], dtype: float32}}
sources:
  - {{name: tap, kind: pyshmem, stream: x, parameters: {{stream: {from}}}}}
kernels:
  - {{name: double, kind: cpu.scale, input: x, output: y, delivery: every, parameters: {{factor: 2}}}}
sinks:
  - {{name: tee, kind: pyshmem, stream: y, delivery: every, parameters: {{stream: {to}}}}}
  - {{name: file, kind: file.npy, stream: y, delivery: every, parameters: {{path: y.npy}}}}
"
    ));
    let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    run.wait_for("y", 0);
    support::run(Command::new(support::python()).args(["-c", FEED, &from, &bench.stream("y")]));
    run.wait_for("y", 10);
    let look = format!(
        "import pyshmem; s = pyshmem.open('{to}'); print(s.read().tolist(), s.frame_id, s.count)"
    );
    let seen = support::run(Command::new(support::python()).args(["-c", &look]));
    assert_eq!(seen.trim(), "[20.0, 20.0, 20.0] 110 10");
    run.signal(Signal::INT);
    let report: Value = serde_json::from_slice(&run.output().stdout).unwrap();
    assert_eq!(
        report["sources"]["tap"]["streams"]["x"]["published"], 10,
        "{report}"
    );
    let (array, _) = npy::read(&bench.path("y.npy")).unwrap();
    assert_eq!(array.shape, [10, 3]);
    // What the run has made is gone, what it found is there.
    let listed = bench.streams();
    assert_eq!(listed, std::slice::from_ref(&from));
    owner.finish();
}

#[test]
fn an_outside_stream_that_does_not_fit_is_refused_with_the_reason() {
    let bench = Workbench::new("outside-refused");
    let name = bench.stream("outside");
    let streams = "
shared_memory:
  - {name: x, shape: [3], dtype: float32}
";
    let source = |name: &str| {
        format!(
            "{streams}sources: [{{name: tap, kind: pyshmem, stream: x, parameters: {{stream: '{name}'}}}}]\n"
        )
    };
    let refused = |yaml: &str, code: i32, message: &str| {
        bench.pipeline(yaml);
        let output = bench.run(&["run", "pipeline.yaml", "--frames", "1"]);
        assert_eq!(output.status.code(), Some(code), "{yaml}");
        assert!(
            text(&output.stderr).contains(message),
            "{}",
            text(&output.stderr)
        );
    };
    refused(&source(&name), 1, "there is no stream");
    let mut owner = support::Child::spawn(&mut support::peer(&["create", &name, "float64", "3"]));
    owner.wait_for("created");
    refused(
        &source(&name),
        1,
        "holds float64 [3], but float32 [3] is needed",
    );
    let sink = format!(
        "{streams}sinks: [{{name: tee, kind: pyshmem, stream: x, parameters: {{stream: {name}}}}}]\n"
    );
    refused(&sink, 1, "float64 [3]");
    refused(
        &source(&bench.stream("x")),
        2,
        "names one of the pipeline's own streams",
    );
    refused(&source(&"n".repeat(300)), 2, "names what can be no stream");
    let none = format!("{streams}sources: [{{name: tap, kind: pyshmem, stream: x}}]\n");
    refused(&none, 2, "source 'tap' lacks the parameter 'stream'");
    owner.finish();
}

#[test]
fn frames_come_from_another_run() {
    let bench = Workbench::new("outside-run-tap");
    let other = Workbench::new("outside-run-other");
    other.pipeline(
        "
shared_memory:
  - {name: x, shape: [2], dtype: uint32}
sources:
  - {name: camera, kind: synthetic.array, stream: x, parameters: {pattern: ramp, rate_hz: 500}}
",
    );
    let mut producer = other.start(&["run", "pipeline.yaml"]);
    producer.wait_for("x", 1);
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: y, shape: [2], dtype: uint32}}
sources:
  - {{name: tap, kind: pyshmem, stream: y, read_timeout: 30, parameters: {{stream: {}}}}}
",
        other.stream("x")
    ));
    let (code, report) = bench.report(&["--frames", "20"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["streams"]["y"]["published"], 20, "{report}");
    assert!(producer.is_running());
    // When the other run ends, so does the source.
    let follower = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    let mut follower = follower;
    follower.wait_for("y", 5);
    producer.signal(Signal::INT);
    producer.output();
    let output = follower.output();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_recording_in_fits_is_played_recorded_and_whole() {
    let bench = Workbench::new("fits");
    let script = "import sys, numpy; from astropy.io import fits
cube = numpy.arange(2 * 3 * 4, dtype=numpy.uint16).reshape(4, 2, 3) + 40000
fits.writeto(sys.argv[1], cube)";
    support::run(
        Command::new(support::python())
            .args(["-c", script])
            .arg(bench.path("in.fits"))
            .stdin(Stdio::null()),
    );
    // What a killed run has left is removed by the next.
    let left = bench.file(".out.fits.0123456789aB.part", "half");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [2, 3], dtype: uint16}
  - {name: y, shape: [2, 3], dtype: uint16}
sources:
  - {name: camera, kind: file.fits, stream: x, parameters: {path: in.fits}}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: y, delivery: every}
sinks:
  - {name: file, kind: file.fits, stream: y, delivery: every, parameters: {path: out.fits}}
",
    );
    let (code, report) = bench.report(&[]);
    assert_eq!(code, 0, "{report}");
    assert!(!left.exists());
    let script = "import sys; from astropy.io import fits
one, other = fits.getdata(sys.argv[1]), fits.getdata(sys.argv[2])
print(other.dtype, other.shape, (one == other).all())";
    let printed = support::run(
        Command::new(support::python())
            .args(["-c", script])
            .arg(bench.path("in.fits"))
            .arg(bench.path("out.fits")),
    );
    assert_eq!(printed.trim(), "uint16 (4, 2, 3) True");
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_frame_leaves_whole_frames() {
    let bench = Workbench::new("half");
    let stream = "shared_memory:\n  - {name: x, shape: [131072], dtype: float32}\n";
    bench.pipeline(&format!(
        "{stream}sources:
  - {{name: camera, kind: synthetic.array, stream: x, parameters: {{pattern: ramp}}}}
sinks:
  - {{name: file, kind: file.npy, stream: x, parameters: {{path: frames.npy}}, delivery: every}}
"
    ));
    // Which is no whole number of frames of half a MiB and a header.
    let output = bench.run_on_a_full_disk("run pipeline.yaml --frames 100");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    // What is there can be read, to the last frame.
    bench.pipeline(&format!(
        "{stream}sources:
  - {{name: file, kind: file.npy, stream: x, parameters: {{path: frames.npy}}}}
sinks:
  - {{name: none, kind: null.sink, stream: x, delivery: every}}
"
    ));
    let (code, report) = bench.report(&[]);
    let frames = report["sinks"]["none"]["frames"].as_u64();
    assert!(code == 0 && frames > Some(20), "{code} {report}");
}
