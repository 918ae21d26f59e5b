//! The pipeline over recorded frames gives the commands that NumPy gives.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use super::harness::Workbench;
use super::support;

/// More than the recording has, so that it is played again.
const FRAMES: u64 = 150;

#[test]
fn the_commands_of_recorded_frames_are_those_of_numpy() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/observatory_ao");
    let bench = Workbench::new("observatory");
    for name in ["frames.npy", "reconstructor.npy", "offset.npy"] {
        symlink(home.join(name), bench.path(name)).unwrap();
    }
    let text = fs::read_to_string(home.join("pipeline.yaml")).unwrap();
    bench.pipeline(&text.replace("namespace: observatory_ao\n", ""));

    let (code, report) = bench.report(&["--frames", &FRAMES.to_string()]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        report["streams"]["commands"]["published"], FRAMES,
        "{report}"
    );

    let verify = |commands: &str| -> (Output, String) {
        let output = Command::new(support::python())
            .arg(home.join("verify.py"))
            .arg(bench.path(commands))
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (output, printed)
    };
    let (verified, printed) = verify("commands.npy");
    assert!(verified.status.success(), "{printed}{verified:?}");
    assert!(printed.contains(&format!("{FRAMES} frames")), "{printed}");

    // The comparison notices a single command that is off by little.
    let mut bytes = fs::read(bench.path("commands.npy")).unwrap();
    let last = bytes.len() - 4;
    let value = f32::from_le_bytes(bytes[last..].try_into().unwrap());
    bytes[last..].copy_from_slice(&(value + 3e-4).to_le_bytes());
    bench.file("wrong.npy", bytes);
    let (verified, printed) = verify("wrong.npy");
    assert_eq!(verified.status.code(), Some(1), "{printed}");
}
