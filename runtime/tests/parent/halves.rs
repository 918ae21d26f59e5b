//! One pipeline in two halves, a `shmpipeline run` and a `sandpipe run`, that share a stream: in both orders.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{Workbench, text};
use super::python;
use super::support::Child;

/// Feeds the first half and watches the second; says how many frames the stream between them has had.
const CLIENT: &str = r#"
import sys, time, numpy, pyshmem
names = [sys.argv[1] + name for name in ("x", "middle", "y")]
def opened(name):
    for _ in range(600):
        try:
            return pyshmem.open(name)
        except (FileNotFoundError, ValueError):
            time.sleep(0.1)
    return pyshmem.open(name)
x, middle, y = map(opened, names)

def check(answer):
    assert (answer.payload == 2 * answer.frame_id + 1).all(), answer

# Until both have started, frames get lost.
for attempt in range(600):
    x.write(numpy.full(x.shape, 1.0), frame_id=1)
    try:
        check(y.read_after_publication(0, timeout=0.2))
        break
    except TimeoutError:
        pass
time.sleep(0.5)
# One by one: none is lost.
for number in range(2, 202):
    seen = y.count
    x.write(numpy.full(x.shape, float(number)), frame_id=number)
    answer = y.read_after_publication(seen, timeout=30)
    check(answer)
    assert answer.frame_id == number, (answer.frame_id, number)
# And flat out: what comes is whole, and the last one comes.
for number in range(202, 3000):
    x.write(numpy.full(x.shape, float(number)), frame_id=number)
    if number % 16 == 0:
        check(y.read_publication())
answer = y.read_publication()
while answer.frame_id < 2999:
    answer = y.read_after_publication(answer.count, timeout=30)
    check(answer)
check(answer)
print("done", middle.count, flush=True)
sys.stdin.read()
"#;

const SHAPE: &str = "shape: [2048], dtype: float64";

/// The half that doubles its input, or the one that adds 1. `mode`: of the stream between them.
fn half(prefix: &str, kind: &str, mode: &str, more: &str) -> String {
    let (input, output, parameters) = match kind {
        "cpu.scale" => ("x", "middle", "factor: 2.0"),
        _ => ("middle", "y", "constant: 1.0"),
    };
    let stream = |name: &str| match name {
        "middle" => format!("  - {{name: {prefix}{name}, {SHAPE}, mode: {mode}}}\n"),
        _ => format!("  - {{name: {prefix}{name}, {SHAPE}}}\n"),
    };
    format!(
        "shared_memory:\n{}{}kernels:\n  - {{name: half, kind: {kind}, input: {prefix}{input}, output: {prefix}{output}, parameters: {{{parameters}}}{more}}}\n",
        stream(input),
        stream(output),
    )
}

/// Runs both halves with a client; `ours` is what sandpipe's stage does. The report of sandpipe's half, and the frames between.
fn run_halves(bench: &Workbench, ours: &str, theirs: &str) -> (Value, u64) {
    let prefix = bench.stream("");
    let (first, second) = ("create_or_attach", "attach");
    let begins = ours == "cpu.scale";
    let (our_mode, their_mode) = if begins {
        (first, second)
    } else {
        (second, first)
    };
    bench.file("ours.yaml", half(&prefix, ours, our_mode, ""));
    bench.file(
        "theirs.yaml",
        half(&prefix, theirs, their_mode, ", propagate_frame_id: true"),
    );
    let start_ours = || bench.start(&["run", "ours.yaml", "--format", "json"]);
    let start_theirs = || {
        let mut command = Command::new(python().with_file_name("shmpipeline"));
        let command = command.args(["--log-level", "ERROR", "run", "theirs.yaml"]);
        Child::spawn(command.current_dir(bench.folder.path()))
    };
    let wait_for_middle = || {
        let script = "import sys, time, pyshmem\nfor _ in range(600):\n  try: pyshmem.stat(sys.argv[1]); break\n  except (FileNotFoundError, ValueError): time.sleep(0.1)\nelse: sys.exit('it does not come')";
        let mut command = Command::new(python());
        super::support::run(command.args(["-c", script, &format!("{prefix}middle")]));
    };
    // Whoever makes the stream between them begins.
    let (mut run, mut parent);
    if begins {
        run = start_ours();
        wait_for_middle();
        parent = start_theirs();
    } else {
        parent = start_theirs();
        wait_for_middle();
        run = start_ours();
    }
    let checked = bench.run(&["validate", "ours.yaml"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(run.is_running());
    let mut client = Command::new(python());
    client
        .args(["-c", CLIENT, &prefix])
        .stderr(Stdio::inherit());
    let mut client = Child::spawn(&mut client);
    let between = client.wait_for("done").parse().unwrap();
    // The parent ends first, and leaves what is ours.
    parent.signal(Signal::INT);
    let status = parent.wait();
    assert_eq!(status.code(), Some(130), "{status}");
    let streams = bench.run(&["stream", "info", &format!("{prefix}middle")]);
    assert_eq!(
        streams.status.success(),
        begins,
        "{}",
        text(&streams.stderr)
    );
    run.signal(Signal::INT);
    let output = run.output();
    client.finish();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (report, between)
}

fn count(report: &Value, path: [&str; 3], prefix: &str) -> u64 {
    let [section, name, key] = path;
    let name = match section {
        "streams" => format!("{prefix}{name}"),
        _ => name.to_owned(),
    };
    report[section][name][key].as_u64().unwrap()
}

#[test]
fn the_output_of_shmpipeline_triggers_sandpipe() {
    let bench = Workbench::new("halves-in");
    let (report, between) = run_halves(&bench, "cpu.add_constant", "cpu.scale");
    let of = |path| count(&report, path, &bench.stream(""));
    let (taken, missed) = (
        of(["streams", "middle", "published"]),
        of(["streams", "middle", "missed"]),
    );
    assert_eq!(taken + missed, between, "{report}");
    let stage = of(["stages", "half", "frames"]) + of(["stages", "half", "skipped"]);
    assert_eq!(stage, taken, "{report}");
}

#[test]
fn the_output_of_sandpipe_triggers_shmpipeline() {
    let bench = Workbench::new("halves-out");
    let (report, between) = run_halves(&bench, "cpu.scale", "cpu.add_constant");
    let of = |path| count(&report, path, &bench.stream(""));
    assert_eq!(of(["streams", "middle", "published"]), between, "{report}");
}
