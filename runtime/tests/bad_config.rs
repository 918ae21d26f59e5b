//! Configurations that are refused: for each the message and the place that it marks.
//!
//! In the text of a case, `⟦` and `⟧` enclose what must be marked; several marks are several diagnostics, in order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use sandpipe::config::{self, Report};

/// A text without its marks, and where they were: offset and length in bytes, line, column in characters.
fn unmark(marked: &str) -> (String, Vec<(usize, usize, u32, u32)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    let mut open = Vec::new();
    for character in marked.chars() {
        match character {
            '⟦' => {
                let line = 1 + text.matches('\n').count() as u32;
                let column = 1 + text.chars().rev().take_while(|&c| c != '\n').count() as u32;
                open.push(places.len());
                places.push((text.len(), 0, line, column));
            }
            '⟧' => {
                let place: &mut (usize, usize, u32, u32) = &mut places[open.pop().unwrap()];
                place.1 = text.len() - place.0;
            }
            other => text.push(other),
        }
    }
    (text, places)
}

fn refused(text: &str) -> Report {
    match config::parse(Path::new("pipeline.yaml"), text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(report) => report,
    }
}

/// Checks that `marked` is refused with exactly the given messages, each `message` or `message | help`.
#[track_caller]
fn check(marked: &str, expected: &[&str]) {
    let (text, places) = unmark(marked);
    let report = refused(&text);
    let found = report.diagnostics();
    assert_eq!(found.len(), expected.len(), "\n{report}");
    let mut places = places.into_iter();
    for (diagnostic, expected) in found.iter().zip(expected) {
        let (message, help) = expected.split_once(" | ").unwrap_or((expected, ""));
        assert!(
            diagnostic.message.contains(message),
            "{message:?} is not in\n{report}"
        );
        let shown = diagnostic.help.clone().unwrap_or_default();
        assert!(shown.contains(help), "{help:?} is not in\n{report}");
        let place = diagnostic
            .span
            .map(|span| (span.offset, span.length, span.line, span.column));
        assert_eq!(place, places.next(), "\n{report}");
    }
    assert!(!report.plain().is_empty() && !report.coloured().is_empty());
}

/// A pipeline a → k → b with `stage` added to its kernel.
fn with_stage(stage: &str) -> String {
    format!(
        "shared_memory:\n- {{name: a, shape: [4]}}\n- {{name: b, shape: [4]}}\n- {{name: c, shape: [4]}}\nkernels:\n- name: k\n  kind: cpu.copy\n  input: a\n  output: b\n  {stage}\n"
    )
}

/// A pipeline whose stream `a` has `stream` added.
fn with_stream(stream: &str) -> String {
    format!(
        "shared_memory:\n- name: a\n  {stream}\n- {{name: b, shape: [4]}}\nkernels:\n- {{name: k, kind: cpu.copy, input: a, output: b}}\n"
    )
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for (path, message) in [
        (
            folder.path().join("missing.yaml"),
            "missing.yaml' does not exist",
        ),
        (folder.path().to_owned(), "is a directory"),
        (
            file("bytes.yaml", b"shared_memory:\n  - \xff"),
            "is not UTF-8: line 2",
        ),
        (
            file("large.yaml", &vec![b'#'; (16 << 20) + 1]),
            "is larger than the limit of 16777216 bytes",
        ),
    ] {
        let report = config::load(&path).unwrap_err();
        let [diagnostic] = report.diagnostics() else {
            panic!("{report}")
        };
        assert!(diagnostic.message.contains(message), "{report}");
        assert!(
            report.json()[0]["file"]
                .as_str()
                .unwrap()
                .contains(folder.path().to_str().unwrap())
        );
    }
}

#[test]
fn yaml() {
    check("", &["the configuration is empty | shared_memory"]);
    check(
        "⟦[⟧]",
        &["the pipeline must be a mapping of keys to values, but it is a list"],
    );
    check(
        "⟦just words⟧",
        &["the pipeline must be a mapping of keys to values, but it is the text 'just words'"],
    );
    check(
        "shared_memory: []\n⟦shared_memory⟧: []",
        &["the key 'shared_memory' is given twice"],
    );
    for text in [
        "a: [",
        "a: b: c",
        "\t- x",
        "a: *nowhere",
        "a: &x [*x]",
        "{",
        "a: 'b",
        "%YAML 9",
        "? [a]\n: b",
        "~: b",
        "--- a\n--- b",
        "a: !!binary x",
    ] {
        let report = refused(text);
        assert!(report.diagnostics()[0].span.is_some(), "{text:?}: {report}");
    }
    check("a: !own ⟦x⟧", &["not valid YAML"]);
}

#[test]
fn yaml_bombs() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    let nested = "[".repeat(100_000);
    let nested_block = (0..2000)
        .map(|level| " ".repeat(level) + "a:\n")
        .collect::<String>();
    let many = format!("a: [{}1]", "1,".repeat(1_100_000));
    for text in [laughs, nested, nested_block, many] {
        let report = refused(&text);
        assert_eq!(report.diagnostics().len(), 1, "{report}");
        assert!(report.plain().len() < 10_000);
    }
}

#[test]
fn top_level() {
    check(
        "⟦⟦sources⟧⟧: []",
        &[
            "the pipeline lacks the key 'shared_memory'",
            "the pipeline has no kernel, source or sink",
        ],
    );
    check(
        "shared_memory: ⟦[⟧]\nsinks: [{name: s, kind: null.sink, stream: ⟦x⟧}]",
        &[
            "'shared_memory' of the pipeline must be a list of at least one stream",
            "sink 's' names the stream 'x', which is not defined",
        ],
    );
    check(
        &format!("⟦kernel⟧: []\n{}", with_stage("")),
        &["the pipeline has the unknown key 'kernel' | did you mean 'kernels'?"],
    );
    check(
        &format!("namespace: ⟦a/b⟧\n{}", with_stage("")),
        &["'namespace' must not contain a slash"],
    );
    check(
        &format!("namespace: ⟦3⟧\n{}", with_stage("")),
        &["'namespace' of the pipeline must be a text, but it is the integer 3 | quotes"],
    );
    check(
        &format!("lanes: ⟦fuse⟧\n{}", with_stage("")),
        &[
            "'lanes' of the pipeline must be one of the known words, but it is the text 'fuse' | did you mean 'fused'?",
        ],
    );
    check(
        &format!("kernel_path: ⟦here⟧\n{}", with_stage("")),
        &["'kernel_path' of the pipeline must be a list"],
    );
}

#[test]
fn streams() {
    check(
        &with_stream("⟦shpae⟧: [4]").replace("name: a", "⟦name⟧: a"),
        &[
            "stream 'a' lacks the key 'shape'",
            "stream 'a' has the unknown key 'shpae' | did you mean 'shape'?",
        ],
    );
    check(
        &with_stream("⟦shape⟧:"),
        &["'shape' of stream 'a' has no value"],
    );
    check(
        &with_stream("shape: ⟦4⟧"),
        &["'shape' of stream 'a' must be a list of integers, but it is the integer 4"],
    );
    check(
        &with_stream("shape: ⟦[⟧]"),
        &["must have from 1 to 32 dimensions, but it has 0"],
    );
    check(
        &with_stream("shape: [⟦4.9⟧]"),
        &[
            "an extent in 'shape' of stream 'a' must be an integer of at least 1, but it is the number 4.9",
        ],
    );
    check(
        &with_stream("shape: [⟦0⟧, ⟦-3⟧]"),
        &["but it is the integer 0", "but it is the integer -3"],
    );
    check(&with_stream("shape: [⟦x⟧]"), &["but it is the text 'x'"]);
    check(
        &with_stream("shape: [⟦010⟧]"),
        &["but it is the text '010'"],
    );
    check(
        &with_stream("shape: [⟦100000000000⟧, 1000]"),
        &["an integer of at most 4294967295"],
    );
    check(
        &with_stream("shape: ⟦[⟧4000000000, 4000000000, 4000000000]"),
        &["has more bytes than can be counted"],
    );
    check(
        &with_stream("shape: ⟦[⟧4000000000, 400000]"),
        &["stream 'a' needs 34.1 PiB for 3 slots of float64 [4000000000, 400000]"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦flaot32⟧"),
        &["must be a dtype of NumPy, but it is 'flaot32' | did you mean 'float32'?"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦f32⟧"),
        &["but it is 'f32' | did you mean 'float32'?"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦u8⟧"),
        &["but it is 'u8' | write uint8 or uint64"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦'>f4'⟧"),
        &["but it is '>f4' | little endian"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦32⟧"),
        &["'dtype' of stream 'a' must be a text, but it is the integer 32"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦object⟧"),
        &["but it is 'object' | the dtypes are float32"],
    );
    check(
        &with_stream("shape: [4]\n  storage: ⟦disk⟧"),
        &["'storage' of stream 'a' must be one of the known words | the choices are cpu, gpu"],
    );
    check(
        &with_stream("shape: [4]\n  storage: ⟦gpu⟧"),
        &["stream 'a' has gpu storage and lacks 'gpu_device'"],
    );
    check(
        &with_stream("shape: [4]\n  gpu_device: ⟦cuda:0⟧"),
        &["stream 'a' has cpu storage and cannot have a 'gpu_device'"],
    );
    check(
        &with_stream("shape: [4]\n  notify: ⟦maybe⟧"),
        &["'notify' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]\n  mode: ⟦atach⟧"),
        &[
            "'mode' of stream 'a' must be one of the known words, but it is the text 'atach' | 'attach'",
        ],
    );
    check(
        &with_stream("shape: [4]\n  slots: ⟦1⟧"),
        &["'slots' of stream 'a' must be an integer from 3 to 4096"],
    );
    check(
        &with_stream("shape: [4]\n  mirror: ⟦edge⟧"),
        &["'mirror' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]\n  cpu_mirror: ⟦1⟧"),
        &["'cpu_mirror' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]")
            .replace("name: b", "name: ⟦a⟧")
            .replace("output: b", "output: ⟦b⟧"),
        &[
            "the name 'a' of a stream is already that of the stream in line 2",
            "names the stream 'b', which is not defined",
        ],
    );
    check(
        &with_stream("shape: [4]")
            .replace("name: a", "name: ⟦''⟧")
            .replace("input: a", "input: ⟦a⟧"),
        &[
            "'name' of stream 1 must not be empty",
            "names the stream 'a', which is not defined",
        ],
    );
    check(
        &format!(
            "namespace: lab\n{}",
            with_stream("shape: [4]")
                .replace("- name: a", &format!("- name: ⟦{}⟧", "a".repeat(252)))
                .replace("input: a", &format!("input: {}", "a".repeat(252)))
        ),
        &["may have 255 bytes with its namespace, but this one has 256"],
    );
}

#[test]
fn initial_values() {
    let stream = |dtype: &str, shape: &str, initial: &str| {
        with_stream(&format!(
            "dtype: {dtype}\n  shape: {shape}\n  initial: {initial}"
        ))
    };
    check(
        &stream("float32", "[2]", "⟦zeros⟧"),
        &["must be a mapping with a 'pattern'"],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧value: 1}"),
        &["'initial' of stream 'a' lacks the key 'pattern'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: ⟦constnat⟧, value: 1}"),
        &["must be | did you mean 'constant'?"],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧pattern: constant}"),
        &["lacks the key 'value'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: 1, ⟦seed⟧: 1}"),
        &["has the unknown key 'seed'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦x⟧}"),
        &["must be a finite number, but it is the text 'x'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦.inf⟧}"),
        &["must be a finite number"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦1e39⟧}"),
        &["at most 3402823"],
    );
    check(
        &stream("uint8", "[2]", "{pattern: constant, value: ⟦256⟧}"),
        &["an integer from 0 to 255 for uint8, but it is the integer 256"],
    );
    check(
        &stream("int8", "[2]", "{pattern: constant, value: ⟦1.5⟧}"),
        &["an integer from -128 to 127 for int8"],
    );
    check(
        &stream("int8", "[2]", "⟦{⟧pattern: normal}"),
        &["is normally distributed, but the stream holds int8"],
    );
    check(
        &stream("float32", "[2]", "{pattern: normal, seed: ⟦-1⟧, std: ⟦-2⟧}"),
        &[
            "an integer of at least 0",
            "'std' of 'initial' of stream 'a' must be at least 0",
        ],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧pattern: identity}"),
        &["needs two dimensions, but the shape is [2]"],
    );
    check(
        &stream(
            "float32",
            "[2, 2]",
            "{pattern: values, values: [[1, 2], ⟦[⟧3]]}",
        ),
        &[
            "must be a list of 2 along axis 1, but it is a list of 1 | the shape of the stream is [2, 2]",
        ],
    );
    check(
        &stream(
            "float32",
            "[2, 2]",
            "{pattern: values, values: [[1, 2], ⟦3⟧]}",
        ),
        &["must be a list of 2 along axis 1, but it is the integer 3"],
    );
    check(
        &stream("float32", "[2]", "{pattern: values, values: [1, ⟦[⟧2]]}"),
        &["must be a finite number, but it is a list"],
    );
}

#[test]
fn stages() {
    check(
        &with_stage("⟦paramters⟧: {}"),
        &["kernel 'k' has the unknown key 'paramters' | did you mean 'parameters'?"],
    );
    check(
        &with_stage("parameters: ⟦3⟧"),
        &[
            "'parameters' of kernel 'k' must be a mapping of names to values, but it is the integer 3",
        ],
    );
    check(
        &with_stage("parameters: {x: ⟦.nan⟧}"),
        &["parameter 'x' must be a finite number"],
    );
    check(
        &with_stage("inputs: ⟦[⟧a]"),
        &["kernel 'k' must use either 'input' or 'inputs', not both"],
    );
    check(
        &with_stage("outputs: ⟦[⟧b]"),
        &["kernel 'k' must use either 'output' or 'outputs', not both"],
    );
    check(
        &with_stage("").replace("input: a", "inputs: ⟦[⟧]"),
        &["'inputs' of kernel 'k' must be a list of at least one stream"],
    );
    check(
        &with_stage("").replace("input: a", "inputs: [a, ⟦a⟧]"),
        &["kernel 'k' names the stream 'a' twice in 'inputs'"],
    );
    check(
        &with_stage("").replace("input: a", "input: ⟦aa⟧"),
        &["names the stream 'aa', which is not defined | did you mean 'a'?"],
    );
    check(
        &with_stage("").replace("input: a", "input: ⟦[⟧a]"),
        &["'input' of kernel 'k' must be a text, but it is a list"],
    );
    check(
        &with_stage("")
            .replace("  input: a\n", "")
            .replace("- name: k", "- ⟦name⟧: k"),
        &["kernel 'k' lacks the key 'input' | 'inputs: […]'"],
    );
    check(
        &with_stage("")
            .replace("  kind: cpu.copy\n", "")
            .replace("- name: k", "- ⟦name⟧: k"),
        &["kernel 'k' lacks the key 'kind' | 'module: FILE.wasm'"],
    );
    check(
        &with_stage("").replace("output: b", "output: ⟦a⟧"),
        &["kernel 'k' cannot use the stream 'a' both as a trigger input and as an output"],
    );
    check(
        &with_stage("auxiliary: [c, ⟦c⟧]"),
        &["names the stream 'c' twice in 'auxiliary'"],
    );
    check(
        &with_stage("auxiliary: {x: c, y: ⟦c⟧}"),
        &["names the stream 'c' twice in 'auxiliary'"],
    );
    check(
        &with_stage("auxiliary: [⟦a⟧]"),
        &["cannot use the stream 'a' both as a trigger input and as an auxiliary input"],
    );
    check(
        &with_stage("auxiliary: {g: b}").replace("output: b", "output: ⟦b⟧"),
        &["cannot use the stream 'b' both as an auxiliary input and as an output"],
    );
    check(
        &with_stage("auxiliary: ⟦c⟧"),
        &["must be a list of streams, or a mapping of aliases to streams, but it is the text 'c'"],
    );
    check(
        &with_stage("operation: ⟦''⟧"),
        &["'operation' of kernel 'k' must not be empty"],
    );
    check(
        &with_stage("read_timeout: ⟦0⟧"),
        &["must be a number of seconds above zero, but it is the integer 0"],
    );
    check(
        &with_stage("read_timeout: ⟦soon⟧"),
        &["'read_timeout' of kernel 'k' must be a duration, but it is the text 'soon' | 500us"],
    );
    check(
        &with_stage("poll_interval: ⟦-.inf⟧"),
        &["must be a number of seconds above zero"],
    );
    check(
        &with_stage("trigger_policy: ⟦any⟧"),
        &["'trigger_policy' of kernel 'k' must be one of the known words"],
    );
    check(
        &with_stage("delivery: ⟦all⟧"),
        &["must be | the choices are latest, every"],
    );
    check(
        &with_stage("limits: {memory: ⟦64⟧, deadline: ⟦2⟧, log_rate: ⟦10⟧}"),
        &[
            "'memory' of 'limits' of kernel 'k' must be a size in bytes, but it is the integer 64 | 64KiB",
            "must be a duration | 2ms",
            "must be a rate | 10/s",
        ],
    );
    check(
        &with_stage("limits: {memory: ⟦64MB⟧, ⟦deadlin⟧: 2ms}"),
        &[
            "must be | did you mean 64MiB?",
            "unknown key 'deadlin' | did you mean 'deadline'?",
        ],
    );
    check(
        &with_stage("limits: {memory: ⟦8GiB⟧}"),
        &["must be at most 4GiB"],
    );
    check(
        &with_stage("on_fault: ⟦retry⟧"),
        &["'on_fault' of kernel 'k' must be one of the known words"],
    );
    check(
        &with_stage("on_fault: ⟦{⟧max_restarts: 3}"),
        &["'on_fault' of kernel 'k' lacks the key 'action'"],
    );
    check(
        &with_stage("on_fault: {action: stop, max_restarts: ⟦-1⟧}"),
        &["must be an integer from 0 to 4294967295"],
    );
    check(
        &with_stage("sha256: ⟦abc⟧"),
        &["'sha256' of kernel 'k' must be a SHA-256 digest | 64 hexadecimal digits"],
    );
    check(
        &with_stage("instances: ⟦0⟧"),
        &["must be an integer from 1 to 1024"],
    );
    check(
        &with_stage("synchronization: {⟦mod⟧: count}"),
        &["unknown key 'mod' | did you mean 'mode'?"],
    );
    check(
        &with_stage("synchronization: {max_wait_s: 1, timeout: ⟦1⟧}"),
        &["has both 'max_wait_s' and 'timeout'"],
    );
}

#[test]
fn endpoints() {
    let with = |endpoint: &str| with_stage("") + endpoint;
    check(
        &with("sources: [{name: s, kind: ⟦synthetic.aray⟧, stream: a}]"),
        &["source 's' has the unknown kind 'synthetic.aray' | did you mean 'synthetic.array'?"],
    );
    check(
        &with("sources: [{name: s, kind: file.npy, stream: ⟦x⟧}]"),
        &["source 's' names the stream 'x', which is not defined"],
    );
    check(
        &with("sources: [{name: s, kind: file.npy, stream: ⟦b⟧}]"),
        &["the stream 'b' has two producers, kernel 'k' and source 's'"],
    );
    check(
        &with("sources: [{name: ⟦k⟧, kind: file.npy, stream: a}]"),
        &["the name 'k' of a source is already that of the kernel in line 6"],
    );
    check(
        &with("sinks: [{name: s, kind: ⟦file.png⟧, stream: b}]"),
        &["sink 's' has the unknown kind 'file.png' | did you mean 'file.npy'?"],
    );
    check(
        &with("sinks: [⟦{⟧kind: null.sink, stream: b}]"),
        &["sink 1 lacks the key 'name'"],
    );
    check(
        &with("sinks: ⟦{⟧name: s}"),
        &["'sinks' of the pipeline must be a list, but it is a mapping"],
    );
    check(
        &with("sinks: [⟦none⟧]"),
        &["sink 1 must be a mapping of keys to values"],
    );
}

#[test]
fn graphs() {
    let pipeline = |kernels: &[(&str, &str, &str)]| {
        let stages: Vec<String> = kernels
            .iter()
            .map(|(name, input, output)| {
                format!("- {{name: {name}, kind: cpu.copy, input: {input}, output: {output}}}\n")
            })
            .collect();
        let streams: String = ["v", "w", "x", "y", "z"]
            .map(|name| format!("- {{name: {name}, shape: [1]}}\n"))
            .concat();
        format!("shared_memory:\n{streams}kernels:\n{}", stages.concat())
    };
    check(
        &pipeline(&[("p", "v", "w"), ("q", "x", "⟦w⟧")]),
        &["the stream 'w' has two producers, kernel 'p' and kernel 'q'"],
    );
    check(
        &pipeline(&[("p", "⟦x⟧", "w"), ("q", "w", "x")]),
        &["the kernels trigger each other in a cycle: p → q → p | 'auxiliary'"],
    );
    check(
        &pipeline(&[
            ("before", "v", "w"),
            ("p", "⟦z⟧", "x"),
            ("q", "x", "y"),
            ("r", "y", "z"),
        ]),
        &["in a cycle: p → q → r → p"],
    );
    // What follows a cycle is in none; two cycles are two.
    check(
        &pipeline(&[
            ("p", "⟦w⟧", "v"),
            ("q", "v", "w"),
            ("after", "w", "x"),
            ("r", "⟦z⟧", "y"),
            ("s", "y", "z"),
        ]),
        &["p → q → p", "r → s → r"],
    );
}

#[test]
fn what_this_version_does_not_do() {
    check(
        &with_stage("on_fault: ⟦restart⟧"),
        &["'on_fault: restart' is not supported by this version | use 'on_fault: stop'"],
    );
    check(
        &with_stage("on_fault: {action: ⟦hold⟧}"),
        &["'on_fault: hold' is not supported by this version"],
    );
    check(
        &with_stage("isolation: ⟦process⟧"),
        &["'isolation: process' is not supported by this version"],
    );
    check(
        &with_stage("publish: ⟦sealed⟧"),
        &["'publish: sealed' is not supported by this version"],
    );
    check(
        &with_stage("instances: ⟦2⟧"),
        &["'instances' above 1 is not supported by this version"],
    );
    check(
        &with_stage("synchronization: {mode: ⟦matching_frame_id⟧}\n  trigger_policy: all_new"),
        &["'mode: matching_frame_id' is not supported by this version"],
    );
    check(
        &with_stage("propagate_frame_id: ⟦true⟧"),
        &["'propagate_frame_id: true' is not supported by this version"],
    );
    let with = |endpoint: &str| with_stage("") + endpoint;
    check(
        &with("sources: [{name: s, kind: file.npy, streams: [a, ⟦c⟧]}]"),
        &["a source of several streams is not supported"],
    );
    check(
        &with("sources: [{name: s, kind: ⟦synthetic.frame_set⟧, streams: [a, c]}]"),
        &["the kind 'synthetic.frame_set' is not supported"],
    );
    check(
        &with(
            "sources: [{name: s, kind: file.npy, stream: a, auxiliary: [⟦b⟧], read_timeout: ⟦1⟧}]",
        ),
        &[
            "'auxiliary' of a source is",
            "'read_timeout' of a source is",
        ],
    );
    check(
        &with(
            "sinks: [{name: s, kind: null.sink, stream: b, outputs: [⟦c⟧], consume_timeout: ⟦1⟧}]",
        ),
        &["'outputs' of a sink is", "'consume_timeout' of a sink is"],
    );
    check(
        "shared_memory: [{name: a, shape: [1], storage: ⟦gpu⟧, gpu_device: 'cuda:0'}]\nsinks: [{name: s, kind: null.sink, stream: a}]",
        &["'storage: gpu' is not supported by this version"],
    );
}

#[test]
fn all_mistakes_are_reported_together() {
    check(
        "lanes: ⟦both⟧
shared_memory:
  - name: a
    shape: [⟦0⟧]
  - {name: b, shape: [1], dtype: ⟦f33⟧}
kernels:
  - name: k
    kind: cpu.copy
    input: ⟦A⟧
    output: b
    ⟦outptu⟧: b
",
        &[
            "'lanes'",
            "'shape'",
            "'dtype'",
            "the stream 'A'",
            "'outptu'",
        ],
    );
}

#[test]
fn how_a_report_looks() {
    let report = refused(
        "shared_memory:\n  - name: kamera\n    shape: [4.9, 3]\nkernels: []\nsinks:\n  - {name: s, kind: null.sink, stream: camera}\n",
    );
    assert_eq!(
        report.plain(),
        "error: an extent in 'shape' of stream 'kamera' must be an integer of at least 1, but it is the number 4.9
 --> pipeline.yaml:3:13
  |
3 |     shape: [4.9, 3]
  |             ^^^

error: sink 's' names the stream 'camera', which is not defined
 --> pipeline.yaml:6:40
  |
6 |   - {name: s, kind: null.sink, stream: camera}
  |                                        ^^^^^^
  |
  = help: did you mean 'kamera'?"
    );
    assert_eq!(
        report.json()[1].to_string(),
        r#"{"file":"pipeline.yaml","line":6,"column":40,"message":"sink 's' names the stream 'camera', which is not defined","help":"did you mean 'kamera'?"}"#
    );
    assert!(report.coloured().contains("\u{1b}["));
}

/// What a file writes reaches the terminal only as visible characters.
#[test]
fn control_characters_are_escaped() {
    let report = refused("\"\\e[31mred\\u202e\": 1\n");
    assert!(
        report.diagnostics()[0]
            .message
            .contains("\\u{1b}[31mred\\u{202e}"),
        "{report}"
    );
    assert!(!report.plain().contains('\u{1b}'));
}
