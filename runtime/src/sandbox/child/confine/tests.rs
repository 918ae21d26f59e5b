//! What a confined process can still do: each attempt is made in a process of its own, which ends as the attempt goes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use super::*;
use std::fs::File;
use std::io::Error;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio, exit};
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect};
use rustix::process::Signal;

use crate::sandbox::child::sealed;

/// Names the attempt in the process that makes it.
const ATTEMPT: &str = "SANDPIPE_TEST_ATTEMPT";
/// Exit codes of that process: the attempt succeeded, or was denied with an error.
const SUCCEEDED: i32 = 30;
const DENIED: i32 = 31;

const BOUNDS: Bounds = Bounds {
    memory: 1 << 30,
    files: 64,
    file_bytes: 4096,
    time: None,
};

/// How an attempt went.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Denied,
    Killed,
}

/// What the attempts use, opened before the confinement.
struct Things {
    file: OwnedFd,
    page: *mut libc::c_void,
}

fn things() -> Things {
    let file = sealed::fixed("test", 4096).unwrap();
    let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping at an address that the kernel chooses.
    let page = unsafe { mmap_anonymous(ptr::null_mut(), 4096, prot, flags) };
    Things {
        file,
        page: page.unwrap(),
    }
}

/// Everything that is tried, by name. `Ok`: it was possible.
fn attempt(what: &str, things: &Things) -> Result<(), Error> {
    let Things { file, page } = things;
    let map = |prot, flags| {
        // SAFETY: a new mapping at an address that the kernel chooses.
        unsafe { mmap(ptr::null_mut(), 4096, prot, flags, file, 0) }.map(drop)
    };
    let raw = |code: libc::c_long| match code {
        -1 => Err(Error::last_os_error()),
        _ => Ok(()),
    };
    match what {
        "open" => File::open("/etc/passwd").map(drop),
        "create" => File::create("/tmp/sandpipe-confine-test").map(drop),
        "list" => std::fs::read_dir("/").map(drop),
        "socket" => std::net::UdpSocket::bind("127.0.0.1:0").map(drop),
        // SAFETY: the child of a fork does nothing but end.
        "fork" => unsafe {
            match libc::fork() {
                -1 => Err(Error::last_os_error()),
                0 => libc::_exit(0),
                _ => Ok(()),
            }
        },
        "thread" => std::thread::Builder::new().spawn(|| ()).map(drop),
        "exec" => Command::new("/bin/true")
            .stdin(Stdio::null())
            .spawn()
            .map(drop),
        "map a file" => Ok(map(ProtFlags::READ, MapFlags::SHARED)?),
        "map a file to execute it" => {
            Ok(map(ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE)?)
        }
        "make memory executable" => {
            // SAFETY: a page of ours that nothing refers to.
            Ok(unsafe { mprotect(*page, 4096, MprotectFlags::READ | MprotectFlags::EXEC) }?)
        }
        "signal the parent" => Ok(rustix::process::kill_process(
            rustix::process::getppid().unwrap(),
            Signal::WINCH,
        )?),
        "trace the parent" => {
            let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
            // SAFETY: reads nothing and writes nothing.
            raw(unsafe { libc::ptrace(libc::PTRACE_SEIZE, parent, 0, 0) })
        }
        "change a file's size" => Ok(rustix::fs::ftruncate(file, 1)?),
        "write a file" => Ok(rustix::io::pwrite(file, b"x", 0).map(drop)?),
        "own a descriptor's signals" => {
            // SAFETY: an integer command on a descriptor of ours.
            let code = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETOWN, 1) };
            raw(code.into())
        }
        "raise a limit" => Ok(setrlimit(
            Resource::Nproc,
            Rlimit {
                current: Some(100),
                maximum: Some(100),
            },
        )?),
        "get a new user namespace" => {
            // SAFETY: changes nothing that Rust knows of.
            raw(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into())
        }
        // What every child needs.
        "allocate" => {
            let mut memory = vec![1u8; 64 << 20];
            memory.resize(128 << 20, 1);
            std::hint::black_box(memory);
            Ok(())
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(1));
            Ok(())
        }
        other => panic!("{other} is no attempt"),
    }
}

/// Confines this process as the variable says, makes the attempt, and ends with how it went.
#[test]
fn attempt_in_a_process_of_its_own() {
    let Ok(order) = std::env::var(ATTEMPT) else {
        return;
    };
    let (how, what) = order.split_once(':').unwrap();
    let things = things();
    let mut missing = Missing::default();
    if how != "nothing" {
        missing.add(enclose(&BOUNDS));
    }
    match how {
        "compile" => missing.add(filter(Filter::Compile)),
        "run" => missing.add(filter(Filter::Run)),
        _ => {}
    }
    assert_eq!(missing.list(), None);
    let outcome = attempt(what, &things);
    // Nothing may be closed any more.
    std::mem::forget(things);
    exit(if outcome.is_ok() { SUCCEEDED } else { DENIED });
}

fn outcome(how: &str, what: &str) -> Outcome {
    let module = module_path!().split_once("::").unwrap().1;
    let test = format!("{module}::attempt_in_a_process_of_its_own");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &test])
        .env(ATTEMPT, format!("{how}:{what}"))
        .output()
        .unwrap();
    match (output.status.code(), output.status.signal()) {
        (Some(SUCCEEDED), _) => Outcome::Succeeded,
        (Some(DENIED), _) => Outcome::Denied,
        (_, Some(libc::SIGSYS)) => Outcome::Killed,
        (code, signal) => panic!("{how}, {what}: {code:?}, {signal:?}, {output:?}"),
    }
}

#[test]
fn every_attempt_is_possible_without_confinement() {
    for what in [
        "open",
        "list",
        "socket",
        "fork",
        "thread",
        "exec",
        "map a file",
        "make memory executable",
        "signal the parent",
        "write a file",
        "own a descriptor's signals",
        "allocate",
        "sleep",
    ] {
        assert_eq!(outcome("nothing", what), Outcome::Succeeded, "{what}");
    }
}

#[test]
fn landlock_and_limits_alone_keep_files_and_others_away() {
    for what in [
        "open",
        "create",
        "list",
        "signal the parent",
        "trace the parent",
        "exec",
    ] {
        assert_eq!(outcome("enclosed", what), Outcome::Denied, "{what}");
    }
}

#[test]
fn filters_end_a_process_that_tries_more_than_it_needs() {
    let never = [
        "map a file",
        "open",
        "create",
        "list",
        "socket",
        "fork",
        "exec",
        "map a file to execute it",
        "signal the parent",
        "trace the parent",
        "change a file's size",
        "own a descriptor's signals",
        "raise a limit",
        "get a new user namespace",
    ];
    for how in ["compile", "run"] {
        for what in never {
            assert_eq!(outcome(how, what), Outcome::Killed, "{how}, {what}");
        }
        for what in ["allocate", "sleep"] {
            assert_eq!(outcome(how, what), Outcome::Succeeded, "{how}, {what}");
        }
    }
}

#[test]
fn only_a_compiler_makes_memory_executable_and_writes_its_file() {
    for what in ["make memory executable", "write a file"] {
        assert_eq!(outcome("compile", what), Outcome::Succeeded, "{what}");
        assert_eq!(outcome("run", what), Outcome::Killed, "{what}");
    }
}
