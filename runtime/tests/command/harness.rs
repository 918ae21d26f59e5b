//! What the tests share: a folder and a namespace for each, so that they can run side by side.

#![allow(dead_code, reason = "not every test program uses everything")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test fails: generous, since machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a pipeline in it, and the namespace of its streams.
pub struct Workbench {
    pub folder: TempDir,
    pub namespace: String,
    /// Where compiled code is kept.
    pub cache: PathBuf,
}

impl Workbench {
    pub fn new(name: &str) -> Workbench {
        Workbench {
            folder: TempDir::new().unwrap(),
            namespace: format!("sandpipe-test.{}.{name}", std::process::id()),
            cache: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The name of a stream in the system.
    pub fn stream(&self, name: &str) -> String {
        format!("{}.{name}", self.namespace)
    }

    /// Writes `pipeline.yaml` with the namespace before it, in the first line.
    pub fn pipeline(&self, yaml: &str) -> PathBuf {
        self.file(
            "pipeline.yaml",
            format!("namespace: {}\n{yaml}", self.namespace),
        )
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a kernel `NAME.wat`: the one of the sandbox's tests with some of its parts replaced, of kind `test.NAME`.
    pub fn kernel(&self, name: &str, parts: &[(&str, &str)]) -> PathBuf {
        self.kernel_with(name, "", parts)
    }

    /// As [`Workbench::kernel`], with more keys in its manifest: each begins with a comma.
    pub fn kernel_with(&self, name: &str, keys: &str, parts: &[(&str, &str)]) -> PathBuf {
        let keys = keys.replace('"', r#"\""#);
        let manifest = format!(r#"{{\"abi\":\"0.1\",\"kind\":\"test.{name}\"{keys}}}"#);
        let mut text = include_str!("../sandbox/kernel.wat").to_owned();
        let manifest = format!(r#"(@custom "sandpipe:manifest" "{manifest}")"#);
        for (name, body) in parts.iter().chain(&[("declarations", manifest.as_str())]) {
            let mark = format!(";; @{name}\n");
            assert!(text.contains(&mark), "no place named {name}");
            text = text.replace(&mark, &format!("{body}\n"));
        }
        self.file(&format!("{name}.wat"), text)
    }

    /// The command, to be run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandpipe"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", &self.cache)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn start(&self, arguments: &[&str]) -> Running<'_> {
        Running {
            child: Some(self.command(arguments).spawn().unwrap()),
            bench: self,
        }
    }

    /// Runs `sandpipe run pipeline.yaml --format json` with more arguments, and returns exit code and report.
    pub fn report(&self, more: &[&str]) -> (i32, Value) {
        let mut arguments = vec!["run", "pipeline.yaml", "--format", "json"];
        arguments.extend(more);
        let output = self.run(&arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
        });
        (output.status.code().unwrap(), report)
    }

    /// Runs the command where no file may be larger than 24576 blocks, of 512 or 1024 bytes, as if the disk were full then.
    pub fn run_on_a_full_disk(&self, arguments: &str) -> Output {
        let program = env!("CARGO_BIN_EXE_sandpipe");
        Command::new("sh")
            .args([
                "-c",
                &format!("ulimit -f 24576; exec {program} {arguments}"),
            ])
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", &self.cache)
            .output()
            .unwrap()
    }

    /// Names of the streams of this bench that exist.
    pub fn streams(&self) -> Vec<String> {
        let output = self.run(&["stream", "list", "--format", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let streams = list["streams"].as_array().unwrap().iter();
        let names = streams.map(|stream| stream["name"].as_str().unwrap().to_owned());
        names
            .filter(|name| name.starts_with(&self.stream("")))
            .collect()
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        for name in self.streams() {
            self.run(&["stream", "remove", "--force", &name]);
        }
    }
}

/// A command that runs; killed when the test fails.
pub struct Running<'a> {
    child: Option<Child>,
    bench: &'a Workbench,
}

impl Running<'_> {
    pub fn id(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    /// Waits until a stream exists and has so many frames.
    pub fn wait_for(&mut self, stream: &str, frames: u64) {
        self.wait_until(stream, "published", frames);
    }

    /// Waits until a stream has a reader: then everything before it in the graph is ready for frames.
    pub fn wait_for_reader(&mut self, stream: &str) {
        self.wait_until(stream, "readers_attached", 1);
    }

    /// Waits until what `stream info` says about the ring of a stream has come to so much.
    fn wait_until(&mut self, stream: &str, what: &str, least: u64) {
        let name = self.bench.stream(stream);
        let found = || {
            let output = self
                .bench
                .run(&["stream", "info", &name, "--format", "json"]);
            let info: Value = serde_json::from_slice(&output.stdout).ok()?;
            info["ring"][what].as_u64()
        };
        let start = Instant::now();
        while found().is_none_or(|found| found < least) {
            assert!(self.is_running(), "{what} of {stream}: it has ended");
            assert!(start.elapsed() < PATIENCE, "{what} of {stream}");
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.id()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits for the end.
    pub fn output(mut self) -> Output {
        self.child.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
