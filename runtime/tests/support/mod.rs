//! Shared by the integration tests: `mod support;`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic, and not every test uses everything"
)]

use std::fs::{self, File};
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::stream::{Mirror, Mode, StreamSpec};

/// The Python packages that the tests compare with, pinned.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A Python interpreter that has the packages of `requirements.txt`.
pub fn python() -> PathBuf {
    virtual_environment("python-venv", REQUIREMENTS).join("bin/python")
}

/// A virtual environment of Python that has these packages.
///
/// It is made under `target/` by the first test that asks; others, in this process or another, wait for it. Changed requirements
/// make it anew.
pub fn virtual_environment(name: &str, requirements: &str) -> PathBuf {
    installed(name, requirements, |environment| {
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(environment));
        let file = environment.join("requirements.txt");
        fs::write(&file, requirements).unwrap();
        run(Command::new(environment.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(file));
    })
}

/// A directory under `target/` in which something has been installed, once for all tests and as long as `what` stays the same.
pub fn installed(name: &str, what: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(home.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let directory = home.join(name);
    // Written last, so that an interrupted installation is made anew.
    let done = directory.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|text| text == what) {
        return directory;
    }
    let _ = fs::remove_dir_all(&directory);
    install(&directory);
    fs::write(done, what).unwrap();
    directory
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

/// A stream name that no other test, in this run or another, uses.
pub fn stream_name(what: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("sandpipe-test.{}.{number}.{what}", std::process::id())
}

/// A process that is killed when it goes out of scope, so that a failing test leaves none behind.
pub struct Child {
    process: std::process::Child,
    output: std::io::BufReader<std::process::ChildStdout>,
}

impl Child {
    /// Starts a command with pipes at both ends; its errors go where the test's go.
    pub fn spawn(command: &mut Command) -> Child {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = std::io::BufReader::new(process.stdout.take().unwrap());
        Child { process, output }
    }

    /// Runs the test `name` of this very test program in another process, which finds `role` in the environment variable
    /// `SANDPIPE_TEST_ROLE`. The test must do nothing when that is missing.
    pub fn of_this_program(name: &str, role: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--nocapture", "--test-threads=1", name])
            .env("SANDPIPE_TEST_ROLE", role);
        Child::spawn(&mut command)
    }

    /// Waits for a line that begins with `start`, and returns the rest of it.
    pub fn wait_for(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the process ended without saying {start:?}");
            // The test runner writes "test name ... " before what the test says.
            if let Some((_, rest)) = line.split_once(start) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Kills it; it must not have ended before.
    pub fn kill_while_it_runs(&mut self) {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
        self.kill();
    }

    /// Closes its standard input and waits for its end, which must be a good one.
    pub fn finish(mut self) {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {rest}");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_raw(self.id() as i32).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.process.wait().unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// In a process that [`Child::of_this_program`] started: its role.
pub fn role() -> Option<String> {
    std::env::var("SANDPIPE_TEST_ROLE").ok()
}

/// Waits until the parent closes this process's standard input, or is gone.
pub fn wait_for_the_parent() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A command that runs `peer.py` with these arguments.
pub fn peer(arguments: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/peer.py");
    let mut command = Command::new(python());
    command.arg(script).args(arguments);
    command
}

/// The frame with this number, of `length` numbers: every element says which frame it belongs to. As in `peer.py`.
pub fn frame(number: u64, length: usize) -> Vec<u8> {
    (0..length as u64)
        .flat_map(|element| (number * 1_000_003 + element).to_le_bytes())
        .collect()
}

/// A stream of `length` numbers for two readers.
pub fn spec(name: &str, length: u32) -> StreamSpec {
    StreamSpec {
        name: name.to_owned(),
        array: ArrayType {
            dtype: Dtype::U64,
            shape: vec![length],
        },
        readers: 2,
        every: false,
        slots: None,
        notify: true,
        mirror: Mirror::Auto,
        mode: Mode::default(),
    }
}
