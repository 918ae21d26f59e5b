//! What stages may use, and how they are stopped, as the command shows it.

use serde_json::Value;

use super::harness::{Workbench, text};

const TWO_STAGES: &str = "
shared_memory:
  - {name: x, shape: [4], dtype: uint8}
  - {name: y, shape: [4], dtype: uint8}
  - {name: z, shape: [4], dtype: uint8}
kernels:
  - {name: first, kind: cpu.copy, input: x, output: y}
  - {name: second, kind: cpu.copy, input: y, output: z, limits: {memory: 8MiB, deadline: 1500us, startup: 300ms, log_rate: 3/s}}
";

/// Runs the command with so little address space that no page is used.
fn with_little_address_space(bench: &Workbench, arguments: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_sandpipe");
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v 100000000; exec '{binary}' {arguments}"),
        ])
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(&bench.folder)
        .output()
        .unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn the_limits_of_every_stage_are_described() {
    let bench = Workbench::new("limits");
    bench.pipeline(TWO_STAGES);
    let output = text(&bench.run(&["describe", "pipeline.yaml"]).stdout);
    let row = |name: &str| {
        let table = output.split("limits of").nth(1).unwrap();
        let row = table.lines().find(|line| line.starts_with(name)).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("first"), "first 64 MiB 1 s 2 s 10/s thread");
    assert_eq!(row("second"), "second 8 MiB 1.5 ms 300 ms 3/s thread");
    for bound in [
        "log messages of 500 characters",
        "fault messages of 1000",
        "a module of 64 MiB",
        "200000 functions of 1 MiB",
        "10000 locals",
        "5000 blocks inside one another",
        "256 tables of 262144 elements",
        "64 instances",
    ] {
        assert!(output.contains(bound), "{bound}: {output}");
    }
    let json = bench.run(&["describe", "pipeline.yaml", "--format", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["nodes"][1]["limits"]["startup_us"], 300_000.0);
    assert_eq!(json["bounds"]["instances"], 64);
}

#[test]
fn how_guests_are_stopped_is_described_and_reported() {
    let bench = Workbench::new("interruption");
    bench.pipeline(TWO_STAGES);
    let run = [
        "run",
        "pipeline.yaml",
        "--source",
        "x:ramp",
        "--frames",
        "3",
    ];
    let line = "interruption: revoked page\n";
    for arguments in [&["describe", "pipeline.yaml"][..], &run[..]] {
        let output = text(&bench.run(arguments).stdout);
        assert!(output.contains(line), "{output}");
    }
    let (_, report) = bench.report(&run[2..]);
    assert_eq!(report["interruption"], "revoked page");

    bench.pipeline(&TWO_STAGES.replace("input: y", "isolation: process, input: y"));
    let output = text(&bench.run(&["describe", "pipeline.yaml"]).stdout);
    let of_two = "interruption: revoked page; the process ends of 'second'\n";
    assert!(output.contains(of_two), "{output}");
    bench.pipeline(TWO_STAGES);

    let line =
        "interruption: epoch checks, because address space is limited to 102400000000 bytes\n";
    for arguments in ["describe pipeline.yaml".to_owned(), run.join(" ")] {
        let output = with_little_address_space(&bench, &arguments);
        assert!(output.contains(line), "{output}");
    }
}

#[test]
fn an_endless_start_is_ended_by_the_startup_limit() {
    let bench = Workbench::new("startup");
    bench.kernel("spin", &[("init", "(loop $l (br $l))")]);
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [4], dtype: uint8}
  - {name: y, shape: [4], dtype: uint8}
kernels:
  - {name: k, module: spin.wat, input: x, output: y, limits: {deadline: 1h, startup: 50ms}}
",
    );
    let output = bench.run(&["run", "pipeline.yaml", "--source", "x:ramp"]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("ran past its deadline"), "{message}");
    let message = with_little_address_space(&bench, "run pipeline.yaml --source x:ramp");
    assert!(message.contains("ran past its deadline"), "{message}");
}
