//! Streams of another user.

use std::process::Command;

use super::harness::Workbench;
use super::support::{Child, python, run};

/// Becomes another user, makes a stream, and goes on to own it.
const OTHER: &str = r#"
import os, sys, multiprocessing.resource_tracker, pyshmem
multiprocessing.resource_tracker.ensure_running()
os.setgid(65534); os.setuid(65534)
stream = pyshmem.create(sys.argv[1], shape=[512], dtype="uint64")
print("created", flush=True)
sys.stdin.read()
stream.unlink()
"#;

/// Runs a program as another user: opened before, since that one may not get to where it lies.
const AS_OTHER: &str = r#"
import os, subprocess, sys
program = os.open(sys.argv[1], os.O_RDONLY)
os.set_inheritable(program, True)
def become_other():
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
done = subprocess.run([f"/proc/self/fd/{program}", *sys.argv[2:]], preexec_fn=become_other, close_fds=False,
                      cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
print(done.returncode, done.stderr.strip())
"#;

#[test]
fn a_stream_of_another_user_is_refused_with_its_owner_and_what_to_do() {
    if !rustix::process::geteuid().is_root() {
        println!("there is no other user to be without being root: not tried");
        return;
    }
    let bench = Workbench::new("users");
    let common = tempfile::TempDir::new().unwrap();
    let name = bench.stream("x");
    // Theirs, for root.
    let mut command = Command::new(python());
    command
        .args(["-c", OTHER, &name])
        .env_remove("PYSHMEM_LOCK_DIR");
    let mut other = Child::spawn(&mut command);
    other.wait_for("created");
    bench.pipeline(
        "
shared_memory: [{name: x, shape: [512], dtype: uint64, mode: attach}]
sinks: [{name: end, kind: null.sink, stream: x}]
",
    );
    for arguments in [
        vec!["run", "pipeline.yaml"],
        vec!["stream", "info", &name],
        vec!["stream", "remove", &name],
        vec!["stream", "read", &name, "-o", "x.npy"],
    ] {
        let output = bench.run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        for part in [
            "belongs to user 65534",
            "user 0 (root)",
            "run both as the same user",
        ] {
            assert!(said.contains(part), "{arguments:?}: no {part:?} in {said}");
        }
    }
    other.finish();

    // Root's, for them: they may not even open it. Their locks may lie elsewhere or in the same directory.
    let mut command = Command::new(python());
    command.args(["-c", "import sys, pyshmem; pyshmem.create(sys.argv[1], shape=[512], dtype='uint64'); print('created', flush=True); sys.stdin.read(); pyshmem.unlink(sys.argv[1])", &name]);
    command.env("PYSHMEM_LOCK_DIR", common.path());
    let mut owner = Child::spawn(&mut command);
    owner.wait_for("created");
    let program = env!("CARGO_BIN_EXE_sandpipe");
    for same_directory in [false, true] {
        for arguments in [["info", &name], ["remove", &name]] {
            let mut command = Command::new(python());
            command
                .args(["-c", AS_OTHER, program, "stream"])
                .args(arguments);
            if same_directory {
                command.env("PYSHMEM_LOCK_DIR", common.path());
            }
            let said = run(&mut command);
            assert!(said.starts_with("2 "), "{said}");
            for part in [
                "belongs to user 0 (root)",
                "user 65534",
                "run both as the same user",
            ] {
                assert!(said.contains(part), "{arguments:?}: no {part:?} in {said}");
            }
        }
    }
    owner.finish();
}
