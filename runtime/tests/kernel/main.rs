//! Kernels against their stages, before anything of a kernel is compiled or runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../support/marks.rs"]
mod marks;

mod built_in;
mod manifests;
mod modules;
mod stages;

use std::path::PathBuf;

use sandpipe::config::{self, Config, Report};
use sandpipe::kernel::{self, Registry, ResolvedStage};
use tempfile::TempDir;

/// A module with a manifest and a start function that traps: it would tell if anything of it ran.
fn module(manifest: &str) -> String {
    let escaped = manifest
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!(
        "(module (func $trap unreachable) (start $trap) (@custom \"sandpipe:manifest\" \"{escaped}\"))"
    )
}

const GAIN: &str = r#"{"abi": "0.1", "kind": "my.gain", "aliases": ["my.old"], "dtypes": ["f32", "f64"], "parameters": {
    "type": "object", "required": ["gain"], "properties": {
        "gain": {"type": "number", "minimum": 0, "description": "The factor."},
        "mode": {"enum": ["fast", "exact", "rough", "plain"]},
        "taps": {"type": "array", "items": {"type": "integer"}}}}}"#;

/// A folder with modules, to which configurations are relative.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("kernels/gain.wat", module(GAIN));
        folder
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn config(&self, text: &str) -> Config {
        let path = self.0.path().join("pipeline.yaml");
        config::parse(&path, text).unwrap_or_else(|report| panic!("{report}"))
    }

    fn resolve(&self, text: &str) -> Result<Vec<ResolvedStage>, Report> {
        let config = self.config(text);
        kernel::check(&config, &Registry::new(&config)?)
    }

    #[track_caller]
    fn refuses(&self, marked: &str, expected: &[&str]) {
        let (text, places) = marks::unmark(marked);
        match self.resolve(&text) {
            Ok(_) => panic!("accepted:\n{text}"),
            Err(report) => marks::check(&report, places, expected),
        }
    }
}

/// Streams a, b, c, d and one stage.
fn with_stage(stage: &str) -> String {
    format!(
        "kernel_path: [kernels]
shared_memory:
- {{name: a, shape: [4], dtype: float32}}
- {{name: b, shape: [4], dtype: float32}}
- {{name: c, shape: [4], dtype: float16}}
- {{name: d, shape: [4], dtype: float32, storage: gpu, gpu_device: 'cuda:0'}}
kernels:
- {{name: k, {stage}}}
- {{name: uses d, kind: my.gain, input: d, output: c, parameters: {{gain: 1}}}}
"
    )
}

/// As [`with_stage`], with the CPU streams alone.
fn with_cpu_stage(stage: &str) -> String {
    let text = with_stage(stage);
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.contains("name: d,") && !line.contains("uses d"));
    lines.collect()
}
