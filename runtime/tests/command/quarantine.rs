//! Frames that made a stage fault: kept, and the fault reproduced.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::harness::{Workbench, text};
use super::stranger::{Case, FAIL, NUMBER, even, is, on};

/// Adds the frame's number to the state, and traps on frame 5 if the state then is 15: so both have to be right.
fn case(name: &str) -> Case {
    let sum = format!(
        "(i32.store (i32.load offset=12 (local.get $frame))
            (i32.add (i32.load (i32.load offset=8 (local.get $frame))) {NUMBER}))"
    );
    let both = format!(
        "(i32.and {} (i32.eq (i32.load (i32.load offset=12 (local.get $frame))) (i32.const 15)))",
        is(5)
    );
    let case = Case::new(name);
    case.bench.kernel_with(
        "stranger",
        r#","state":[{"alias":"sum","like":"output"}]"#,
        &[("compute", &format!("{sum}{}", on(&both, "(unreachable)")))],
    );
    case.frames(8, None, "on_fault: skip")
}

/// Names in the directory of the quarantine.
fn kept(bench: &Workbench) -> Vec<String> {
    let entries = fs::read_dir(bench.path("quarantine")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn record(bench: &Workbench, name: &str) -> PathBuf {
    bench.path("quarantine").join(name).join("record.json")
}

/// Runs with quarantine; the exit code.
fn run(case: &Case) -> i32 {
    let output = case
        .bench
        .run(&["run", "pipeline.yaml", "--quarantine", "quarantine"]);
    output.status.code().unwrap()
}

#[test]
fn a_fault_that_depends_on_frame_and_state_is_reproduced() {
    let case = case("quarantine");
    assert_eq!(run(&case), 0);
    assert_eq!(kept(&case.bench), ["stranger-5-trap"]);
    let repeat = [
        "kernel",
        "run",
        "--quarantined",
        "quarantine/stranger-5-trap",
    ];
    let output = case.bench.run(&repeat);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.starts_with("the same fault: trap: "), "{said}");

    // Another state, and the fault does not recur.
    let folder = case.bench.path("quarantine/stranger-5-trap");
    let array = sandpipe::endpoint::npy::read(&folder.join("state-0.npy")).unwrap();
    let zeros = vec![0; array.1.len()];
    sandpipe::endpoint::npy::write(&folder.join("state-0.npy"), &array.0, &zeros).unwrap();
    let output = case.bench.run(&repeat);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert_eq!(said, "the fault (trap) did not recur\n");
}

#[test]
fn another_module_is_noticed_and_one_elsewhere_can_be_named() {
    let case = case("quarantine-module");
    assert_eq!(run(&case), 0);
    let module = case.bench.path("stranger.wat");
    fs::rename(&module, case.bench.path("moved.wat")).unwrap();
    let repeat = [
        "kernel",
        "run",
        "--quarantined",
        "quarantine/stranger-5-trap",
    ];
    assert_eq!(case.bench.run(&repeat).status.code(), Some(2));
    let moved = [&repeat[..], &["--module", "moved.wat"]].concat();
    assert_eq!(case.bench.run(&moved).status.code(), Some(1));
    case.bench.kernel("stranger", &[]);
    let output = case.bench.run(&repeat);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("not the one that faulted") && said.contains("--module"),
        "{said}"
    );
}

#[test]
fn the_first_ten_frames_of_a_stage_are_kept_and_for_this_user_alone() {
    let case = Case::new("quarantine-many")
        .faults(&on(&even(), FAIL))
        .frames(60, None, "on_fault: skip");
    assert_eq!(run(&case), 0);
    let names = kept(&case.bench);
    assert_eq!(names.len(), 10, "{names:?}");
    for number in 1..=10 {
        let name = format!("stranger-{}-failed", 2 * number);
        assert!(names.contains(&name), "{names:?}");
        let folder = case.bench.path("quarantine").join(name);
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    let text = fs::read(record(&case.bench, "stranger-2-failed")).unwrap();
    let record: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (&record["frame_id"], &record["sequence"], &record["cause"]),
        (&2.into(), &2.into(), &"failed".into())
    );
    assert_eq!(record["context"]["kind"], "test.stranger");
    // A second run keeps its own beside them.
    assert_eq!(run(&case), 0);
    assert_eq!(kept(&case.bench).len(), 20);
}

#[test]
fn what_a_killed_run_left_unfinished_is_removed_and_nothing_else_is() {
    let case = case("unfinished");
    let names = [
        ".record-aB3dE6.part",
        ".record-held00.part",
        ".record-notes",
        ".mine.part",
    ];
    let paths = names.map(|name| case.bench.path("quarantine").join(name));
    for path in &paths {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("input.npy"), "half").unwrap();
    }
    let held = fs::File::open(&paths[1]).unwrap();
    held.lock().unwrap();
    run(&case);
    let left = paths.each_ref().map(|path| path.exists());
    assert_eq!(left, [false, true, true, true]);
}

#[test]
fn a_built_in_kind_is_found_by_its_name() {
    let bench = Workbench::new("quarantine-built-in");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [2], dtype: float32}
  - {name: y, shape: [2], dtype: float32}
kernels:
  - {name: odd/name, kind: cpu.raise_error, input: x, output: y, parameters: {message: on fire}, on_fault: skip}
",
    );
    let arguments = [
        "run",
        "pipeline.yaml",
        "--source",
        "x:constant",
        "--frames",
        "1",
        "--quarantine",
        "quarantine",
    ];
    assert_eq!(bench.run(&arguments).status.code(), Some(0));
    assert_eq!(kept(&bench), ["odd_name-1-failed"]);
    let output = bench.run(&[
        "kernel",
        "run",
        "--quarantined",
        "quarantine/odd_name-1-failed",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("the same fault: failed") && said.contains("on fire"),
        "{said}"
    );
}

#[test]
fn a_link_or_a_file_is_no_directory_for_quarantine() {
    let case = Case::new("quarantine-link")
        .faults("")
        .frames(1, None, "on_fault: skip");
    let bench = &case.bench;
    fs::create_dir(bench.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", bench.path("link")).unwrap();
    bench.file("file", "");
    for (name, why) in [
        ("link", "symbolic link"),
        ("file", "'file' cannot be used"),
        ("no/such", "'no/such'"),
    ] {
        let output = bench.run(&["run", "pipeline.yaml", "--quarantine", name]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_record_that_cannot_be_written_is_reported_and_the_run_goes_on() {
    let case = case("quarantine-gone");
    // A directory in which nothing can be made, by root neither: one that was removed is not, but /proc is.
    let output = case
        .bench
        .run(&["run", "pipeline.yaml", "--quarantine", "/proc/self/fdinfo"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(
        said.contains("the frame that made stage 'stranger' fault could not be kept"),
        "{said}"
    );
}

#[test]
fn a_record_is_not_believed() {
    let case = case("quarantine-hostile");
    assert_eq!(run(&case), 0);
    let path = record(&case.bench, "stranger-5-trap");
    let good = fs::read_to_string(&path).unwrap();
    let with_shape = |shape: Value| {
        let mut record: Value = serde_json::from_str(&good).unwrap();
        record["context"]["trigger_inputs"][0]["array"]["shape"] = shape;
        record.to_string()
    };
    let huge = with_shape(serde_json::json!([u32::MAX, u32::MAX, 9]));
    let larger = with_shape(serde_json::json!([5]));
    let deep = "[".repeat(100_000);
    for (bad, why) in [
        ("", "record.json"),
        ("{}", "record.json"),
        (deep.as_str(), "record.json"),
        (&good.replace("\"format\": 1", "\"format\": 2"), "format 2"),
        (&huge, "no kernel can address"),
        (&larger, "trigger-0.npy"),
    ] {
        fs::write(&path, bad).unwrap();
        let output = case.bench.run(&[
            "kernel",
            "run",
            "--quarantined",
            "quarantine/stranger-5-trap",
        ]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{why}: {said}");
        assert!(said.contains(why), "{said}");
    }
    fs::write(&path, &good).unwrap();
    fs::write(path.with_file_name("trigger-0.npy"), "garbage").unwrap();
    let output = case.bench.run(&[
        "kernel",
        "run",
        "--quarantined",
        "quarantine/stranger-5-trap",
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
