//! `sandpipe record`, and that what it records is the same when it is computed again.

use std::fs;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;
use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::{PATIENCE, Workbench, text};
use super::stranger::{Case, FAIL, TRAP, even, frames, is, on};
use super::support::python;

/// A pipeline with all that makes calls hard to repeat: state, a wide stage, and an auxiliary stream that comes back from the end.
fn loop_of_stages(lanes: &str, delivery: &str, rate: &str, leak: &str) -> String {
    let delivery = format!("delivery: {delivery}");
    format!(
        "
shared_memory:
  - {{name: raw, shape: [60], dtype: float32}}
  - {{name: corrected, shape: [60], dtype: float32}}
  - {{name: scaled, shape: [60], dtype: float32}}
  - {{name: command, shape: [60], dtype: float32}}
sources:
  - {{name: camera, kind: synthetic.array, stream: raw, parameters: {{pattern: random, seed: 3{rate}}}}}
kernels:
  - {{name: correct, kind: cpu.elementwise_subtract, input: raw, auxiliary: [command], output: corrected, {delivery}}}
  - {{name: scale, kind: cpu.scale, input: corrected, output: scaled, parameters: {{factor: 1.1}}, instances: 3, {delivery}}}
  - {{name: leak, kind: cpu.leaky_integrator, input: scaled, output: command, parameters: {{leak: 0.9, gain: 0.3}}, {delivery}, {leak}}}
lanes: {lanes}
"
    )
}

/// Records `pipeline.yaml` into `run.mcap`: exit code and report.
pub fn record(bench: &Workbench, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec![
        "record",
        "pipeline.yaml",
        "-o",
        "run.mcap",
        "--format",
        "json",
    ];
    arguments.extend(more);
    json(bench, &arguments)
}

/// Verifies `run.mcap`: exit code and verdict.
pub fn verify(bench: &Workbench, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec![
        "replay",
        "run.mcap",
        "pipeline.yaml",
        "--verify",
        "--format",
        "json",
    ];
    arguments.extend(more);
    json(bench, &arguments)
}

pub fn json(bench: &Workbench, arguments: &[&str]) -> (i32, Value) {
    let output = bench.run(arguments);
    let printed = serde_json::from_slice(&output.stdout);
    let value = printed.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    (output.status.code().unwrap(), value)
}

pub fn count(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Of a stream in a verdict: equal, different, unchecked.
pub fn compared(verdict: &Value, stream: &str) -> [u64; 3] {
    let streams = verdict["streams"].as_array().unwrap();
    let found = streams.iter().find(|entry| entry["name"] == stream);
    let found = found.unwrap_or_else(|| panic!("no {stream} in {verdict}"));
    ["equal", "different", "unchecked"].map(|key| count(&found[key]))
}

/// Every published frame is in the file or counted as dropped.
fn check_counts(report: &Value) {
    for (name, stream) in report["recording"]["streams"].as_object().unwrap() {
        let kept = count(&stream["recorded"]) + count(&stream["dropped"]);
        assert_eq!(
            kept,
            count(&report["streams"][name]["published"]),
            "{name}: {report}"
        );
    }
}

fn write_frames(bench: &Workbench, name: &str, shape: [u32; 2], value: impl Fn(u32) -> f32) {
    let array = ArrayType {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
    };
    let frames = (0..shape[0]).flat_map(|frame| vec![value(frame); shape[1] as usize]);
    let bytes: Vec<u8> = frames.flat_map(f32::to_le_bytes).collect();
    npy::write(&bench.path(name), &array, &bytes).unwrap();
}

#[test]
fn a_lossless_recording_is_verified_to_the_last_frame() {
    for (lanes, leak) in [
        ("fused", ""),
        ("spread", ""),
        ("spread", "isolation: process"),
    ] {
        let bench = Workbench::new("lossless");
        bench.pipeline(&loop_of_stages(lanes, "every", "", leak));
        let (code, report) = record(&bench, &["--frames", "400", "--lossless"]);
        assert_eq!(code, 0, "{report}");
        check_counts(&report);
        let (code, verdict) = verify(&bench, &[]);
        assert_eq!((code, &verdict["verified"]), (0, &true.into()), "{verdict}");
        for stream in ["corrected", "scaled", "command"] {
            assert_eq!(
                compared(&verdict, stream),
                [400, 0, 0],
                "{lanes}: {verdict}"
            );
        }
        assert!(
            count(&verdict["stages"][2]["states_equal"]) > 0,
            "{verdict}"
        );
    }
}

#[test]
fn frames_that_stages_skip_and_frames_that_are_lost_do_not_disturb_the_proof() {
    let bench = Workbench::new("lossy");
    bench.pipeline(&loop_of_stages("spread", "latest", ", rate_hz: 5000", ""));
    let (code, report) = record(&bench, &["--frames", "2000"]);
    assert_eq!(code, 0, "{report}");
    check_counts(&report);
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 0, "{verdict}");
    for stream in ["corrected", "scaled", "command"] {
        let [equal, different, unchecked] = compared(&verdict, stream);
        assert!(equal > 0 && different == 0, "{verdict}");
        let recorded = &report["recording"]["streams"][stream]["recorded"];
        assert_eq!(equal + unchecked, count(recorded));
    }
}

#[test]
fn streams_that_were_not_recorded_are_computed_again() {
    let bench = Workbench::new("some");
    bench.pipeline(&loop_of_stages("spread", "every", "", ""));
    let (code, report) = record(
        &bench,
        &["--frames", "300", "--lossless", "--streams", "raw,command"],
    );
    assert_eq!(code, 0, "{report}");
    assert!(report["recording"]["streams"].get("scaled").is_none());
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 0, "{verdict}");
    assert_eq!(compared(&verdict, "command"), [300, 0, 0]);
    assert_eq!(verdict["streams"].as_array().unwrap().len(), 1);
}

#[test]
fn a_changed_module_is_said_first_and_the_first_frame_that_it_changes_is_named() {
    let bench = Workbench::new("changed");
    write_frames(&bench, "frames.npy", [100, 6], |frame| frame as f32);
    let pipeline = |limit: u32| {
        bench.kernel(
            "clip",
            &[(
                "compute",
                &format!(
                    "(f32.store offset=8 (i32.load offset=4 (local.get $frame))
                       (f32.min (f32.const {limit}.5) (f32.load (i32.load (local.get $frame)))))"
                ),
            )],
        );
        bench.pipeline(
            "
shared_memory:
  - {name: x, shape: [2, 3], dtype: float32}
  - {name: y, shape: [2, 3], dtype: float32}
sources:
  - {name: camera, kind: file.npy, stream: x, parameters: {path: cube.npy}}
kernels:
  - {name: clip, module: clip.wat, input: x, output: y, delivery: every}
",
        )
    };
    let array = ArrayType {
        dtype: Dtype::F32,
        shape: vec![100, 2, 3],
    };
    let (_, bytes) = npy::read(&bench.path("frames.npy")).unwrap();
    npy::write(&bench.path("cube.npy"), &array, &bytes).unwrap();
    pipeline(50);
    let (code, report) = record(&bench, &["--lossless"]);
    assert_eq!(code, 0, "{report}");
    pipeline(60);
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 1, "{verdict}");
    assert_eq!(verdict["changed_modules"], serde_json::json!(["clip"]));
    // Frames have the values 0 to 99 and the numbers 1 to 100.
    let first = &verdict["difference"];
    assert_eq!(
        (&first["array"], &first["stage"]),
        (&"y".into(), &"clip".into())
    );
    assert_eq!(
        (&first["sequence"], &first["frame_id"]),
        (&52.into(), &52.into())
    );
    assert_eq!(
        (&first["element"], &first["index"]),
        (&2.into(), &serde_json::json!([0, 2]))
    );
    assert_eq!(first["recorded"], "50.5 (0x424a0000)");
    assert_eq!(first["computed"], "51 (0x424c0000)");
    assert_eq!(compared(&verdict, "y"), [51, 49, 0]);
    let output = bench.run(&["replay", "run.mcap", "pipeline.yaml", "--verify"]);
    assert!(text(&output.stderr).contains("the module of kernel 'clip' is another one"));
    assert!(text(&output.stdout).contains("first difference: stream 'y', sequence 52, frame 52"));
}

/// What a kernel does that has no memory of its own, on some frames.
fn verified_with_faults(name: &str, fault: &str, rule: &str) -> Value {
    let case = Case::new(name)
        .kernel(&[("compute", fault)])
        .frames(200, None, rule);
    let (code, report) = record(&case.bench, &["--lossless"]);
    assert_eq!(code, 0, "{report}");
    assert!(
        count(&report["stages"]["stranger"]["faults"]) > 0,
        "{report}"
    );
    let (code, verdict) = verify(&case.bench, &[]);
    assert_eq!(code, 0, "{name}: {verdict}");
    let [equal, different, unchecked] = compared(&verdict, "y");
    assert_eq!((different, unchecked), (0, 0), "{verdict}");
    assert_eq!(equal, count(&report["streams"]["y"]["published"]));
    let stage = &report["stages"]["stranger"];
    assert_eq!(verdict["stages"][0]["dropped"], stage["dropped"]);
    let substituted = count(&stage["held"]) + count(&stage["bypassed"]);
    assert_eq!(verdict["stages"][0]["substituted"], substituted);
    verdict
}

#[test]
fn calls_that_faulted_are_left_out_and_what_was_published_in_their_place_is_checked() {
    verified_with_faults("record-skip", &on(&even(), FAIL), "on_fault: skip");
    verified_with_faults("record-restart", &on(&is(50), TRAP), "on_fault: restart");
    for (name, rule) in [("record-hold", "hold"), ("record-bypass", "bypass")] {
        let verdict = verified_with_faults(name, &on(&even(), FAIL), &format!("on_fault: {rule}"));
        assert_eq!(verdict["stages"][0]["substituted"], 100, "{verdict}");
    }
}

#[test]
fn a_flipped_byte_is_noticed() {
    let bench = Workbench::new("flipped");
    bench.pipeline(&loop_of_stages("fused", "every", "", ""));
    assert_eq!(record(&bench, &["--frames", "50", "--lossless"]).0, 0);
    let whole = fs::read(bench.path("run.mcap")).unwrap();
    assert_eq!(verify(&bench, &[]).0, 0);
    // The summary, which stands at the end, is for other readers.
    let data = whole.len() - 2000;
    for part in 0..12 {
        let place = 20 + part * (data - 20) / 12;
        let mut flipped = whole.clone();
        flipped[place] ^= 4;
        bench.file("run.mcap", &flipped);
        let output = bench.run(&["replay", "run.mcap", "pipeline.yaml", "--verify"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "byte {place}: {said}");
        assert!(said.contains("is damaged at byte"), "byte {place}: {said}");
    }
}

#[test]
fn a_killed_recording_is_verified_up_to_its_last_chunk() {
    let bench = Workbench::new("killed");
    bench.pipeline(&loop_of_stages("spread", "latest", ", rate_hz: 1000", ""));
    let mut running = bench.start(&["record", "pipeline.yaml", "-o", "run.mcap"]);
    running.wait_for("raw", 1);
    let begun = Instant::now();
    let length = || fs::metadata(bench.path("run.mcap")).unwrap().len();
    // One after the other, a second apart: the one that is being written may be cut off.
    for chunk in ["first", "second"] {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let before = length();
        while length() < before + 2000 {
            assert!(
                begun.elapsed() < PATIENCE,
                "the {chunk} chunk is not written"
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    running.signal(Signal::KILL);
    drop(running.output());
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 0, "{verdict}");
    assert!(verdict["cut_at"].is_u64(), "{verdict}");
    assert!(compared(&verdict, "command")[0] > 0, "{verdict}");
    // In the middle of a chunk.
    let file = fs::read(bench.path("run.mcap")).unwrap();
    bench.file("run.mcap", &file[..file.len() - 1000]);
    let output = bench.run(&["replay", "run.mcap", "pipeline.yaml", "--verify"]);
    assert!(text(&output.stderr).contains("was cut off"));
}

#[test]
fn without_memory_frames_are_dropped_and_counted_and_the_pipeline_loses_none() {
    let bench = Workbench::new("tiny");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [512, 512], dtype: float32}
  - {name: y, shape: [512, 512], dtype: float32}
sources:
  - {name: camera, kind: synthetic.array, stream: x, parameters: {pattern: constant}}
kernels:
  - {name: scale, kind: cpu.scale, input: x, output: y, parameters: {factor: 2}, delivery: every}
sinks:
  - {name: none, kind: null.sink, stream: y, delivery: every}
",
    );
    let (code, report) = record(&bench, &["--frames", "400", "--memory", "1B"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["stages"]["scale"]["frames"], 400);
    assert_eq!(report["sinks"]["none"]["frames"], 400);
    check_counts(&report);
    let dropped = count(&report["recording"]["streams"]["y"]["dropped"]);
    assert!(dropped > 0, "{report}");
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 0, "{verdict}");
    assert!(compared(&verdict, "y")[0] > 0, "{verdict}");
}

#[test]
fn pythons_mcap_reads_a_recording() {
    let bench = Workbench::new("python");
    bench.pipeline(&format!(
        "{}sinks:\n  - {{name: file, kind: file.npy, stream: command, parameters: {{path: command.npy}}, delivery: every}}\n",
        loop_of_stages("spread", "every", "", "")
    ));
    let (code, report) = record(&bench, &["--frames", "300", "--lossless"]);
    assert_eq!(code, 0, "{report}");
    let script = r#"
import sys, numpy as np
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
with open("run.mcap", "rb") as file:
    assert sum(1 for _ in StreamReader(file, validate_crcs=True).records) > 1200
with open("run.mcap", "rb") as file:
    reader = make_reader(file, validate_crcs=True)
    summary = reader.get_summary()
    topics = {channel.topic: channel for channel in summary.channels.values()}
    assert summary.statistics.channel_message_counts[topics["raw"].id] == 300
    assert [a.data.decode() for a in reader.iter_attachments()] == [open("pipeline.yaml").read()]
    assert {m.name for m in reader.iter_metadata()} == {"sandpipe", "sandpipe.end"}
    frames, times = [], []
    for _, channel, message in reader.iter_messages(topics=["command"]):
        of = channel.metadata
        shape = [int(extent) for extent in of["shape"].split(",")]
        frames.append(np.frombuffer(message.data, of["dtype"], offset=int(of["offset"])).reshape(shape))
        times.append(message.log_time)
        assert message.sequence == len(frames)
assert times == sorted(times)
assert np.array_equal(np.stack(frames), np.load("command.npy"))
"#;
    let mut python = Command::new(python());
    let output = python
        .args(["-c", script])
        .current_dir(bench.folder.path())
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_run() {
    let bench = Workbench::new("full");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [1000], dtype: float32}
  - {name: y, shape: [1000], dtype: float32}
sources:
  - {name: camera, kind: synthetic.array, stream: x, parameters: {pattern: constant}}
kernels:
  - {name: scale, kind: cpu.scale, input: x, output: y, parameters: {factor: 2}, delivery: every}
",
    );
    // Into the cache of compiled code, whose files are larger than what follows allows.
    assert_eq!(record(&bench, &["--frames", "1"]).0, 0);
    fs::remove_file(bench.path("run.mcap")).unwrap();
    // The streams are smaller.
    let output = bench.run_on_a_full_disk(
        "record pipeline.yaml -o run.mcap --frames 5000 --lossless --format json",
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["state"], &report["stages"]["scale"]["frames"]),
        (&"stopped".into(), &5000.into())
    );
    assert!(report["recording"]["failure"].is_string(), "{report}");
    check_counts(&report);
    assert!(
        text(&output.stderr).contains("the recording ends here, and the run goes on without it")
    );
    let (code, verdict) = verify(&bench, &[]);
    assert_eq!(code, 0, "what is there is good: {verdict}");
    assert!(compared(&verdict, "y")[0] > 100, "{verdict}");
}

#[test]
fn what_lies_in_a_stream_before_the_run_is_known() {
    let bench = Workbench::new("before");
    // Nobody publishes on the gain. The command comes back from the end, and has a first value that is not computed.
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [6], dtype: float32}
  - {name: gain, shape: [6], dtype: float32, initial: {pattern: normal, seed: 5}}
  - {name: y, shape: [6], dtype: float32}
  - {name: z, shape: [6], dtype: float32}
  - {name: command, shape: [6], dtype: float32, initial: {pattern: constant, value: 0.5}}
sources:
  - {name: camera, kind: synthetic.array, stream: x, parameters: {pattern: random}}
kernels:
  - {name: multiply, kind: cpu.elementwise_multiply, input: x, auxiliary: [gain], output: y, delivery: every}
  - {name: correct, kind: cpu.elementwise_subtract, input: y, auxiliary: [command], output: z, delivery: every}
  - {name: halve, kind: cpu.scale, input: z, output: command, parameters: {factor: 0.5}, delivery: every}
",
    );
    for streams in [&[][..], &["--streams", "x,gain,y,z"]] {
        let more = [&["--frames", "50", "--lossless"], streams].concat();
        let (code, report) = record(&bench, &more);
        assert_eq!(code, 0, "{report}");
        check_counts(&report);
        let (code, verdict) = verify(&bench, &[]);
        for stream in ["y", "z"] {
            let found = compared(&verdict, stream);
            assert_eq!((code, found), (0, [50, 0, 0]), "{streams:?} {verdict}");
        }
        fs::remove_file(bench.path("run.mcap")).unwrap();
    }
    // The gain's value, which lies where others write, is not taken for one of theirs. A reader of every frame would begin behind it.
    let (code, report) = record(&bench, &["--frames", "50"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["recording"]["streams"]["gain"]["recorded"], 1);
}

#[test]
fn kernels_of_a_deterministic_run_compute_the_same_nan_everywhere() {
    let bench = Workbench::new("nan");
    let payload = f32::from_bits(0x7fc1_2345);
    write_frames(&bench, "frames.npy", [3, 4], |_| payload);
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [4], dtype: float32}
  - {name: zeros, shape: [4], dtype: float32}
  - {name: y, shape: [4], dtype: float32}
sources:
  - {name: camera, kind: file.npy, stream: x, parameters: {path: frames.npy}}
kernels:
  - {name: add, kind: cpu.elementwise_add, input: x, auxiliary: [zeros], output: y, delivery: every}
sinks:
  - {name: file, kind: file.npy, stream: y, parameters: {path: y.npy}, delivery: every}
",
    );
    let bits = || {
        let (_, bytes) = npy::read(&bench.path("y.npy")).unwrap();
        u32::from_le_bytes(bytes[..4].try_into().unwrap())
    };
    assert_eq!(record(&bench, &["--lossless"]).0, 0);
    assert_eq!(verify(&bench, &[]).0, 0);
    if cfg!(target_arch = "x86_64") {
        assert_eq!(bits(), 0x7fc1_2345, "it is the processor's");
    }
    fs::remove_file(bench.path("run.mcap")).unwrap();
    assert_eq!(record(&bench, &["--lossless", "--deterministic"]).0, 0);
    assert_eq!(bits(), 0x7fc0_0000);
    assert_eq!(verify(&bench, &[]).0, 0);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let bench = Workbench::new("refused");
    bench.pipeline(&loop_of_stages("fused", "every", "", ""));
    let refused = |arguments: &[&str], words: &str| {
        let output = bench.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    let record_to = |path: &'static str| ["record", "pipeline.yaml", "--frames", "5", "-o", path];
    refused(
        &[&record_to("run.mcap")[..], &["--streams", "rav"]].concat(),
        "did you mean 'raw'",
    );
    refused(&record_to("none/run.mcap"), "cannot be written");
    assert!(!bench.path("run.mcap").exists());
    assert_eq!(
        bench
            .run(&[&record_to("run.mcap")[..], &["--lossless"]].concat())
            .status
            .code(),
        Some(0)
    );
    refused(&record_to("run.mcap"), "is not overwritten");
    bench.file("text.mcap", "This is no recording.");
    refused(
        &["replay", "text.mcap", "pipeline.yaml"],
        "does not begin as MCAP files do",
    );
    refused(&["replay", "none.mcap", "pipeline.yaml"], "cannot be read");
    refused(
        &["replay", "run.mcap", "pipeline.yaml", "--from", "soon"],
        "a time since the beginning",
    );
    let other = fs::read_to_string(bench.path("pipeline.yaml")).unwrap();
    bench.file(
        "other.yaml",
        other
            .replace("[60]", "[61]")
            .replace("name: leak", "name: lake"),
    );
    refused(
        &["replay", "run.mcap", "other.yaml", "--verify"],
        "there is no kernel \"leak\" in it",
    );
    refused(
        &["replay", "run.mcap", "other.yaml"],
        "stream 'raw' is float32 [61] in it",
    );
    let computed = ["--streams", "command", "--lossless"];
    assert_eq!(
        bench
            .run(&[&record_to("computed.mcap")[..], &computed].concat())
            .status
            .code(),
        Some(0)
    );
    refused(
        &["replay", "computed.mcap", "pipeline.yaml"],
        "there is nothing to feed it with",
    );
    // Five frames of numbers are used as a recording of a pipeline with none.
    bench.file("frames.npy", frames(3));
    refused(
        &["replay", "frames.npy", "pipeline.yaml"],
        "is no recording of sandpipe",
    );
}
