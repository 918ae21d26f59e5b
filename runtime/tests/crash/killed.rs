//! `kill -9` of the run itself, at any moment of its life.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use sandpipe::stream;

use super::chance::Chance;
use super::harness::{Workbench, text};
use super::remains::{names_in, no_process_of, of_streams};
use super::support::{Child, peer, run, stream_name};

/// A stage on a thread and one in a process.
pub const CHAIN: &str = "
shared_memory:
  - {name: x, shape: [512], dtype: float32}
  - {name: m, shape: [512], dtype: float32}
  - {name: y, shape: [512], dtype: float32}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: m}
  - {name: sum, kind: cpu.leaky_integrator, input: m, output: y, parameters: {gain: 0.5, leak: 0.9}, isolation: process}
";
pub const STREAMS: [&str; 3] = ["x", "m", "y"];

const SINK: &str = "
sinks:
  - {name: record, kind: file.npy, stream: y, parameters: {path: record.npy}}
";

/// Longer than a run takes to start.
const START: Duration = Duration::from_millis(250);

/// Runs the pipeline for a few frames, which must go well and leave nothing in shared memory.
#[track_caller]
fn run_goes_well(bench: &Workbench) {
    let (code, report) = bench.report(&["--source", "x:ramp", "--frames", "5"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["streams"]["x"]["published"], 5, "{report}");
    assert!(
        report["streams"]["y"]["published"].as_u64() > Some(0),
        "{report}"
    );
    assert!(of_streams(bench, &STREAMS).is_empty(), "streams are left");
}

#[test]
fn a_run_killed_at_any_moment_is_cleaned_up_by_the_next_and_nothing_else_is() {
    let mut chance = Chance::new();
    let mut bench = Workbench::new("killed");
    bench.pipeline(&format!("lanes: spread\n{CHAIN}{SINK}"));
    // A cache of its own, so that the first tries are killed while they compile.
    let cache = bench.path("cache");
    bench.cache.clone_from(&cache);

    // What must stay: a run of another namespace, a stream of Python's, files of nobody.
    let other = Workbench::new("other");
    other.pipeline(CHAIN);
    let mut living = other.start(&["run", "pipeline.yaml", "--source", "x:ramp:200"]);
    living.wait_for("y", 1);
    let python = stream_name("python");
    let mut owner = Child::spawn(&mut peer(&["create", &python, "uint64", "512"]));
    owner.wait_for("created");
    run(&mut peer(&["write", &python, "41"]));
    let foreign = [
        "ps_00000000000000",
        "ps_00000000000000_meta",
        "sandpipe-test",
    ]
    .map(|name| format!("/dev/shm/{name}.{}", std::process::id()));
    for path in &foreign {
        fs::write(path, path).unwrap();
    }

    for round in 0..30 {
        let source = ["x:ramp:500", "x:ramp"][round % 2];
        let arguments = [
            "run",
            "pipeline.yaml",
            "--source",
            source,
            "--report",
            "report.json",
        ];
        let killed = bench.start(&arguments);
        let id = killed.id();
        if round % 3 == 2 {
            // While it stops.
            chance.sleep_up_to(2 * START);
            killed.signal(Signal::INT);
            chance.sleep_up_to(START / 10);
        } else {
            chance.sleep_up_to(START);
        }
        killed.signal(Signal::KILL);
        killed.output();
        no_process_of(id);
        if round % 5 == 4 {
            run_goes_well(&bench);
        }
    }
    run_goes_well(&bench);
    let (code, _) = bench.report(&[
        "--source",
        "x:ramp",
        "--frames",
        "5",
        "--report",
        "report.json",
    ]);
    assert_eq!(code, 0);
    let expected = ["cache", "pipeline.yaml", "record.npy", "report.json"];
    assert_eq!(
        names_in(bench.folder.path()),
        expected,
        "half-written files"
    );
    let compiled = names_in(&cache.join("sandpipe"));
    assert!(
        compiled.iter().all(|name| !name.starts_with('.')),
        "{compiled:?}"
    );

    let before = stream::info(&other.stream("y"))
        .unwrap()
        .ring
        .unwrap()
        .published;
    living.wait_for("y", before + 10);
    assert_eq!(stream::read_frame(&python).unwrap().frame_id, 41);
    owner.finish();
    stream::remove(&python, false).unwrap();
    for path in &foreign {
        assert_eq!(&fs::read_to_string(path).unwrap(), path);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn of_a_run_that_is_killed_and_one_that_starts_the_second_wins_or_says_why() {
    let mut chance = Chance::new();
    let bench = Workbench::new("succession");
    bench.pipeline(CHAIN);
    run_goes_well(&bench);
    let mut won = 0;
    for _ in 0..15 {
        let first = bench.start(&["run", "pipeline.yaml", "--source", "x:ramp"]);
        let id = first.id();
        chance.sleep_up_to(START);
        let arguments = [
            "run",
            "pipeline.yaml",
            "--source",
            "x:ramp",
            "--frames",
            "5",
        ];
        let second = bench.start(&arguments);
        chance.sleep_up_to(START);
        first.signal(Signal::KILL);
        first.output();
        no_process_of(id);
        let output = second.output();
        let said = text(&output.stderr);
        match output.status.code() {
            Some(0) => {
                won += 1;
                // The first may have come late, when the second had ended, and have been killed over streams of its own.
                run_goes_well(&bench);
                assert!(of_streams(&bench, &STREAMS).is_empty(), "streams are left");
            }
            Some(1) => assert!(
                said.contains(&format!("is in use by a sandpipe run, process {id}")),
                "{said}"
            ),
            code => panic!("{code:?}: {said}"),
        }
    }
    println!("the second won {won} times");
    run_goes_well(&bench);
}

#[test]
fn of_runs_that_start_at_once_at_most_one_runs_and_the_others_say_why() {
    let bench = Workbench::new("contest");
    let yaml = bench.pipeline(CHAIN);
    let mut lines: Vec<String> = fs::read_to_string(&yaml)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.swap(3, 5);
    let reversed = lines.join("\n");
    assert!(reversed.find("name: y").unwrap() < reversed.find("name: x").unwrap());
    bench.file("reversed.yaml", reversed);
    run_goes_well(&bench);
    for _ in 0..5 {
        let runs: Vec<_> = ["pipeline.yaml", "reversed.yaml", "pipeline.yaml"]
            .into_iter()
            .map(|file| bench.start(&["run", file, "--source", "x:ramp:1000", "--frames", "300"]))
            .collect();
        let mut ran = 0;
        for run in runs {
            let output = run.output();
            let said = text(&output.stderr);
            match output.status.code() {
                Some(0) => ran += 1,
                Some(1) => assert!(said.contains("is in use by a sandpipe run"), "{said}"),
                code => panic!("{code:?}: {said}"),
            }
        }
        // None, where one was ahead with `x` and another with `y`. More, where one had ended before another began.
        println!("{ran} of 3 ran");
        assert!(of_streams(&bench, &STREAMS).is_empty(), "streams are left");
    }
}
