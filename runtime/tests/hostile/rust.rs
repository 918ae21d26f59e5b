//! A kernel in Rust that misbehaves as its parameters say: `rust/`, built here as authors build theirs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::case::Case;

/// The attacks in `rust/src/lib.rs`, and what becomes of each.
const ATTACKS: [(&str, &str, &str); 9] = [
    ("panic", "frame trap unreachable", ""),
    ("recursion", "frame trap", ""),
    ("spin", "frame deadline", "deadline: 50ms"),
    ("allocate", "frame memory", "memory: 8MiB"),
    ("write_input", "frame illegal_write 'x'", ""),
    ("fill_input", "frame illegal_write 'x'", ""),
    ("wild_pointer", "frame trap", ""),
    ("null_pointer", "survived", ""),
    ("long_failure", "frame failed ", ""),
];

pub fn cases() -> Vec<Case> {
    let module = module();
    let case = |(attack, expect, limits): (&str, &str, &str)| {
        let mut case = Case::new(&format!("rust-{attack}"), expect, module, "wasm");
        case.limits = limits.to_owned();
        case.parameters = format!("attack: {attack}");
        case
    };
    ATTACKS.into_iter().map(case).collect()
}

/// Beside the built-in kernels, so that what they depend on is not compiled once more.
fn module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let target = target.join("guest");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(root)
            .args(["build", "--quiet", "--locked", "--profile", "guest"])
            .args(["--target", "wasm32-unknown-unknown"])
            .args(["--package", "sandpipe-hostile-kernel", "--target-dir"])
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
        let built = "wasm32-unknown-unknown/guest/sandpipe_hostile_kernel.wasm";
        fs::read(target.join(built)).unwrap()
    })
}
