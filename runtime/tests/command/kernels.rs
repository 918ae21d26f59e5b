//! `sandpipe kernel`: list, inspect, run.

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;

use super::harness::{Workbench, text};

fn write(bench: &Workbench, name: &str, shape: &[u32], values: &[f32]) {
    let array = ArrayType {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
    };
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy::write(&bench.path(name), &array, &bytes).unwrap();
}

fn read(bench: &Workbench, name: &str) -> (Vec<u32>, Vec<f32>) {
    let (array, bytes) = npy::read(&bench.path(name)).unwrap();
    assert_eq!(array.dtype, Dtype::F32);
    (
        array.shape,
        bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect(),
    )
}

#[test]
fn a_kernel_runs_on_files() {
    let bench = Workbench::new("kernel-run");
    write(&bench, "in.npy", &[2, 2], &[1., 2., 3., 4.]);
    write(&bench, "dark.npy", &[2, 2], &[0.5, 0.5, 1., 1.]);
    let operation = [
        "kernel",
        "run",
        "cpu.custom_operation",
        "--operation",
        "(input - dark) * 2",
    ];
    let files = [
        "--input",
        "in.npy",
        "--auxiliary",
        "dark=dark.npy",
        "--output",
        "out.npy",
    ];
    let output = bench.run(&[&operation[..], &files].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(read(&bench, "out.npy"), (vec![2, 2], vec![1., 3., 4., 6.]));
}

/// A module that says what it is and nothing else.
fn named(kind: &str) -> String {
    format!(r#"(module (@custom "sandpipe:manifest" "{{\"abi\":\"0.1\",\"kind\":\"{kind}\"}}"))"#)
}

/// A pipeline whose kernels are found in a directory and in a file.
const PATHS: &str = "kernel_path: [kinds, alone.wat]
shared_memory: [{name: x, shape: [4], dtype: float32}, {name: y, shape: [4], dtype: float32}]
kernels: [{name: k, kind: my.alone, input: x, output: y}]
";

#[test]
fn the_list_shows_where_each_kind_comes_from() {
    let bench = Workbench::new("kernel-list-from");
    std::fs::create_dir(bench.path("kinds")).unwrap();
    bench.file("kinds/first.wat", named("my.first"));
    bench.file("kinds/second.wat", named("my.second"));
    bench.file("alone.wat", named("my.alone"));
    bench.file("pipeline.yaml", PATHS);
    let list = ["kernel", "list", "--pipeline", "pipeline.yaml"];
    let output = bench.run(&list);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let json = bench.run(&[&list[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    for (kind, from) in [
        ("cpu.scale", "built in"),
        ("my.first", "kinds/first.wat'"),
        ("my.second", "kinds/second.wat'"),
        ("my.alone", "alone.wat'"),
    ] {
        let line = shown
            .lines()
            .find(|line| line.starts_with(&format!("{kind} ")));
        assert!(
            line.is_some_and(|line| line.contains(from)),
            "{kind}: {shown}"
        );
        let mut kinds = json["kinds"].as_array().unwrap().iter();
        let object = kinds.find(|object| object["kind"] == kind).unwrap();
        assert!(
            object["origin"].as_str().unwrap().ends_with(from),
            "{object}"
        );
    }
}

#[test]
fn two_modules_of_one_kind_are_an_error_that_names_both() {
    let bench = Workbench::new("kernel-list-twice");
    std::fs::create_dir(bench.path("kinds")).unwrap();
    bench.file("kinds/first.wat", named("my.alone"));
    bench.file("alone.wat", named("my.alone"));
    bench.file("pipeline.yaml", PATHS);
    for command in [
        &["kernel", "list", "--pipeline", "pipeline.yaml"][..],
        &["validate", "pipeline.yaml"],
    ] {
        let output = bench.run(command);
        assert_eq!(output.status.code(), Some(2));
        let shown = text(&output.stderr) + &text(&output.stdout);
        for word in [
            "two modules",
            "my.alone",
            "kinds/first.wat'",
            "alone.wat'",
            "pipeline.yaml",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
    }
    // Nor may a module take the kind of a built-in one.
    bench.file("kinds/first.wat", named("cpu.scale"));
    let output = bench.run(&["validate", "pipeline.yaml"]);
    let shown = text(&output.stderr) + &text(&output.stdout);
    assert!(
        shown.contains("kinds/first.wat'") && shown.contains("built in"),
        "{shown}"
    );
}

#[test]
fn repeating_a_kernel_goes_on_with_its_state_and_prints_the_time() {
    let bench = Workbench::new("kernel-repeat");
    write(&bench, "in.npy", &[2], &[1., 2.]);
    let output = bench.run(&[
        "kernel",
        "run",
        "cpu.leaky_integrator",
        "--param",
        "leak=1",
        "--param",
        "gain=0.5",
        "--input",
        "in.npy",
        "--output",
        "out.npy",
        "--repeat",
        "10",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).starts_with("10 calls: p50 "),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(read(&bench, "out.npy"), (vec![2], vec![5., 10.]));
}

#[test]
fn shape_and_dtype_of_the_output_can_be_given() {
    let bench = Workbench::new("kernel-shape");
    write(&bench, "in.npy", &[2, 3], &[1., 2., 3., 4., 5., 6.5]);
    let output = bench.run(&[
        "kernel",
        "run",
        "cpu.flatten",
        "--input",
        "in.npy",
        "--output",
        "flat.npy",
        "--shape",
        "6",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(read(&bench, "flat.npy").0, [6]);
    let output = bench.run(&[
        "kernel",
        "run",
        "cpu.convert",
        "--input",
        "in.npy",
        "--output",
        "u8.npy",
        "--dtype",
        "uint8",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        npy::read(&bench.path("u8.npy")).unwrap().1,
        [1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let bench = Workbench::new("kernel-wrong");
    write(&bench, "in.npy", &[2], &[1., 2.]);
    bench.file("broken.npy", b"\x93NUMPY nonsense");
    bench.file("broken.wasm", b"\0asm nonsense");
    let files = ["--input", "in.npy", "--output", "out.npy"];
    for (arguments, fragment) in [
        (
            vec!["cpu.scal", "--param", "factor=2"],
            "did you mean 'cpu.scale'",
        ),
        (vec!["cpu.scale"], "factor"),
        (vec!["cpu.scale", "--param", "factr=2"], "factr"),
        (vec!["cpu.scale", "--param", "factor=high"], "factor"),
        (
            vec!["cpu.scale", "--param", "factor=2", "--input", "in.npy"],
            "expects 1 trigger inputs, got 2",
        ),
        (
            vec!["cpu.scale", "--param", "factor=2", "--shape", "3"],
            "[3]",
        ),
        (
            vec!["cpu.scale", "--param", "factor=2", "--dtype", "float99"],
            "float99",
        ),
        (
            vec!["cpu.copy", "--auxiliary", "a=broken.npy"],
            "broken.npy",
        ),
        (
            vec!["cpu.copy", "--auxiliary", "a=missing.npy"],
            "missing.npy",
        ),
        (
            vec!["cpu.scale", "--param", "factor=2", "--param", "factor=3"],
            "twice",
        ),
        (
            vec!["cpu.scale", "--param", "factor=2", "--dtype", "complex64"],
            "complex64",
        ),
        (vec!["cpu.copy", "--output", "missing/out.npy"], "missing"),
        (vec!["./broken.wasm"], "broken.wasm"),
        (vec!["./missing.wasm"], "missing.wasm"),
    ] {
        let arguments = [&["kernel", "run"][..], &arguments, &files].concat();
        let output = bench.run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(fragment),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            !bench.path("out.npy").exists(),
            "{arguments:?} wrote its output"
        );
    }
}

#[test]
fn inspect_says_what_a_module_is_and_may_do() {
    let bench = Workbench::new("inspect");
    bench.kernel("mine", &[]);
    for kernel in ["cpu.scale", "./mine.wat"] {
        let output = bench.run(&["kernel", "inspect", kernel]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for fragment in [
            "kernel-mapped",
            "sha256",
            "read its inputs and write its outputs",
            "may not",
        ] {
            assert!(
                text(&output.stdout).contains(fragment),
                "{fragment}: {}",
                text(&output.stdout)
            );
        }
        let output = bench.run(&["kernel", "inspect", kernel, "--format", "json"]);
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["world"], "kernel-mapped");
        assert_eq!(object["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(
            object["imports"].as_array().unwrap().len(),
            0,
            "a kernel without imports"
        );
    }
}

#[test]
fn list_has_every_kind_and_its_parameters() {
    let bench = Workbench::new("list");
    let output = bench.run(&["kernel", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: Vec<&str> = list["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "copy",
        "scale",
        "add_constant",
        "scale_offset",
        "elementwise_add",
        "elementwise_subtract",
        "elementwise_multiply",
        "elementwise_divide",
        "flatten",
        "concatenate",
        "reduce",
        "affine_transform",
        "leaky_integrator",
        "shack_hartmann_centroid",
        "centroid",
        "spot_centroid",
        "tip_tilt_controller",
        "tomographic_controller",
        "custom_operation",
        "raise_error",
        "convert",
        "moving_spot",
        "statistics",
    ] {
        assert!(
            kinds.contains(&format!("cpu.{kind}").as_str()),
            "{kind} is missing"
        );
    }
}
