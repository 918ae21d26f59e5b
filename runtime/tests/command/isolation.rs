//! Stages in processes of their own.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{PATIENCE, Workbench, text};

const STREAMS: &str = "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
";

/// A pipeline with one stage of the kernel `k.wat`, in a process of its own.
fn pipeline(bench: &Workbench, compute: &str, more: &str) {
    bench.kernel("k", &[("compute", compute)]);
    bench.pipeline(&format!(
        "{STREAMS}
kernels:
  - {{name: s, module: k.wat, input: x, output: y, isolation: process{more}}}
"
    ));
}

/// The children of a process that are sandpipe's: process ids.
fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|id: &i32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            rest.split(' ').nth(1) == Some(&parent.to_string())
        })
        .collect()
}

fn is_alive(id: i32) -> bool {
    fs::read_to_string(format!("/proc/{id}/cmdline"))
        .is_ok_and(|line| line.starts_with("sandpipe-child"))
}

#[test]
fn a_stage_in_a_process_computes_what_it_computes_on_a_thread() {
    let bench = Workbench::new("isolated");
    bench.pipeline(&format!(
        "{STREAMS}
  - {{name: z, shape: [64], dtype: float32}}
kernels:
  - {{name: a, kind: cpu.scale, input: x, output: y, parameters: {{factor: 3}}, isolation: process, delivery: every}}
  - {{name: b, kind: cpu.leaky_integrator, input: y, output: z, parameters: {{leak: 0.5, gain: 2}}, isolation: process, delivery: every}}
sinks:
  - {{name: file, kind: file.npy, stream: z, parameters: {{path: z.npy}}, delivery: every}}
"
    ).replace("sinks:", "sinks:"));
    let frames = |isolation: &str| {
        let yaml = fs::read_to_string(bench.path("pipeline.yaml")).unwrap();
        bench.file(
            "pipeline.yaml",
            yaml.replace("isolation: process", isolation),
        );
        let (code, report) = bench.report(&["--source", "x:ramp", "--frames", "200"]);
        assert_eq!(code, 0, "{report}");
        assert_eq!(report["stages"]["b"]["frames"], 200, "{report}");
        fs::read(bench.path("z.npy")).unwrap()
    };
    let isolated = frames("isolation: process");
    fs::remove_file(bench.path("z.npy")).unwrap();
    assert!(isolated == frames("isolation: thread"));
}

#[test]
fn describe_shows_where_a_stage_runs_and_its_own_lane() {
    let bench = Workbench::new("isolated-describe");
    bench.pipeline(&format!(
        "{STREAMS}
  - {{name: z, shape: [64], dtype: float32}}
kernels:
  - {{name: a, kind: cpu.copy, input: x, output: y, isolation: process}}
  - {{name: b, kind: cpu.copy, input: y, output: z}}
"
    ));
    let output = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = json["nodes"].as_array().unwrap();
    let of = |key: &str| {
        nodes
            .iter()
            .map(|node| node[key].as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("isolation"), [Some("process"), Some("thread")]);
    let lanes = of("lane");
    assert_ne!(lanes[0], lanes[1]);
    let output = bench.run(&["describe", "pipeline.yaml"]);
    assert!(
        text(&output.stdout).contains("process"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn an_endless_loop_is_killed_at_its_deadline() {
    let bench = Workbench::new("isolated-loop");
    pipeline(&bench, "(loop $l (br $l))", ", limits: {deadline: 20ms}");
    let (code, report) = bench.report(&["--source", "x:ramp"]);
    assert_eq!(code, 1, "{report}");
    assert_eq!(report["faults"][0]["cause"], "deadline", "{report}");
    assert!(bench.streams().is_empty());
}

#[test]
fn a_stage_whose_process_is_killed_is_reported_as_its_worker() {
    let bench = Workbench::new("isolated-killed");
    pipeline(&bench, "", "");
    let mut run = bench.start(&[
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp:1000",
        "--format",
        "json",
    ]);
    run.wait_for("y", 5);
    let ids = children(run.id());
    assert_eq!(
        ids.len(),
        1,
        "the compiler's and the checker's processes have ended"
    );
    let id = rustix::process::Pid::from_raw(ids[0]).unwrap();
    rustix::process::kill_process(id, Signal::KILL).unwrap();
    let output = run.output();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["faults"][0]["cause"], "worker", "{report}");
    assert_eq!(report["faults"][0]["stage"], "s", "{report}");
    assert!(bench.streams().is_empty());
}

#[test]
fn a_killed_run_leaves_no_process() {
    for (name, compute) in [("idle", ""), ("busy", "(loop $l (br $l))")] {
        let bench = Workbench::new(&format!("isolated-orphans-{name}"));
        pipeline(&bench, compute, ", limits: {deadline: 10min}");
        let mut run = bench.start(&["run", "pipeline.yaml", "--source", "x:ramp:1000"]);
        run.wait_for("x", 5);
        let ids = children(run.id());
        assert_eq!(ids.len(), 1, "{name}");
        assert!(is_alive(ids[0]), "{name}");
        run.signal(Signal::KILL);
        run.output();
        let start = Instant::now();
        while is_alive(ids[0]) {
            assert!(start.elapsed() < PATIENCE, "{name}: it runs on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn ctrl_c_does_not_wait_for_a_process_that_is_stuck() {
    let bench = Workbench::new("isolated-stuck");
    pipeline(&bench, "(loop $l (br $l))", ", limits: {deadline: 10min}");
    let mut run = bench.start(&["run", "pipeline.yaml", "--source", "x:ramp"]);
    run.wait_for("x", 1);
    let asked = Instant::now();
    run.signal(Signal::INT);
    let output = run.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(asked.elapsed() < PATIENCE);
    assert!(bench.streams().is_empty(), "streams are left");
}
