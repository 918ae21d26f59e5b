//! What a pipeline does when a stage faults: `on_fault`.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{PATIENCE, Workbench, text};
use super::stranger::{
    Case, FAIL, NUMBER, TRAP, WIDTH, counts, even, frames, is, later_init, on, stranger,
};

#[test]
fn skip_drops_the_frame_and_keeps_an_instance_that_lives() {
    let case = Case::new("skip")
        .faults(&on(&even(), FAIL))
        .frames(100, None, "on_fault: skip");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    let expected: Vec<[u32; 2]> = (1..=50).map(|n| [2 * n, 2 * n - 1]).collect();
    assert_eq!(output, expected, "the calls are counted by one instance");
    let keys = ["frames", "dropped", "faults", "restarts"];
    assert_eq!(counts(&report, keys), [50, 50, 50, 0]);
    let fault = &report["faults"][0];
    assert_eq!(
        (&fault["sequence"], &fault["frame_id"]),
        (&2.into(), &2.into())
    );
    assert_eq!(fault["action"], "skipped");
    assert!(fault["at_s"].as_f64().unwrap() < report["elapsed_s"].as_f64().unwrap());
}

#[test]
fn skip_reopens_an_instance_that_died() {
    let case =
        Case::new("skip-dead")
            .faults(&on(&is(3), TRAP))
            .frames(20, Some(20), "on_fault: skip");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    let [frames, dropped, faults, restarts] =
        counts(&report, ["frames", "dropped", "faults", "restarts"]);
    assert_eq!((faults, restarts), (1, 1), "{report}");
    assert_eq!(frames + dropped, 20);
    assert_eq!(&output[..2], &[[2, 1], [3, 2]]);
    // A fresh instance counts from one.
    assert_eq!(output[2][1], 1);
    assert!(output[2][0] >= 5 && dropped >= 1);
}

#[test]
fn restart_loses_the_frame_that_faulted_and_no_other_where_every_frame_is_wanted() {
    for (fault, isolation) in [
        (TRAP, "thread"),
        (FAIL, "thread"),
        (TRAP, "process"),
        (FAIL, "process"),
    ] {
        let rule = format!("on_fault: restart, isolation: {isolation}");
        let case = Case::new("restart")
            .faults(&on(&is(5), fault))
            .frames(500, None, &rule);
        let (code, report, output) = case.run();
        assert_eq!(code, 0, "{report}");
        let first = (1..=4).map(|n| [n + 1, n]);
        let expected: Vec<[u32; 2]> = first.chain((6..=500).map(|n| [n + 1, n - 5])).collect();
        assert_eq!(output, expected, "any fault gives a fresh instance");
        let keys = ["frames", "dropped", "skipped", "faults", "restarts"];
        assert_eq!(counts(&report, keys), [499, 1, 0, 1, 1]);
        assert_eq!(report["faults"][0]["action"], "restarted");
    }
}

#[test]
fn restart_skips_what_comes_meanwhile_where_the_latest_frame_is_wanted() {
    let case = Case::new("restart-latest")
        .faults_and_starts_slowly(&on(&is(5), TRAP))
        .frames(2000, None, "delivery: latest, on_fault: restart");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    let [dropped, skipped, restarts] = counts(&report, ["dropped", "skipped", "restarts"]);
    assert_eq!((dropped, restarts), (1, 1), "{report}");
    assert!(
        skipped > 0,
        "nothing came while the instance was away: {report}"
    );
    assert_eq!(
        output.last().unwrap()[0],
        2001,
        "the newest frame is computed"
    );
}

#[test]
fn hold_publishes_the_last_good_output_again() {
    let case = Case::new("hold")
        .faults(&on(&even(), FAIL))
        .frames(10, None, "on_fault: hold");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    let expected: Vec<[u32; 2]> = (1..=5).flat_map(|n| [[2 * n, 2 * n - 1]; 2]).collect();
    assert_eq!(output, expected);
    assert_eq!(counts(&report, ["frames", "held", "dropped"]), [5, 5, 0]);
    assert_eq!(report["faults"][4]["action"], "held");
}

#[test]
fn hold_publishes_nothing_before_there_was_a_good_output() {
    let odd = format!("(i32.le_u {NUMBER} (i32.const 3))");
    let case = Case::new("hold-first")
        .faults(&on(&odd, FAIL))
        .frames(5, None, "on_fault: hold");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    assert_eq!(output, [[5, 4], [6, 5]]);
    assert_eq!(counts(&report, ["frames", "held", "dropped"]), [2, 0, 3]);
    assert_eq!(report["faults"][0]["action"], "skipped");
}

#[test]
fn hold_answers_every_frame_while_the_instance_is_away() {
    let case = Case::new("hold-away")
        .faults_and_starts_slowly(&on(&is(5), TRAP))
        .frames(1000, Some(2000), "on_fault: hold");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    assert_eq!(output.len(), 1000, "one output for each frame");
    let [held, restarts] = counts(&report, ["held", "restarts"]);
    assert_eq!(restarts, 1);
    assert!(
        held > 1,
        "nothing came while the instance was away: {report}"
    );
    let away = &output[4..4 + held as usize];
    assert!(away.iter().all(|frame| *frame == [5, 4]), "{away:?}");
    assert_eq!(output[999][0], 1001);
}

#[test]
fn bypass_publishes_the_input() {
    let case = Case::new("bypass")
        .faults(&on(&even(), FAIL))
        .frames(10, None, "on_fault: bypass");
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    let expected: Vec<[u32; 2]> = (1..=5)
        .flat_map(|n| [[2 * n, 2 * n - 1], [2 * n, 0]])
        .collect();
    assert_eq!(output, expected);
    assert_eq!(counts(&report, ["frames", "bypassed"]), [5, 5]);
    assert_eq!(report["faults"][0]["action"], "bypassed");
}

#[test]
fn more_restarts_than_allowed_lead_to_what_then_says() {
    let after = format!("(i32.ge_u {NUMBER} (i32.const 3))");
    for (then, code, state) in [("stop", 1, "failed"), ("hold", 0, "stopped")] {
        let rule =
            format!("on_fault: {{action: restart, max_restarts: 2, within: 1h, then: {then}}}");
        let case = Case::new("then")
            .faults(&on(&after, TRAP))
            .frames(50, None, &rule);
        let (ended, report, output) = case.run();
        assert_eq!((ended, &report["state"]), (code, &state.into()), "{report}");
        assert_eq!(counts(&report, ["faults", "restarts"]), [3, 2]);
        let actions: Vec<&Value> = (0..3).map(|n| &report["faults"][n]["action"]).collect();
        if then == "stop" {
            assert_eq!(actions, ["restarted", "restarted", "stopped"]);
            // The sink's lane may be stopped before it has taken them.
            assert!(output.len() <= 2, "{output:?}");
        } else {
            assert_eq!(actions, ["restarted", "restarted", "held"]);
            // Two were lost to restarts; all others are answered, from the one that was given up on by the last good output.
            assert_eq!(output.len(), 48);
            assert!(output[2..].iter().all(|frame| *frame == [3, 2]));
        }
    }
}

#[test]
fn a_fresh_instance_that_cannot_start_is_a_fault_and_counts_as_a_restart() {
    let rule = "on_fault: {action: restart, max_restarts: 3, backoff: 1us}";
    let case = stranger(Case::new("init"), &later_init(TRAP), &on(&is(2), TRAP));
    let (code, report, _) = case.frames(50, None, rule).run();
    assert_eq!(code, 1, "{report}");
    assert_eq!(counts(&report, ["faults", "restarts"]), [4, 0]);
    let faults = report["faults"].as_array().unwrap();
    let sequences: Vec<&Value> = faults.iter().map(|fault| &fault["sequence"]).collect();
    assert_eq!(
        sequences,
        [&Value::from(2), &Value::Null, &Value::Null, &Value::Null]
    );
    assert_eq!(faults[3]["action"], "stopped");
}

#[test]
fn the_lane_is_not_held_up_by_a_restart_that_takes_long() {
    let bench = Workbench::new("lane");
    let init = later_init("(loop (br 0))");
    let mut parts: Vec<(&str, &str)> = init.iter().map(|(at, body)| (*at, body.as_str())).collect();
    let trap = on(&is(5), TRAP);
    parts.push(("compute", &trap));
    bench.kernel("stranger", &parts);
    bench.file("frames.npy", frames(300));
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: x, shape: [{WIDTH}], dtype: uint32}}
  - {{name: y, shape: [{WIDTH}], dtype: uint32}}
  - {{name: z, shape: [{WIDTH}], dtype: uint32}}
sources:
  - {{name: camera, kind: file.npy, stream: x, parameters: {{path: frames.npy, rate_hz: 200}}}}
kernels:
  - {{name: stranger, module: stranger.wat, input: x, output: y, delivery: every, on_fault: skip}}
  - {{name: neighbour, kind: cpu.copy, input: x, output: z}}
"
    ));
    let (code, report) = bench.report(&["--duration", "1min"]);
    assert_eq!(code, 0, "{report}");
    // Were the lane held up by each start, which takes two seconds, that would take ten minutes.
    assert_eq!(report["stages"]["neighbour"]["frames"], 300, "{report}");
    assert_eq!(report["stages"]["stranger"]["frames"], 4, "{report}");
}

#[test]
fn ctrl_c_does_not_wait_for_a_fresh_instance_that_is_stuck() {
    for (name, isolation, init, compute) in [
        (
            "stuck-init",
            "thread",
            later_init("(loop (br 0))"),
            on(&is(2), TRAP),
        ),
        (
            "stuck-process",
            "process",
            later_init("(loop (br 0))"),
            on(&is(2), TRAP),
        ),
        (
            "stuck-call",
            "thread",
            later_init("(nop)"),
            format!("{}{}", on(&is(2), TRAP), on(&is(3), "(loop (br 0))")),
        ),
    ] {
        let rule = format!("on_fault: restart, isolation: {isolation}, limits: {{deadline: 1min}}");
        let case = stranger(Case::new(name), &init, &compute).frames(50, None, &rule);
        let mut run = case
            .bench
            .start(&["run", "pipeline.yaml", "--format", "json"]);
        run.wait_for("x", 3);
        // The fault comes at once after that; the restart at once after the fault.
        std::thread::sleep(std::time::Duration::from_millis(300));
        run.signal(Signal::INT);
        let asked = Instant::now();
        let output = run.output();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stdout));
        let took = asked.elapsed();
        assert!(took < PATIENCE / 40, "{name}: {took:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["faults"].as_array().unwrap().len(), 1, "{report}");
        assert!(case.bench.streams().is_empty(), "streams are left");
    }
}

#[test]
fn state_is_committed_only_by_a_call_that_succeeded() {
    for (action, fault) in [
        ("skip", FAIL),
        ("skip", TRAP),
        ("restart", TRAP),
        ("restart", FAIL),
    ] {
        let case = Case::new("state");
        // The next state is the previous one plus the frame's number, and is written before the fault; so is the output.
        let sum = "(i32.store (i32.load offset=12 (local.get $frame))
            (i32.add (i32.load (i32.load offset=8 (local.get $frame))) (i32.load (i32.load (local.get $frame)))))
          (i32.store offset=4 (i32.load offset=4 (local.get $frame)) (i32.load (i32.load offset=12 (local.get $frame))))";
        let compute = format!("{sum}{}", on(&even(), fault));
        case.bench.kernel_with(
            "stranger",
            r#","state":[{"alias":"sum","like":"output"}]"#,
            &[("compute", &compute)],
        );
        let rule = format!("on_fault: {{action: {action}, max_restarts: 1000, backoff: 1us}}");
        let case = case.frames(40, Some(50), &rule);
        let (code, report, output) = case.run();
        assert_eq!(code, 0, "{report}");
        let mut sum = 0;
        for [number, state] in output {
            sum += number - 1;
            assert_eq!(
                state, sum,
                "{action} after {fault}: a state was kept that no frame came of"
            );
        }
        assert!(counts(&report, ["faults"])[0] >= 2, "{report}");
    }
}

#[test]
fn faults_beyond_the_first_and_the_last_are_counted_and_not_listed() {
    let case = Case::new("many")
        .faults(FAIL)
        .frames(500, None, "on_fault: skip");
    let (code, report, _) = case.run();
    assert_eq!(code, 0);
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 32);
    assert_eq!(report["faults_left_out"], 500 - 32);
    assert_eq!(faults[0]["sequence"], 1);
    assert_eq!(faults[31]["sequence"], 500);
    let output = case.bench.run(&["run", "pipeline.yaml"]);
    let summary = text(&output.stdout);
    assert!(summary.contains("468 more faults"), "{summary}");
    assert!(
        summary.contains("(publication 500 of its trigger)"),
        "{summary}"
    );
}

#[test]
fn what_was_held_or_bypassed_is_marked() {
    for (action, word) in [("hold", "held"), ("bypass", "bypassed"), ("skip", "fresh")] {
        let rule = format!("on_fault: {action}");
        let case = Case::new(word)
            .faults(&on(&even(), FAIL))
            .frames(2, Some(1), &rule);
        let yaml = std::fs::read_to_string(case.bench.path("pipeline.yaml")).unwrap();
        // The stream is looked at while the run waits for its end.
        let yaml = yaml.replace(
            "parameters: {path: frames.npy, rate_hz: 1}",
            "parameters: {path: frames.npy, rate_hz: 100, loop: true}",
        );
        case.bench
            .file("pipeline.yaml", yaml.replace("even", "odd"));
        let mut run = case
            .bench
            .start(&["run", "pipeline.yaml", "--format", "json"]);
        run.wait_for("y", 4);
        let name = case.bench.stream("y");
        let start = Instant::now();
        let mut seen = std::collections::BTreeSet::new();
        while !(seen.contains(word) && seen.contains("fresh")) {
            assert!(start.elapsed() < PATIENCE, "only {seen:?}");
            let output = case
                .bench
                .run(&["stream", "info", &name, "--format", "json"]);
            let info: Value = serde_json::from_slice(&output.stdout).unwrap();
            seen.insert(info["ring"]["mark"].as_str().unwrap().to_owned());
        }
        run.signal(Signal::INT);
        run.output();
        assert_eq!(seen.len(), if word == "fresh" { 1 } else { 2 }, "{seen:?}");
    }
}
