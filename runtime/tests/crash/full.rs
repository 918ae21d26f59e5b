//! A `/dev/shm` that is full, or runs full.

use std::process::Command;

use super::harness::{Workbench, text};
use super::killed::CHAIN;

/// Mounts a small `/dev/shm` that nobody else sees, and runs a script there: as root, or as a user who becomes root in a
/// namespace of users.
fn in_private(bench: &Workbench, mount: &str, script: &str) -> (i32, String) {
    let mut command = Command::new("unshare");
    if !rustix::process::getuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = format!("mount -t tmpfs -o {mount} tmpfs /dev/shm || exit 99\n{script}");
    command.args(["--mount", "sh", "-c", &script]);
    let sandpipe = bench.command(&[]);
    command
        .arg(sandpipe.get_program())
        .current_dir(bench.folder.path());
    for (name, value) in sandpipe.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    let code = output.status.code();
    let said = text(&output.stdout) + &text(&output.stderr);
    // Not skipped where it cannot be tried: then nothing would be known.
    assert_ne!(
        code,
        Some(99),
        "this test needs to mount a file system in a namespace: {said}"
    );
    (code.unwrap(), said)
}

/// Runs the pipeline, and fails with 98 if that leaves anything.
const RUN: &str = r#"
"$0" run pipeline.yaml --source x:ramp --frames 5
code=$?
ls -A /dev/shm | grep . && exit 98
exit $code
"#;

#[test]
fn a_full_dev_shm_is_told_and_nothing_is_left_there() {
    let bench = Workbench::new("full");
    bench.pipeline(CHAIN);
    let mut fits = Vec::new();
    for kilobytes in [4, 16, 32, 48, 64, 80, 96, 128, 1024] {
        let (code, said) = in_private(&bench, &format!("size={kilobytes}k"), RUN);
        fits.push(code == 0);
        assert!(
            code == 0 || matches!(code, 1 | 2) && said.contains("/dev/shm"),
            "{kilobytes} KiB: {code}: {said}"
        );
    }
    assert!(
        !fits[0] && fits[fits.len() - 1] && fits.is_sorted(),
        "{fits:?}"
    );
    // No place for a file's name: of the root alone, of one file, of four.
    for (inodes, expected) in [(1, 1), (2, 1), (5, 1), (100, 0)] {
        let mount = format!("size=1m,nr_inodes={inodes}");
        let (code, said) = in_private(&bench, &mount, RUN);
        assert_eq!(code, expected, "{inodes} files: {said}");
        assert!(code == 0 || said.contains("/dev/shm"), "{said}");
    }
}

#[test]
fn a_dev_shm_that_runs_full_stops_no_run() {
    let bench = Workbench::new("filling");
    bench.pipeline(CHAIN);
    bench.file("other.yaml", format!("namespace: other\n{CHAIN}"));
    let (code, said) = in_private(
        &bench,
        "size=1m",
        r#"
"$0" run pipeline.yaml --source x:ramp:1000 --frames 500 > report.txt 2>&1 &
run=$!
while kill -0 $run && ! ls /dev/shm/*_meta; do sleep 0.01; done
cat /dev/zero > /dev/shm/filling 2>/dev/null
"$0" run other.yaml --source x:ramp --frames 5 && exit 97
wait $run
code=$?
cat report.txt
rm /dev/shm/filling
ls -A /dev/shm | grep . && exit 98
exit $code
"#,
    );
    assert_eq!(code, 0, "{said}");
}
