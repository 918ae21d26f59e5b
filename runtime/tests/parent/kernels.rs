//! Every kind of the parent's kernels for the CPU: what they compute beside what the built-in kernels compute.
//!
//! `kernels/answer.py` makes up the cases and asks the parent's own classes. Where the parent is wrong the case expects what is
//! right, and MIGRATION.md has a row for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use sandpipe::config;
use sandpipe::kernel::Registry;
use tempfile::TempDir;

use crate::bench::{Bench, Cases};
use crate::{guest, python, support};

/// Kinds of the parent for the CPU, as `shmpipeline kinds` lists them.
const KINDS: [&str; 20] = [
    "cpu.add_constant",
    "cpu.affine_transform",
    "cpu.centroid",
    "cpu.concatenate",
    "cpu.copy",
    "cpu.custom_operation",
    "cpu.elementwise_add",
    "cpu.elementwise_divide",
    "cpu.elementwise_multiply",
    "cpu.elementwise_subtract",
    "cpu.flatten",
    "cpu.leaky_integrator",
    "cpu.raise_error",
    "cpu.reduce",
    "cpu.scale",
    "cpu.scale_offset",
    "cpu.shack_hartmann_centroid",
    "cpu.spot_centroid",
    "cpu.tip_tilt_controller",
    "cpu.tomographic_controller",
];

/// What a script of `kernels/` says to these arguments.
fn answer(script: &str, arguments: &[&str]) -> Cases {
    let directory = TempDir::new().unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parent/kernels");
    let script = scripts.join(script);
    support::run(
        Command::new(python())
            .arg(script)
            .arg(directory.path())
            .args(arguments),
    );
    Cases::read(directory.path())
}

#[test]
fn every_kind_is_there() {
    let script = "from shmpipeline.registry import get_default_registry as r; print(*r().kinds())";
    let listed = support::run(Command::new(python()).args(["-c", script]));
    let listed: Vec<&str> = listed.split_whitespace().collect();
    assert_eq!(listed, KINDS);
    let bench = Bench::new();
    for kind in KINDS {
        assert!(bench.registry.find(kind).is_some(), "{kind}");
    }
}

/// `SANDPIPE_SEED` repeats the cases of a seed.
#[test]
fn every_kind_computes_what_the_parent_computes() {
    let seed = std::env::var("SANDPIPE_SEED").unwrap_or_else(|_| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.subsec_nanos().to_string()
    });
    println!("SANDPIPE_SEED={seed}");
    let cases = answer("answer.py", &["chosen", &seed]);
    let kinds: BTreeSet<&str> = cases
        .cases
        .iter()
        .map(|case| case.pipeline["kernels"][0]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, KINDS.into());
    println!("{} cases", cases.cases.len());
    Bench::new().compare(&cases);
}

/// The rows of the table in MIGRATION.md are those that are shown, and what they say of both is so.
#[test]
fn every_difference_is_in_the_table() {
    let cases = answer("answer.py", &["differences"]);
    let guide = include_str!("../../../MIGRATION.md");
    let (_, table) = guide
        .split_once("## Kernels: where results differ")
        .unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows: BTreeSet<&str> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line[2..].split(" | ").next().unwrap())
        .collect();
    let shown: BTreeSet<&str> = cases
        .cases
        .iter()
        .map(|case| case.row.as_deref().unwrap())
        .collect();
    assert_eq!(rows, shown);
    Bench::new().compare(&cases);
}

/// Several trigger inputs and several outputs, as the parent documents them for kernels of one's own.
#[test]
fn a_kernel_of_several_outputs_is_told_and_computes_the_same() {
    let directory = TempDir::new().unwrap();
    let module = directory.path().join("statistics.wasm");
    std::fs::write(&module, guest::module("sandpipe-several-kernel")).unwrap();
    let library = serde_json::json!({
        "kernel_path": [module],
        "shared_memory": [{"name": "a", "shape": [1], "dtype": "float32"}],
        "sinks": [{"name": "s", "kind": "null.sink", "stream": "a"}],
    });
    let library = config::parse(Path::new("library.yaml"), library.to_string()).unwrap();
    let cases = answer("several.py", &[]);
    Bench::of(Registry::new(&library).unwrap()).compare(&cases);
}
