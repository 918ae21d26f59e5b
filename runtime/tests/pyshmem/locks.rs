//! pyshmem's locks: their order, when nobody holds them, and the directory that they lie in.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sandpipe::stream::{self, Mirror, Stream};
use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Workbench, text};
use super::support::{Child, peer, python, run, spec, stream_name};
use super::{flush, publish};

/// Takes all locks of a pipeline at once, again and again, and writes and reads under them.
const LOCKER: &str = r#"
import sys, numpy, pyshmem
x, offset, y = (pyshmem.open(sys.argv[1] + name) for name in ("x", "offset", "y"))
for number in range(1, 301):
    with pyshmem.locked_many([y, x, offset], timeout=30):
        seen = y.count
        offset.write_locked(numpy.full(5, float(number)), frame_id=number)
        x.write_locked(numpy.full(5, 10.0 * number), frame_id=number)
    answer = y.read_after_publication(seen, timeout=30)
    while answer.frame_id < number:
        answer = y.read_after_publication(answer.count, timeout=30)
    # The run reads one stream at a time: beside a new frame it may find the offset of the frame before, still locked.
    offsets = {10.0 * number - value for value in answer.payload}
    assert offsets in ({float(number)}, {number - 1.0}), (number, answer)
print("locked", flush=True)
"#;

#[test]
fn python_takes_all_locks_of_a_running_pipeline_again_and_again() {
    let bench = Workbench::new("locker");
    bench.pipeline(
        "
lanes: spread
shared_memory:
  - {name: x, shape: [5], dtype: float64, mirror: true}
  - {name: offset, shape: [5], dtype: float64, mirror: true}
  - {name: y, shape: [5], dtype: float64, mirror: true}
kernels:
  - {name: subtract, kind: cpu.scale_offset, input: x, auxiliary: [offset], output: y, parameters: {gain: 1}}
sinks:
  - {name: end, kind: null.sink, stream: y}
",
    );
    let mut run = bench.start(&["run", "pipeline.yaml"]);
    run.wait_for_reader("y");
    let mut command = Command::new(python());
    command.args(["-c", LOCKER, &bench.stream("")]);
    let mut locker = Child::spawn(&mut command);
    locker.wait_for("locked");
    locker.finish();
    run.signal(Signal::INT);
    assert_eq!(run.output().status.code(), Some(130));
}

/// Takes all locks while a kernel computes; the answer must not have come before it lets go.
const INTRUDER: &str = r#"
import sys, numpy, pyshmem
x, offset, y = (pyshmem.open(sys.argv[1] + name) for name in ("x", "offset", "y"))
x.write(numpy.ones(5, "uint32"), frame_id=1)
print("written", flush=True)
sys.stdin.readline()
with pyshmem.locked_many([x, offset, y], timeout=5):
    assert y.count == 0, "the kernel had ended"
    offset.write_locked(numpy.ones(5, "uint32"))
assert y.count == 0, "the kernel had ended"
assert (y.read_after(0, timeout=30) == 1).all()
print("answered", flush=True)
"#;

#[test]
fn nothing_is_locked_while_a_kernel_computes() {
    let bench = Workbench::new("intruder");
    bench.kernel_with(
        "spins",
        r#", "auxiliary_arity": 1"#,
        &[("compute", "(loop (br 0))")],
    );
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [5], dtype: uint32}
  - {name: offset, shape: [5], dtype: uint32}
  - {name: y, shape: [5], dtype: uint32}
kernels:
  - {name: k, module: spins.wat, input: x, auxiliary: [offset], output: y, on_fault: bypass, limits: {deadline: 4s}}
",
    );
    let mut run = bench.start(&["run", "pipeline.yaml"]);
    run.wait_for_reader("x");
    let mut command = Command::new(python());
    command.args(["-c", INTRUDER, &bench.stream("")]);
    let mut intruder = Child::spawn(&mut command);
    intruder.wait_for("written");
    // Taken in, and so taken by the stage a moment later.
    run.wait_for("x", 1);
    thread::sleep(Duration::from_millis(20));
    intruder.say("go");
    intruder.wait_for("answered");
    intruder.finish();
}

/// What `stream info` says about the locks of a stream, started with this variable.
fn locks(bench: &Workbench, name: &str, variable: (&str, &Path)) -> (String, Value) {
    let mut command = bench.command(&["stream", "info", name, "--format", "json"]);
    let output = command
        .env_remove("PYSHMEM_LOCK_DIR")
        .env(variable.0, variable.1)
        .output()
        .unwrap();
    let info: Value = serde_json::from_slice(&output.stdout).unwrap();
    (
        info["lock"].as_str().unwrap().to_owned(),
        info["other_lock"].clone(),
    )
}

#[test]
fn the_lock_is_where_pyshmem_has_it_and_another_place_is_noticed() {
    let bench = Workbench::new("lock-directory");
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let user = rustix::process::getuid().as_raw();
    for variable in ["PYSHMEM_LOCK_DIR", "TMPDIR", "TEMP", "TMP"] {
        let name = bench.stream(&variable.to_lowercase());
        let mut maker = peer(&["create", &name, "uint64", "512"]);
        for unset in ["PYSHMEM_LOCK_DIR", "TMPDIR", "TEMP", "TMP"] {
            maker.env_remove(unset);
        }
        let mut maker = Child::spawn(maker.env(variable, here.path()));
        maker.wait_for("created");
        let expected = match variable {
            "PYSHMEM_LOCK_DIR" => here.path().to_owned(),
            _ => here.path().join(format!("pyshmem-locks-{user}")),
        };
        let (lock, other) = locks(&bench, &name, (variable, here.path()));
        assert!(
            Path::new(&lock).starts_with(&expected),
            "{variable}: {lock}"
        );
        assert!(Path::new(&lock).exists(), "{variable}: Python has made it");
        assert_eq!(other, Value::Null, "{variable}");
        let (elsewhere, other) = locks(&bench, &name, (variable, there.path()));
        assert_ne!(elsewhere, lock);
        assert_eq!(
            (&other["pid"], &other["path"]),
            (&maker.id().into(), &lock.into()),
            "{variable}"
        );
        maker.finish();
        run(&mut peer(&["unlink", &name]));
    }
}

#[test]
fn a_run_on_a_stream_that_is_locked_elsewhere_says_so() {
    let bench = Workbench::new("locked-elsewhere");
    let there = TempDir::new().unwrap();
    let name = bench.stream("x");
    let mut maker = peer(&["create", &name, "uint64", "512"]);
    let mut maker = Child::spawn(maker.env("PYSHMEM_LOCK_DIR", there.path()));
    maker.wait_for("created");
    bench.pipeline(
        "
shared_memory: [{name: x, shape: [512], dtype: uint64, mode: attach}]
sinks: [{name: end, kind: null.sink, stream: x}]
",
    );
    let arguments = ["run", "pipeline.yaml", "--duration", "100ms"];
    let output = bench.run(&arguments);
    let said = text(&output.stderr);
    for part in [
        format!("process {} locks stream '{name}'", maker.id()),
        there.path().display().to_string(),
        "PYSHMEM_LOCK_DIR".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    let mut agreed = bench.command(&arguments);
    let agreed = agreed
        .env("PYSHMEM_LOCK_DIR", there.path())
        .output()
        .unwrap();
    assert_eq!(agreed.status.code(), Some(0));
    assert!(!text(&agreed.stderr).contains("locks stream"));
    maker.finish();
    run(&mut peer(&["unlink", &name]));
}

#[test]
fn a_frame_is_not_copied_over_one_that_is_written_under_another_lock() {
    let there = TempDir::new().unwrap();
    let mut spec = spec(&stream_name("stranger"), 512);
    spec.mirror = Mirror::Every;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    flush(&mut writer);
    let mut half = peer(&["half", &spec.name, "2"]);
    let mut half = Child::spawn(half.env("PYSHMEM_LOCK_DIR", there.path()));
    half.wait_for("halfway");
    let start = Instant::now();
    for number in 2..=20 {
        publish(&mut writer, number);
    }
    let pending = writer.flush_mirror().is_some();
    // It is left alone for a second.
    assert!(pending || start.elapsed() > Duration::from_millis(900));
    half.kill();
    flush(&mut writer);
    assert_eq!(stream::info(&spec.name).unwrap().count, 20);
    let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "20"]));
    viewer.wait_for("viewed");
    viewer.finish();
}
