use std::fs;

use sandpipe::config;

use crate::directory;

pub const PIECES: &[&str] = &[
    "- ",
    ": ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "*base",
    "<<: ",
    "!x ",
    "!!int ",
    "!!binary ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    "---\n",
    "...\n",
    "? ",
    "~",
    ".nan",
    ".inf",
    "1e999",
    "-0",
    "\u{feff}",
    "\t",
    "\r",
    "\r\n",
    "\0",
    "é",
    "\u{202e}",
    "\\",
    "%YAML 1.2\n",
    "99999999999999999999",
    "4294967296",
    "0x10",
    "%",
    "@",
    "`",
    "64MiB",
    "2ms",
    "10/s",
    "kernels:",
    "shared_memory:",
    "on_fault:",
    "limits:",
    "isolation:",
    "then:",
    "backoff:",
    "[[[[[[[[",
    "{a: {a: {a: ",
];

const VALID: &str = "
namespace: lab
kernel_path: [kernels]
lanes: spread
shared_memory:
  - &base {name: camera, shape: [2, 3], dtype: uint16, initial: {pattern: values, values: [[1, 2, 3], [4, 5, 6]]}}
  - {<<: *base, name: copy, slots: 4, mode: attach, notify: true, mirror: false}
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
    delivery: every
    synchronization: {mode: count, timeout: 0.5}
    limits: {memory: 64MiB, deadline: 2ms, log_rate: 10/s}
    on_fault: {action: restart, max_restarts: 3, within: 10s, backoff: 5ms, then: stop}
sources:
  - {name: cam, kind: file.npy, stream: camera, parameters: {path: frames.npy}}
sinks:
  - {name: record, kind: 'file.npy', stream: copy}
";

pub fn seeds() -> Vec<Vec<u8>> {
    let observatory = include_str!("../../configs/observatory_ao/pipeline.yaml");
    vec![VALID.into(), observatory.into()]
}

/// The report says where it is wrong, in characters that exist.
pub fn run(bytes: &[u8]) {
    let path = directory().join("pipeline.yaml");
    fs::write(&path, bytes).expect("the file cannot be written");
    let Err(report) = config::load(&path) else {
        return;
    };
    assert!(!report.diagnostics().is_empty(), "refused without a reason");
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for diagnostic in report.diagnostics() {
        if let Some(span) = diagnostic.span {
            let marked = text.get(span.offset..span.offset + span.length);
            assert!(marked.is_some(), "{span:?} is not in the text");
        }
    }
    report.plain();
    report.coloured();
    report.json();
}
