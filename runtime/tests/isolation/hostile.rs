//! Children that have been taken over: what they say is not believed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandpipe::sandbox::{CacheDirectory, Cause, Engine, EngineOptions, Fault, Isolation, Limits};

use crate::harness::{context, kernel, options};

/// A directory with a cache and a program that is started in place of a child.
struct Impostor {
    directory: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl Impostor {
    fn new() -> Impostor {
        Impostor {
            directory: tempfile::tempdir().unwrap(),
            said: Arc::default(),
        }
    }

    fn engine(&self, helper: &Path, cache: bool) -> Engine {
        let said = Arc::clone(&self.said);
        let directory = CacheDirectory::At(self.directory.path().join("cache"));
        Engine::new(EngineOptions {
            helper: Some(helper.to_owned()),
            cache: if cache {
                directory
            } else {
                CacheDirectory::None
            },
            log: Arc::new(move |message| said.lock().unwrap().push(message.text.to_owned())),
            ..options()
        })
        .unwrap()
    }

    /// A program that does `script`; standard input is its socket.
    fn helper(&self, script: &str) -> PathBuf {
        let path = self.directory.path().join("helper");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// What comes of a module that such a program pretends to compile.
    fn compile(&self, script: &str) -> String {
        let engine = self.engine(&self.helper(script), false);
        let loaded = engine.load(
            kernel(&[]).as_bytes(),
            &Limits::default(),
            Isolation::Thread,
        );
        loaded.err().expect("nothing was compiled").to_string()
    }

    /// What comes of a kernel that such a program pretends to run.
    fn run(&self, script: &str) -> Fault {
        let load = |engine: &Engine| {
            engine.load(
                kernel(&[]).as_bytes(),
                &Limits::default(),
                Isolation::Process,
            )
        };
        // Compiled by an honest one, and kept.
        load(&self.engine(Path::new(env!("CARGO_BIN_EXE_sandpipe")), true)).unwrap();
        let program = load(&self.engine(&self.helper(script), true)).unwrap();
        let start = Instant::now();
        let outcome = program.validate_config(&context(), &Limits::default());
        assert!(start.elapsed() < Duration::from_secs(60));
        outcome.expect_err("nothing has run")
    }
}

/// Says something on the socket.
fn say(message: &str) -> String {
    format!("printf '%s' '{message}' >&0")
}

#[test]
fn a_compiler_that_lies_is_an_error() {
    let impostor = Impostor::new();
    for message in ["nonsense", r#"{"Compiled":{"bytes":999999999999}}"#, "{}"] {
        let error = impostor.compile(&say(message));
        assert!(
            error.contains("an answer that is none"),
            "{message}: {error}"
        );
    }
    // Zeros are no machine code.
    let error = impostor.compile(&say(r#"{"Compiled":{"bytes":100}}"#));
    assert!(error.contains("cannot be loaded"), "{error}");
    let error = impostor.compile(&say(r#"{"Refused":{"why":"red \u001b[31m"}}"#));
    assert_eq!(error, "red \u{fffd}[31m");
}

#[test]
fn a_process_that_breaks_the_protocol_is_a_dead_worker() {
    let impostor = Impostor::new();
    for script in [
        say("nonsense"),
        say(r#"{"Step":"Ready"}"#),
        say(r#"{"Fault":["Deadline","not its to say"]}"#),
        say(r#"{"Fault":[{"Segment":{"window":7}},"no such window"]}"#),
        say(r#"{"Fault":[{"IllegalWrite":{"window":0}},"no such window"]}"#),
        "exit 3".to_owned(),
        "kill -9 $$".to_owned(),
    ] {
        let fault = impostor.run(&script);
        assert_eq!(fault.cause, Cause::Worker, "{script}: {fault}");
    }
}

#[test]
fn what_it_says_is_cleaned_cut_and_counted() {
    let impostor = Impostor::new();
    let fault = impostor.run(&say(r#"{"Fault":["Trap","red \u001b[31m\nline"]}"#));
    assert_eq!(fault.cause, Cause::Trap);
    assert_eq!(fault.message, "red \u{fffd}[31m line");
    let log = say(r#"{"Log":{"level":"Info","text":"a\u001b","dropped":18446744073709551615}}"#);
    let flood = format!("i=0; while [ $i -lt 5000 ]; do {log}; i=$((i+1)); done; sleep 60");
    let fault = impostor.run(&flood);
    assert_eq!(fault.cause, Cause::Worker, "{fault}");
    let said = impostor.said.lock().unwrap();
    assert!(said.iter().all(|text| text == "a\u{fffd}"), "{said:?}");
    assert!(
        (1..=20).contains(&said.len()),
        "ten a second: {}",
        said.len()
    );
}
