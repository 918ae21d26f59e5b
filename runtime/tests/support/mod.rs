//! Shared by the integration tests: `mod support;`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic, and not every test uses everything"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python packages that the tests compare with, pinned.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A Python interpreter that has the packages of `requirements.txt`.
///
/// The virtual environment is made under `target/` by the first test that asks; others, in this process or another, wait
/// for it. Changing `requirements.txt` makes it anew.
pub fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(home.join("python-venv.lock")).unwrap();
    lock.lock().unwrap();
    let environment = home.join("python-venv");
    let interpreter = environment.join("bin/python");
    // Written last, so that an interrupted installation is made anew.
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
        return interpreter;
    }
    let _ = fs::remove_dir_all(&environment);
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/requirements.txt");
    run(Command::new(&interpreter)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(requirements));
    fs::write(installed, REQUIREMENTS).unwrap();
    interpreter
}

/// Runs a command to its end and returns what it printed; panics, with what it printed to both, if it fails.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
