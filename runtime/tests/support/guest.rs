//! Kernels in Rust that are packages of the workspace, built as authors build theirs.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The module of a package, built beside the built-in kernels, so that what they depend on is not compiled once more.
pub fn module(package: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let target = target.join("guest");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--locked", "--profile", "guest"])
        .args(["--target", "wasm32-unknown-unknown"])
        .args(["--package", package, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "-C target-feature=+simd128");
    for outer in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(outer);
    }
    let output = cargo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let file = format!("{}.wasm", package.replace('-', "_"));
    fs::read(target.join("wasm32-unknown-unknown/guest").join(file)).unwrap()
}
