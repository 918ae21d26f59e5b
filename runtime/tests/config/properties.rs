//! No text makes the configuration or a manifest panic, and every diagnostic can be shown.

use std::path::Path;

use proptest::prelude::*;
use sandpipe::config;
use sandpipe::kernel::Manifest;

const VALID: &str = "
namespace: lab
kernel_path: [kernels]
lanes: spread
shared_memory:
  - &base {name: camera, shape: [2, 3], dtype: uint16, initial: {pattern: values, values: [[1, 2, 3], [4, 5, 6]]}}
  - {<<: *base, name: copy, slots: 4, mode: attach, notify: true}
  - {name: m, shape: [3, 3], dtype: float32, initial: {pattern: identity, scale: 2}}
kernels:
  - name: \"mix\"
    kind: my.mix
    sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
    input: camera
    output: copy
    auxiliary: {m: m}
    parameters: {gain: 2, list: [1, 2.5], deep: {on: true}, none: null}
    read_timeout: 0.1
    synchronization: {mode: count, timeout: 0.5}
    limits: {memory: 64MiB, deadline: 2ms, log_rate: 10/s}
    on_fault: {action: stop}
sources:
  - {name: cam, kind: file.npy, stream: camera, parameters: {path: frames.npy}}
sinks:
  - {name: record, kind: 'file.npy', stream: copy}
";

/// Pieces that mean something to YAML or to us.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(VALID.split_inclusive(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "- ", ": ", "\n", "\n  ", "{", "}", "[", "]", ",", "&a ", "*a", "*base", "<<: ", "!x ", "!!int ", "|\n", ">-\n", "'", "\"", "#",
            "---\n", "...\n", "? ", "~", ".nan", "1e999", "-0", "\u{feff}", "\t", "\r", "\r\n", "\0", "é", "\u{202e}", "\\", "%YAML 1.2\n",
            "99999999999999999999", "4294967296", "0x10", "%", "@", "`",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => any::<i64>().prop_map(|n| n.to_string()),
    ]
}

const MANIFEST: &str = r#"{"abi": "0.1", "kind": "my.gain", "aliases": ["my.old"], "version": "1", "summary": "s",
    "storage": "cpu", "input_arity": null, "auxiliary_arity": 2, "output_arity": 1, "dtypes": ["f32", "f64"],
    "state": [{"alias": "s", "like": "output:0"}], "split": "rows",
    "parameters": {"type": "object", "required": ["gain"], "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"gain": {"type": ["number", "null"], "minimum": 0, "multipleOf": 0.5, "default": 1},
        "mode": {"enum": ["fast", "exact"]}, "taps": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true},
        "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "format": "regex"}},
        "patternProperties": {"^x": {"not": {"const": 1}}}, "dependentRequired": {"mode": ["gain"]},
        "if": {"required": ["mode"]}, "then": {"minProperties": 2}, "additionalProperties": false}}"#;

/// `text` with some characters taken out and some pieces put in.
fn mutated(text: &str, mutations: Vec<(prop::sample::Index, usize, String)>) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (place, removed, inserted) in mutations {
        let from = place.index(text.len() + 1);
        let to = (from + removed).min(text.len());
        text.splice(from..to, inserted.chars());
    }
    text.into_iter().collect()
}

fn mutations(
    piece: impl Strategy<Value = String>,
) -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..8usize, piece), 1..6)
}

fn shown(text: &str) {
    if let Err(report) = config::parse(Path::new("pipeline.yaml"), text) {
        assert!(
            !report.diagnostics().is_empty(),
            "refused without a reason:\n{text}"
        );
        for diagnostic in report.diagnostics() {
            if let Some(span) = diagnostic.span {
                assert!(
                    text.get(span.offset..span.offset + span.length).is_some(),
                    "{span:?} is not in\n{text}"
                );
            }
        }
        assert!(!report.plain().contains('\u{1b}') || text.contains('\u{1b}'));
        report.coloured();
        report.json();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in ".{0,200}") {
        shown(&text);
    }

    #[test]
    fn pieces_of_yaml(pieces in prop::collection::vec(piece(), 0..40)) {
        shown(&pieces.concat());
    }

    #[test]
    fn a_valid_file_with_mutations(mutations in mutations(piece())) {
        shown(&mutated(VALID, mutations));
    }

    #[test]
    fn a_valid_manifest_with_mutations(mutations in mutations("[a-z0-9$\"{}\\[\\]:,.-]{0,6}")) {
        if let Err(error) = Manifest::parse(mutated(MANIFEST, mutations).as_bytes()) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn the_texts_are_valid_before_they_are_mutated() {
    if let Err(report) = config::parse(Path::new("pipeline.yaml"), VALID) {
        panic!("{report}");
    }
    if let Err(error) = Manifest::parse(MANIFEST.as_bytes()) {
        panic!("{error}");
    }
}
