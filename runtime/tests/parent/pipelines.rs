//! The parent's own example pipelines. They lie beside the repository, or where `SANDPIPE_PARENT_PIPELINES` says; where they are
//! absent, the tests say so and do without.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The directory, and how to speak of it.
fn folder() -> PathBuf {
    match std::env::var_os("SANDPIPE_PARENT_PIPELINES") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/parent-pipelines"),
    }
}

/// The pipelines whose name says that they are for a GPU, or the others.
fn pipelines(gpu: bool) -> Vec<PathBuf> {
    let folder = folder();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("shmpipeline's pipelines are not here: {}", folder.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".yaml") && name.starts_with("gpu_") == gpu
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no pipeline in {}", folder.display());
    found
}

fn sandpipe(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sandpipe"))
        .args(arguments)
        .arg(file)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn those_for_the_cpu_run_as_they_are() {
    for file in pipelines(false) {
        let valid = sandpipe(&["validate", "--format", "json"], &file);
        assert!(
            valid.status.success(),
            "{}: {}",
            file.display(),
            json(&valid)
        );
        let description = json(&sandpipe(&["describe", "--format", "json"], &file));
        // What waits for frames of an outside process gets them from a source.
        let streams = description["streams"].as_array().unwrap().iter();
        let fed: Vec<String> = streams
            .filter(|stream| stream["role"] == "external")
            .map(|stream| format!("{}:random", stream["name"].as_str().unwrap()))
            .collect();
        let mut arguments = vec!["run", "--format", "json", "--frames", "20"];
        for source in &fed {
            arguments.extend(["--source", source]);
        }
        let run = sandpipe(&arguments, &file);
        let report = json(&run);
        assert!(run.status.success(), "{}: {report}", file.display());
        for (name, stage) in report["stages"].as_object().unwrap() {
            assert!(
                stage["frames"].as_u64() > Some(0),
                "{}: {name}",
                file.display()
            );
        }
    }
}

#[test]
fn those_for_a_gpu_are_refused_with_the_reason() {
    for file in pipelines(true) {
        let output = sandpipe(&["validate", "--format", "json"], &file);
        assert_eq!(output.status.code(), Some(2), "{}", file.display());
        let verdict = json(&output);
        let errors = verdict["files"][0]["errors"].as_array().unwrap();
        assert!(!errors.is_empty());
        for error in errors {
            let reason = "gpu kinds are no part of sandpipe";
            assert!(
                error["message"].as_str().unwrap().contains(reason),
                "{error}"
            );
            assert!(error["help"].as_str().unwrap().contains("'cpu."), "{error}");
            assert!(error["line"].as_u64() > Some(0));
        }
    }
}
