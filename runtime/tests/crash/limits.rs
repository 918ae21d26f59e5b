//! Runs under limits that are too tight for them: they say so in a sentence and leave nothing.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use super::chance::Chance;
use super::harness::{PATIENCE, Workbench, text};
use super::killed::{CHAIN, STREAMS};
use super::remains::{no_process_of, of_streams};

/// A few frames with a report and a recording.
const RUN: [&str; 8] = [
    "run",
    "pipeline.yaml",
    "--source",
    "x:ramp",
    "--frames",
    "5",
    "--report",
    "report.json",
];

const SINK: &str = "
sinks:
  - {name: record, kind: file.npy, stream: y, parameters: {path: record.npy}}
";

fn bench(name: &str) -> Workbench {
    let bench = Workbench::new(name);
    bench.pipeline(&format!("lanes: spread\n{CHAIN}{SINK}"));
    bench
}

/// A shell that sets the limit and becomes the command.
fn limited(bench: &Workbench, limit: &str) -> Command {
    let mut command = bench.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(RUN)
        .current_dir(bench.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.env("RUST_BACKTRACE", "0").get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell
}

/// Runs it to its end, which must come; nothing may be left.
#[track_caller]
fn outcome(bench: &Workbench, mut command: Command) -> Output {
    let mut child = command.spawn().unwrap();
    let id = child.id() as i32;
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!(
                "it hangs: {}",
                text(&child.wait_with_output().unwrap().stderr)
            );
        }
        thread::sleep(std::time::Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    no_process_of(id);
    let left = of_streams(bench, &STREAMS);
    assert!(
        left.is_empty(),
        "{left:?} are left: {}",
        text(&output.stderr)
    );
    output
}

/// Whether it went well; if it did not, it must have said why.
#[track_caller]
fn went_well(limit: &str, output: &Output) -> bool {
    let said = text(&output.stderr);
    if output.status.code() == Some(0) {
        return true;
    }
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{limit}: {}: {said}",
        output.status
    );
    // A sentence, not just what the system calls the error.
    let sentence = said.strip_prefix("error: ").unwrap_or_default();
    let (subject, _) = sentence.split_once(':').unwrap_or((sentence, ""));
    assert!(
        !subject.is_empty() && !subject.contains("(os error"),
        "{limit}: {said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("defect"),
        "{limit}: {said}"
    );
    false
}

#[test]
fn any_number_of_descriptors_is_enough_or_refused() {
    let bench = bench("descriptors");
    let mut enough = 0;
    for limit in 4.. {
        let limit = format!("ulimit -n {limit}");
        let output = outcome(&bench, limited(&bench, &limit));
        // The system's loader needs some before there is a program.
        if text(&output.stderr).contains("error while loading shared libraries") {
            continue;
        }
        enough += u32::from(went_well(&limit, &output));
        if enough == 3 {
            return;
        }
    }
}

#[test]
fn any_amount_of_address_space_is_enough_or_refused() {
    let mut chance = Chance::new();
    let bench = bench("address-space");
    assert!(went_well("none", &outcome(&bench, limited(&bench, "true"))));
    const MIB: u64 = 1024;
    // From what the loader needs to enough, and closely where little is left for the program itself and where the kernels just
    // fit.
    let low = (0..20).map(|step| (64 + step * 8) * MIB);
    let coarse = (0..10).map(|step| (256 + step * 1024) * MIB);
    let fine = (0..10).map(|_| (4 * 1024 + chance.below(2048)) * MIB + chance.below(MIB));
    for kibibytes in low.chain(coarse).chain(fine) {
        let limit = format!("ulimit -v {kibibytes}");
        went_well(&limit, &outcome(&bench, limited(&bench, &limit)));
    }
    let limit = format!("ulimit -v {}", 32 * 1024 * MIB);
    assert!(went_well(&limit, &outcome(&bench, limited(&bench, &limit))));
}

#[test]
fn no_locked_memory_is_needed() {
    let bench = bench("locked");
    let output = outcome(&bench, limited(&bench, "ulimit -l 0"));
    assert!(
        went_well("ulimit -l 0", &output),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn any_number_of_threads_is_enough_or_refused() {
    let bench = bench("threads");
    // The limit counts what a user runs, and not at all for root: so the run belongs to a user who runs nothing else.
    let folder = bench.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let user = 1_000_000 + std::process::id();
    let mut enough = 0;
    for limit in 1.. {
        let limit = format!("ulimit -p {limit} 2>/dev/null || ulimit -u {limit}");
        let plain = limited(&bench, &format!("{{ {limit}; }}"));
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("sh");
            command.uid(user).gid(user);
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-current-user", "sh"]);
            command
        };
        // The program may be in a folder that this user cannot enter, so it is passed as an open file.
        let program = File::open(env!("CARGO_BIN_EXE_sandpipe")).unwrap();
        let mut arguments: Vec<_> = plain.get_args().map(ToOwned::to_owned).collect();
        arguments[2] = "/proc/self/fd/0".into();
        command
            .args(arguments)
            .current_dir(folder)
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env("TMPDIR", folder)
            .env("RUST_BACKTRACE", "0")
            .stdin(program)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = outcome(&bench, command);
        enough += u32::from(went_well(&limit, &output));
        if enough == 2 {
            return;
        }
    }
}

#[test]
fn any_size_of_files_is_enough_or_refused() {
    let bench = bench("files");
    for blocks in [0, 1, 8, 24, 40, 64, 100, 1000, 100_000] {
        let limit = format!("ulimit -f {blocks}");
        let output = outcome(&bench, limited(&bench, &limit));
        let well = went_well(&limit, &output);
        assert!(well || blocks < 100_000, "{}", text(&output.stderr));
    }
}
