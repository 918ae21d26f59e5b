//! What `sandpipe validate` says about a file of shmpipeline that is right.

use std::path::Path;

use sandpipe::config::{self, Severity};

/// The notes on a configuration: where each stands, and what it says.
fn notes(text: &str) -> Vec<(u32, String)> {
    let config =
        config::parse(Path::new("pipeline.yaml"), text).unwrap_or_else(|report| panic!("{report}"));
    let notes = config.notes();
    assert_eq!(notes.severity(), Severity::Note);
    let found = notes.diagnostics().iter();
    found
        .map(|note| (note.span.unwrap().line, note.message.clone()))
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[(u32, &str)]) {
    let found = notes(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, message), (at, words)) in found.iter().zip(expected) {
        assert!(
            line == at && message.contains(words),
            "{line}: {message}, not {at}: {words}"
        );
    }
}

const PLAIN: &str = "shared_memory:
- {name: a, shape: [4], dtype: float32}
- {name: b, shape: [4], dtype: float32}
kernels:
- name: k
  kind: cpu.scale
  input: a
  output: b
  parameters: {factor: 2}
";

#[test]
fn a_file_in_which_nothing_differs_gets_none() {
    check(PLAIN, &[]);
}

#[test]
fn what_stands_there_and_differs_is_said_once() {
    check(
        &PLAIN.replace(", dtype: float32", ""),
        &[(2, "stream 'a' and one more: without 'dtype'")],
    );
    check(
        &PLAIN.replace("float32", "uint8"),
        &[(6, "kernel 'k': what an integer cannot hold")],
    );
    check(
        &format!("{PLAIN}  read_timeout: 0.1\n  poll_interval: 1.0e-5\n  pause_sleep: 0.01\n"),
        &[
            (10, "'read_timeout' of 'k': has no effect"),
            (11, "'poll_interval' of 'k': has no effect"),
            (12, "'pause_sleep' of 'k': has no effect"),
        ],
    );
    check(
        &format!(
            "{PLAIN}sources: [{{name: s, kind: synthetic.array, stream: a, poll_interval: 0.1}}]\nsinks: [{{name: t, kind: null.sink, stream: b, read_timeout: 1, pause_sleep: 1}}]\n"
        ),
        &[
            (10, "source 's': the random numbers"),
            (10, "'poll_interval' of 's'"),
            (11, "'read_timeout' of 't'"),
            (11, "'pause_sleep' of 't'"),
        ],
    );
    check(
        &format!(
            "namespace: lab\n{}",
            PLAIN.replace(
                "[4], dtype: float32}",
                "[4], dtype: float32, mode: attach, initial: {pattern: normal}}"
            )
        ),
        &[
            (
                3,
                "'mode: attach' and one more: existing streams are looked for as 'lab.NAME'",
            ),
            (
                3,
                "'initial' of stream 'a' and one more: the random numbers",
            ),
        ],
    );
    check(
        "shared_memory: [{name: x, shape: [4], dtype: float32}, {name: m, shape: [4, 4], dtype: float32}, {name: o, shape: [4], dtype: float32}, {name: y, shape: [4], dtype: float32}]
kernels:
- {name: k, kind: cpu.affine_transform, input: x, auxiliary: [m, o], output: y, parameters: {blas_threads: 4}}
",
        &[(3, "'blas_threads' of 'k': has no effect")],
    );
}

#[test]
fn keys_of_one_input_and_of_no_gpu_have_no_effect() {
    check(
        &format!(
            "{}  trigger_policy: all_new\n  synchronization: {{mode: count}}\n",
            PLAIN.replace("name: b,", "name: b, cpu_mirror: true,")
        ),
        &[
            (3, "'cpu_mirror' of 'b': has no effect"),
            (10, "'trigger_policy' of 'k': has no effect"),
            (11, "'synchronization' of 'k': has no effect"),
        ],
    );
    // Without the policy the file would be refused.
    check(
        &format!(
            "{PLAIN}  trigger_policy: all_new\n  synchronization: {{mode: matching_frame_id}}\n"
        ),
        &[],
    );
    check(
        &PLAIN
            .replace("cpu.scale", "cpu.concatenate")
            .replace("input: a", "inputs: [a, c]\n  trigger_policy: all_new")
            .replace(
                "kernels:",
                "- {name: c, shape: [4], dtype: float32}\nkernels:",
            ),
        &[],
    );
}

#[test]
fn patterns_are_written_in_any_case() {
    for (pattern, line) in [
        ("RANDOM", Some(10)),
        ("' Random '", Some(10)),
        ("RAMP", None),
    ] {
        let source = format!(
            "sources: [{{name: s, kind: synthetic.array, stream: a, parameters: {{pattern: {pattern}}}}}]\n"
        );
        let expected = line.map(|line| (line, "source 's': the random numbers"));
        check(&format!("{PLAIN}{source}"), expected.as_slice());
    }
}

/// Every rung joins both sides of the one before: there are 2⁶⁰ ways up.
#[test]
fn a_ladder_of_joins_is_climbed_at_once() {
    let streams: String = (0..=60)
        .flat_map(|rung| {
            ["a", "b"].map(|side| format!("- {{name: {side}{rung}, shape: [4], dtype: float32}}\n"))
        })
        .collect();
    let joins: String = (0..60)
        .flat_map(|rung| {
            ["a", "b"].map(|side| {
                format!(
                    "- {{name: {side}{rung}, kind: cpu.concatenate, inputs: [a{rung}, b{rung}], output: {side}{}, propagate_frame_id: true}}\n",
                    rung + 1
                )
            })
        })
        .collect();
    let text = format!(
        "shared_memory:\n{streams}- {{name: y, shape: [8], dtype: float32}}\nkernels:\n- {{name: top, kind: cpu.concatenate, inputs: [a60, b60], output: y, synchronization: {{mode: matching_frame_id}}}}\n{joins}"
    );
    check(&text, &[]);
    let source = |side: &str| {
        format!(
            "- {{name: to {side}, kind: synthetic.array, stream: {side}0, parameters: {{pattern: ramp}}}}\n"
        )
    };
    // One side with ids is enough.
    check(&format!("{text}sources:\n{}", source("a")), &[]);
    check(
        &format!("{text}sources:\n{}{}", source("a"), source("b")),
        &[(126, "stream 'a60' and one more: frames have ids here")],
    );
}

#[test]
fn ids_that_the_parent_does_not_pass_on_are_pointed_out() {
    let join = |branch: &str, sources: &str| {
        format!(
            "shared_memory: [{{name: x, shape: [2], dtype: float32}}, {{name: a, shape: [2], dtype: float32}}, {{name: b, shape: [2], dtype: float32}}, {{name: y, shape: [4], dtype: float32}}]
kernels:
- {{name: p, kind: cpu.copy, input: x, output: a, propagate_frame_id: true}}
- {{name: q, kind: cpu.copy, input: x, output: b{branch}}}
- name: j
  kind: cpu.concatenate
  inputs: [a, b]
  output: y
  synchronization: {{mode: matching_frame_id}}
{sources}"
        )
    };
    check(&join(", propagate_frame_id: true", ""), &[]);
    check(&join("", ""), &[(7, "stream 'b': frames have ids here")]);
    check(
        &join(
            ", propagate_frame_id: true",
            "sources: [{name: s, kind: synthetic.array, stream: x, parameters: {pattern: ramp}}]",
        ),
        &[(7, "stream 'a' and one more: frames have ids here")],
    );
}

#[test]
fn a_file_that_uses_what_only_sandpipe_has_gets_none() {
    let text = format!("{PLAIN}  read_timeout: 0.1\n");
    assert_eq!(notes(&text).len(), 1);
    for own in [
        "delivery: every",
        "limits: {deadline: 2ms}",
        "on_fault: skip",
    ] {
        assert_eq!(notes(&format!("{text}  {own}\n")), [], "{own}");
    }
    assert_eq!(notes(&format!("lanes: spread\n{text}")), []);
    assert_eq!(
        notes(
            &text
                .replace("cpu.scale", "cpu.convert")
                .replace("factor", "gain")
        ),
        []
    );
}
