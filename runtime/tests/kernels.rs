//! Every built-in kernel against NumPy: `kernels/expected.py` computes what must come out, the sandbox runs the kernel.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "kernels/bench.rs"]
mod bench;
mod support;

use std::path::Path;
use std::process::Command;

use sandpipe::array::Dtype;
use sandpipe::sandbox::Cause;
use tempfile::TempDir;

use bench::{Bench, Cases};

#[test]
fn every_kernel_computes_what_numpy_computes() {
    let directory = TempDir::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/expected.py");
    support::run(
        Command::new(support::python())
            .arg(script)
            .arg(directory.path()),
    );
    let mut bench = Bench::new();
    bench.compare(&Cases::read(directory.path()));

    // No kernel and no dtype of a kernel is left out; those that fail by purpose and those that are compared with the parent are not
    // NumPy's.
    let elsewhere = [
        "cpu.raise_error",
        "cpu.tip_tilt_controller",
        "cpu.tomographic_controller",
    ];
    for (_, kernel) in bench.registry.kinds() {
        let manifest = &kernel.manifest;
        if elsewhere.contains(&manifest.kind.as_str()) {
            continue;
        }
        let dtypes = manifest.dtypes.clone();
        for dtype in dtypes.unwrap_or_else(|| Dtype::all().collect()) {
            assert!(
                bench.covered.contains(&(manifest.kind.clone(), dtype)),
                "no case of {} for {dtype}",
                manifest.kind
            );
        }
    }
}

#[test]
fn raise_error_fails_with_its_message() {
    let (_, mut solo) = Bench::new()
        .open(
            r#"{
                shared_memory: [
                    {name: in, shape: [3], dtype: float32},
                    {name: out, shape: [3], dtype: float32},
                ],
                kernels: [{
                    name: k,
                    kind: cpu.raise_error,
                    input: in,
                    output: out,
                    parameters: {message: the mirror is parked},
                }],
            }"#,
        )
        .unwrap();
    // It is not dead after that: it fails the same way again.
    for frame in 0..2 {
        let fault = solo.compute(frame).unwrap_err();
        assert!(matches!(fault.cause, Cause::Failed(_)), "{fault:?}");
        assert!(fault.message.contains("the mirror is parked"), "{fault:?}");
    }
}
