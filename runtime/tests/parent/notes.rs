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
