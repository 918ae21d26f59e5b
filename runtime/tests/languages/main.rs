//! Every language with its real compiler: a new project builds, keeps the rules, and computes what it says.
//!
//! The compilers come from PyPI and npm into `target/`, once; what they keep for the next time lies there too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod migration;
#[path = "../support/mod.rs"]
mod support;
mod tools;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;
use tempfile::TempDir;

/// Runs `sandpipe` in a directory, with the compilers on `PATH`.
fn sandpipe(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandpipe"));
    command.args(arguments).current_dir(directory);
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    tools::offer(&mut command);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Makes, builds and checks a kernel, and runs it on a frame.
fn works(language: &str) {
    let folder = TempDir::new().unwrap();
    let home = folder.path();
    sandpipe(home, &["kernel", "new", "--lang", language, "demo"]);
    sandpipe(home, &["kernel", "build", "demo"]);
    sandpipe(home, &["kernel", "check", "demo/demo.wasm"]);

    let array = ArrayType {
        dtype: Dtype::F32,
        shape: vec![3, 5],
    };
    let input: Vec<f32> = (0..15).map(|i| i as f32 - 4.5).collect();
    let bytes: Vec<u8> = input.iter().flat_map(|x| x.to_le_bytes()).collect();
    npy::write(&home.join("in.npy"), &array, &bytes).unwrap();
    let run = [
        "kernel",
        "run",
        "demo/demo.wasm",
        "--input",
        "in.npy",
        "--output",
        "out.npy",
    ];
    sandpipe(
        home,
        &[
            &run[..],
            &["--param", "gain=2.5", "--param", "offset=-1.25e-1"],
        ]
        .concat(),
    );
    let (kind, found) = npy::read(&home.join("out.npy")).unwrap();
    assert_eq!(kind, array);
    // All of it is exact, so every language rounds to the same.
    let expected: Vec<u8> = input
        .iter()
        .flat_map(|x| (2.5 * x - 0.125).to_le_bytes())
        .collect();
    assert_eq!(found, expected);
    let readme = fs::read_to_string(home.join("demo/README.md")).unwrap();
    assert!(readme.contains("demo.wasm"), "{readme}");
}

#[test]
fn rust() {
    works("rust");
}

#[test]
fn c() {
    works("c");
}

#[test]
fn cpp() {
    works("cpp");
}

#[test]
fn zig() {
    works("zig");
}

#[test]
fn assemblyscript() {
    works("assemblyscript");
}

#[test]
fn go() {
    works("go");
}

#[test]
fn wat() {
    works("wat");
}

#[test]
fn python() {
    works("python");
}

#[test]
fn javascript() {
    works("javascript");
}

#[test]
fn typescript() {
    works("typescript");
}

#[test]
fn a_picture_goes_through_ten_languages() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/polyglot");
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("polyglot");
    support::run(Command::new("cp").arg("-r").arg(&source).arg(&home));
    for entry in fs::read_dir(&source).unwrap() {
        let directory = entry.unwrap();
        let name = directory.file_name().into_string().unwrap();
        if directory.path().is_dir() && name != "built_in" {
            sandpipe(&home, &["kernel", "build", &name]);
            let given: &[&str] = match name.as_str() {
                "equalise" => &["--input", "float32:24,31", "--output", "uint8:24,31"],
                _ => &[],
            };
            let module = format!("{name}/{name}.wasm");
            sandpipe(&home, &[&["kernel", "check", &module], given].concat());
        }
    }
    // The second has built-in kinds in place of half of the kernels, and the same frames.
    for (pipeline, print) in [
        ("pipeline.yaml", "print.npy"),
        ("built_in.yaml", "built_in/print.npy"),
    ] {
        let yaml = fs::read_to_string(home.join(pipeline)).unwrap();
        let namespace = format!("namespace: {}_", support::stream_name("tongues"));
        let yaml = yaml.replacen("namespace: ", &namespace, 1);
        fs::write(home.join(pipeline), yaml).unwrap();
        let described = sandpipe(&home, &["describe", pipeline]).stdout;
        let described = String::from_utf8(described).unwrap();
        let composed = "interruption: revoked page; epoch checks for 'vignette', 'dither'\n";
        assert_eq!(
            described.contains(composed),
            pipeline == "pipeline.yaml",
            "{described}"
        );
        sandpipe(&home, &["run", pipeline, "--frames", "10"]);
        let mut verify = Command::new(support::python());
        support::run(verify.arg(home.join("verify.py")).arg(home.join(print)));
    }
}
