//! The compilers, and where they keep what they have compiled.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;

const REQUIREMENTS: &str = include_str!("requirements.txt");
const PACKAGE: &str = include_str!("package.json");

/// Puts the compilers before everything else on the command's `PATH`.
pub fn offer(command: &mut Command) {
    let python = support::virtual_environment("languages-venv", REQUIREMENTS);
    let node = support::installed("languages-npm", PACKAGE, |directory| {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("package.json"), PACKAGE).unwrap();
        support::run(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--silent"])
                .current_dir(directory),
        );
    });
    let ours = [python.join("bin"), node.join("node_modules/.bin")];
    let system = env::var_os("PATH").unwrap();
    let path = env::join_paths(ours.into_iter().chain(env::split_paths(&system))).unwrap();
    let cache = |name: &str| -> PathBuf {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("languages-cache")
            .join(name);
        fs::create_dir_all(&directory).unwrap();
        directory
    };
    command
        .env("PATH", path)
        .env("ZIG_GLOBAL_CACHE_DIR", cache("zig"))
        .env("GOCACHE", cache("go"))
        .env("GOTOOLCHAIN", "local")
        .env("CARGO_BUILD_BUILD_DIR", cache("cargo"));
}
