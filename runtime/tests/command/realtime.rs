//! `realtime:`.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use super::harness::{Workbench, text};

fn pipeline(bench: &Workbench, realtime: &str) {
    bench.pipeline(&format!(
        "realtime: {realtime}
shared_memory:
  - {{name: x, shape: [64], dtype: float32}}
  - {{name: y, shape: [64], dtype: float32}}
sources:
  - {{name: source, kind: synthetic.array, stream: x, parameters: {{pattern: ramp}}}}
kernels:
  - {{name: copy, kind: cpu.copy, input: x, output: y, delivery: every}}
"
    ));
}

/// Runs without any capability, whoever runs the test, and with these limits.
fn run_without_rights(bench: &Workbench) -> Output {
    let program = env!("CARGO_BIN_EXE_sandpipe");
    let drop = match rustix::process::geteuid().is_root() {
        true => "setpriv --bounding-set=-all --inh-caps=-all",
        false => "",
    };
    let script = format!(
        "ulimit -r 0 && ulimit -l 64 && exec {drop} {program} run pipeline.yaml --frames 10 --format json"
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(bench.folder.path())
        .env("XDG_CACHE_HOME", &bench.cache);
    command.output().unwrap()
}

#[test]
fn what_the_system_does_not_allow_is_refused_with_the_way_to_have_it_allowed() {
    let bench = Workbench::new("realtime-refused");
    for (realtime, said) in [
        ("{priority: 40}", ["priority 40: ", "ulimit -r 41"]),
        (
            "{lock_memory: true}",
            ["memory be locked: ", "ulimit -l unlimited"],
        ),
        (
            "{pin: [1023]}",
            ["to processor 1023: this process may use", "taskset"],
        ),
    ] {
        pipeline(&bench, realtime);
        let output = run_without_rights(&bench);
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        for part in said {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(shown.starts_with("error: the system") || shown.starts_with("error: a lane"));
        assert!(shown.contains("pipeline.yaml:2:"), "{shown}");
        assert!(bench.streams().is_empty(), "streams were created");
    }
}

#[test]
fn lanes_run_where_they_are_pinned_and_the_report_says_so() {
    let bench = Workbench::new("realtime-pin");
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    let processors = 0..rustix::thread::CpuSet::MAX_CPU;
    let last = processors.rev().find(|one| allowed.is_set(*one)).unwrap();
    for (pin, shown) in [
        (format!("[{last}]"), serde_json::json!([last])),
        ("false".to_owned(), serde_json::json!([])),
    ] {
        pipeline(&bench, &format!("{{pin: {pin}}}"));
        let (code, report) = bench.report(&["--frames", "10"]);
        assert_eq!(code, 0, "{report}");
        let expected = serde_json::json!({"priority": null, "lock_memory": false, "awake": false, "pin": shown});
        assert_eq!(report["realtime"], expected);
        let output = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
        let description: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(description["realtime"], expected);
    }
}

/// The scheduling policy and real-time priority of each thread by its name: fields 41 and 40 of proc(5)'s stat.
fn scheduling(id: i32) -> Vec<(String, [u32; 2])> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let threads = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields[number - 3].parse().unwrap();
        let name = name.split_once('(')?.1.to_owned();
        Some((name, [field(41), field(40)]))
    });
    threads.collect()
}

#[test]
fn lanes_run_in_real_time_below_the_watchdog_where_the_system_allows_it() {
    let bench = Workbench::new("realtime-fifo");
    pipeline(&bench, "{priority: 5, lock_memory: true}");
    let arguments = ["run", "pipeline.yaml", "--source", "x:ramp:100"];
    let yaml = std::fs::read_to_string(bench.path("pipeline.yaml")).unwrap();
    let without_source = yaml.split("sources:").next().unwrap().to_owned()
        + "kernels:"
        + yaml.split("kernels:").nth(1).unwrap();
    bench.file("pipeline.yaml", without_source);
    let mut running = bench.start(&arguments);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = u64::from_str_radix(effective.unwrap().trim(), 16).unwrap();
    // CAP_SYS_NICE and CAP_IPC_LOCK.
    if effective >> 23 & 1 == 0 || effective >> 14 & 1 == 0 {
        let output = running.output();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        return;
    }
    running.wait_for("y", 3);
    const FIFO: u32 = 1;
    let threads = scheduling(running.id());
    let of = |name: &str| {
        let thread = threads.iter().find(|(one, _)| one == name);
        thread.unwrap_or_else(|| panic!("no {name}: {threads:?}")).1
    };
    assert_eq!(of("watchdog"), [FIFO, 6]);
    let lanes = threads.iter().filter(|(_, it)| *it == [FIFO, 5]).count();
    assert_eq!(lanes, 1, "{threads:?}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    assert!(!locked.unwrap().trim().starts_with("0 "), "{status}");
    running.signal(rustix::process::Signal::INT);
    assert_eq!(running.output().status.code(), Some(130));
}

/// The device is root's. Root needs no capability for it, so it becomes somebody else, who may read neither root's folders nor its files:
/// the program is reached by its descriptor.
#[test]
fn processors_are_not_kept_awake_for_everybody() {
    let bench = Workbench::new("realtime-asleep");
    pipeline(&bench, "{awake: true}");
    let drop = match rustix::process::geteuid().is_root() {
        true => "setpriv --reuid=65534 --regid=65534 --clear-groups",
        false => "",
    };
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.folder.path(), mode).unwrap();
    let mut command = Command::new("bash");
    command.args([
        "-c",
        &format!("exec 9<\"$0\" && exec {drop} /proc/self/fd/9 run pipeline.yaml --frames 10"),
    ]);
    command
        .arg(env!("CARGO_BIN_EXE_sandpipe"))
        .current_dir(bench.folder.path());
    let output = command.output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for part in [
        "the system does not let processors be kept awake: ",
        "write /dev/cpu_dma_latency",
        "pipeline.yaml:2:19",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(bench.streams().is_empty(), "streams were created");
}

/// How long the system lets a processor take to wake, in microseconds; `None` where this user may not ask, or nothing would heed it.
fn wake_latency() -> Option<i32> {
    let driver = std::fs::read_to_string("/sys/devices/system/cpu/cpuidle/current_driver");
    if driver.is_ok_and(|driver| driver.trim() == "none") {
        return None;
    }
    let mut request = std::fs::File::open("/dev/cpu_dma_latency").ok()?;
    let mut bytes = [0; 4];
    request.read_exact(&mut bytes).ok()?;
    Some(i32::from_ne_bytes(bytes))
}

#[test]
fn processors_stay_awake_as_long_as_the_pipeline_runs_where_the_system_allows_it() {
    let bench = Workbench::new("realtime-awake");
    pipeline(&bench, "{awake: true}");
    let before = wake_latency();
    let mut running = bench.start(&["run", "pipeline.yaml"]);
    let Some(before) = before else {
        let output = running.output();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        return;
    };
    running.wait_for("y", 3);
    assert_eq!(wake_latency(), Some(0));
    running.signal(rustix::process::Signal::INT);
    let output = running.output();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    // Another process may ask for it as well.
    assert_eq!(wake_latency(), Some(before));
}
