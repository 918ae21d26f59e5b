//! Bad input: a sentence with its place, exit code 2, nothing created.

use super::harness::{Workbench, text};

const GOOD: &str = "
shared_memory:
  - {name: x, shape: [4], dtype: float32}
  - {name: y, shape: [4], dtype: float32}
kernels:
  - {name: k, kind: cpu.scale, input: x, output: y, parameters: {factor: 2}}
";

/// `run` and `validate` must refuse `pipeline.yaml` with all fragments, and leave nothing.
fn refused(bench: &Workbench, fragments: &[&str]) {
    for command in [
        &["run", "pipeline.yaml", "--frames", "1"][..],
        &["validate", "pipeline.yaml"],
    ] {
        let output = bench.run(command);
        let said = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{command:?}: {said}{}",
            text(&output.stdout)
        );
        for fragment in fragments {
            assert!(
                said.contains(fragment),
                "{command:?}: {fragment:?} is missing in:\n{said}"
            );
        }
        assert!(!said.contains("panicked"), "{said}");
        assert!(bench.streams().is_empty(), "{command:?} left streams");
    }
}

/// The good pipeline with one text replaced.
fn case(name: &str, from: &str, to: &str, fragments: &[&str]) {
    let bench = Workbench::new(name);
    let yaml = GOOD.replacen(from, to, 1);
    assert!(yaml != GOOD, "{from:?} does not occur");
    bench.pipeline(&yaml);
    refused(&bench, fragments);
}

#[test]
fn files_that_are_no_pipelines() {
    let bench = Workbench::new("no-file");
    refused(&bench, &["pipeline.yaml"]);
    bench.file("pipeline.yaml", b"a: [1, 2");
    refused(&bench, &["pipeline.yaml:"]);
    bench.file("pipeline.yaml", b"name: \xff\xfe");
    refused(&bench, &["UTF-8"]);
    bench.file("pipeline.yaml", b"");
    refused(&bench, &["empty"]);
}

#[test]
fn mistakes_in_the_graph_are_told_with_their_place() {
    case(
        "unknown-key",
        "output: y",
        "outptu: y",
        &["pipeline.yaml:7:", "outptu", "did you mean 'output'?"],
    );
    case(
        "duplicate-key",
        "input: x,",
        "input: x, input: y,",
        &["pipeline.yaml:7:", "input"],
    );
    case(
        "wrong-type",
        "shape: [4]",
        "shape: four",
        &["pipeline.yaml:4:", "shape"],
    );
    case(
        "undefined",
        "input: x",
        "input: z",
        &["pipeline.yaml:7:", "'z'"],
    );
    case(
        "unknown-kind",
        "cpu.scale",
        "cpu.scael",
        &["pipeline.yaml:7:", "cpu.scael", "did you mean 'cpu.scale'?"],
    );
    case(
        "gpu",
        "name: x, shape",
        "name: x, storage: gpu, gpu_device: 'cuda:0', shape",
        &["kernel 'k' of kind 'cpu.scale' requires cpu shared memory for 'x'"],
    );
    case(
        "dtype",
        "name: x, shape: [4], dtype: float32",
        "name: x, shape: [4], dtype: complex64",
        &["complex64"],
    );
    case("missing-parameter", "factor: 2", "", &["factor"]);
    case(
        "misspelt-parameter",
        "factor: 2",
        "facter: 2",
        &["pipeline.yaml:7:", "facter", "did you mean 'factor'?"],
    );
    case(
        "schema",
        "factor: 2",
        "factor: high",
        &["pipeline.yaml:7:", "factor"],
    );
    case("arity", "output: y", "output: y, auxiliary: [x]", &["'x'"]);
    case(
        "overflow",
        "shape: [4]",
        "shape: [4000000000, 4000000000, 4000000000]",
        &["pipeline.yaml:4:"],
    );
    case(
        "too-large",
        "shape: [4]",
        "shape: [1000000, 1000000]",
        &["pipeline.yaml:4:"],
    );
    case(
        "slots",
        "name: x, shape",
        "name: x, slots: 3, shape",
        &["pipeline.yaml:4:", "slots"],
    );
    case(
        "shapes-differ",
        "name: y, shape: [4]",
        "name: y, shape: [5]",
        &["pipeline.yaml:7:", "[5]"],
    );
}

#[test]
fn two_producers_and_a_cycle() {
    let bench = Workbench::new("producers");
    bench.pipeline(&format!(
        "{GOOD}  - {{name: again, kind: cpu.copy, input: x, output: y}}\n"
    ));
    refused(&bench, &["pipeline.yaml:8:", "'y'", "k"]);
    bench.pipeline(&format!(
        "{GOOD}  - {{name: back, kind: cpu.copy, input: y, output: x}}\n"
    ));
    refused(&bench, &["pipeline.yaml:", "k", "back"]);
}

#[test]
fn a_module_is_refused_for_its_arity_before_any_of_it_runs() {
    let bench = Workbench::new("start");
    // Would trap at once, were it instantiated.
    bench.kernel(
        "bomb",
        &[
            ("imports", ""),
            ("validate", "unreachable"),
            ("init", "unreachable"),
        ],
    );
    let path = bench.path("bomb.wat");
    let module = std::fs::read_to_string(&path).unwrap();
    let end = module.rfind(')').unwrap();
    bench.file(
        "bomb.wat",
        format!(
            "{}(func $start unreachable) (start $start))",
            &module[..end]
        ),
    );
    let yaml = |auxiliary: &str| {
        GOOD.replace("kind: cpu.scale", "module: bomb.wat")
            .replace(", parameters: {factor: 2}", auxiliary)
            .replace(
                "kernels:",
                "  - {name: z, shape: [4], dtype: float32}\nkernels:",
            )
    };
    bench.pipeline(&yaml(", auxiliary: [z]"));
    refused(
        &bench,
        &["kernel kind 'test.bomb' expects 0 auxiliary streams, got 1"],
    );
    // With the right arity it is instantiated, and then it traps.
    bench.pipeline(&yaml(""));
    refused(&bench, &["unreachable"]);
}

#[test]
fn modules_that_are_no_kernels() {
    let bench = Workbench::new("modules");
    let yaml = GOOD
        .replace("kind: cpu.scale", "module: m.wat")
        .replace(", parameters: {factor: 2}", "");
    bench.pipeline(&yaml);
    let manifest = r#"(@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"test.m\"}")"#;
    for (module, fragment) in [
        ("this is not wasm".to_owned(), "m.wat"),
        (
            format!("(module {manifest} (memory (export \"memory\") 1))"),
            "sandpipe:kernel/",
        ),
        ("(module (memory 1))".to_owned(), "manifest"),
        (
            r#"(module (@custom "sandpipe:manifest" "{\"abi\":") (memory 1))"#.to_owned(),
            "damaged manifest",
        ),
    ] {
        bench.file("m.wat", &module);
        refused(&bench, &["pipeline.yaml:7:", fragment]);
    }
    for (import, fragment) in [
        ("(memory 1)", "memories"),
        (r#"(import "env" "system" (func))"#, "env"),
    ] {
        bench.kernel("m", &[("imports", import)]);
        refused(&bench, &["pipeline.yaml:7:", fragment]);
    }
    std::fs::remove_file(bench.path("m.wat")).unwrap();
    refused(&bench, &["pipeline.yaml:7:", "m.wat"]);
}

#[test]
fn recordings_that_do_not_fit() {
    let bench = Workbench::new("npy");
    bench.pipeline(&format!(
        "{GOOD}sources:\n  - {{name: camera, kind: file.npy, stream: x, parameters: {{path: frames.npy}}}}\n"
    ));
    refused(&bench, &["pipeline.yaml:9:", "frames.npy"]);
    let header = |text: &str| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let text = format!("{text:<117}\n");
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    let with = |data: usize, text: &str| [header(text), vec![0; data]].concat();
    for (bytes, fragment) in [
        (b"nonsense".to_vec(), "frames.npy"),
        (
            with(
                40,
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 5), }",
            ),
            "[4]",
        ),
        (
            with(
                32,
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }",
            ),
            "float64",
        ),
        (
            with(
                32,
                "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 4), }",
            ),
            "Fortran",
        ),
        (
            with(
                32,
                "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 4), }",
            ),
            "big endian",
        ),
        (
            with(
                32,
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
            ),
            "torn",
        ),
    ] {
        bench.file("frames.npy", bytes);
        refused(&bench, &["pipeline.yaml:9:", fragment]);
    }
}

#[test]
fn wrong_arguments() {
    let bench = Workbench::new("arguments");
    bench.pipeline(GOOD);
    for (arguments, fragment) in [
        (&["run"][..], "FILE"),
        (&["run", "pipeline.yaml", "--duration", "soon"], "500us"),
        (&["run", "pipeline.yaml", "--frames", "0"], "0"),
        (&["run", "pipeline.yaml", "--source", "x"], "STREAM:PATTERN"),
        (&["run", "pipeline.yaml", "--source", "x:rampp"], "ramp"),
        (&["run", "pipeline.yaml", "--source", "z:ramp"], "'z'"),
        (&["run", "pipeline.yaml", "--source", "y:ramp"], "'y'"),
        (&["rum", "pipeline.yaml"], "run"),
        (
            &["run", "pipeline.yaml", "--report", "missing/r.json"],
            "missing/r.json",
        ),
        (&["run", "pipeline.yaml", "--report", "."], "directory"),
    ] {
        let output = bench.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(fragment), "{arguments:?}: {said}");
    }
    assert!(bench.streams().is_empty());
}

#[test]
fn validate_as_json_lists_every_mistake_of_every_file() {
    let bench = Workbench::new("json");
    let good = bench.pipeline(GOOD);
    bench.file(
        "bad.yaml",
        GOOD.replace("input: x", "input: z")
            .replace("output: y", "output: w"),
    );
    let output = bench.run(&[
        "validate",
        good.to_str().unwrap(),
        "bad.yaml",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["files"][0]["valid"], true);
    let errors = verdict["files"][1]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{verdict}");
    for error in errors {
        assert_eq!(
            (error["file"].as_str(), error["line"].as_u64()),
            (Some("bad.yaml"), Some(6))
        );
        assert!(error["column"].as_u64().unwrap() > 1);
    }
}
