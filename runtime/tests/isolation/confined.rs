//! What the process of a kernel has, seen from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandpipe::sandbox::{Cause, Instance};

use crate::harness::{Ring, Stage, children, kernel};

/// A stage at work, and the process of its kernel.
struct Watched {
    stage: Stage,
    instance: Instance,
    process: PathBuf,
}

fn watched() -> Watched {
    let stage = Stage::new(&kernel(&[]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    let has_the_ring = |process: &PathBuf| mappings(process, &stage.input).len() == 1;
    let process = children().into_iter().find(has_the_ring).unwrap();
    Watched {
        stage,
        instance,
        process,
    }
}

fn read(process: &Path, name: &str) -> String {
    fs::read_to_string(process.join(name)).unwrap()
}

/// The mappings of a ring, as `smaps` has them: the first line, and the line of flags.
fn mappings(process: &Path, ring: &Ring) -> Vec<(String, String)> {
    let inode = rustix::fs::fstat(&ring.file).unwrap().st_ino.to_string();
    let mut found = Vec::new();
    let mut of_the_ring = None;
    for line in read(process, "smaps").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0].contains('-') {
            of_the_ring = (words.get(4) == Some(&inode.as_str())).then(|| line.to_owned());
        } else if words[0] == "VmFlags:"
            && let Some(first) = of_the_ring.take()
        {
            found.push((first, line.to_owned()));
        }
    }
    found
}

#[test]
fn it_has_no_privileges_and_may_make_few_system_calls() {
    let watched = watched();
    let status = read(&watched.process, "status");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2", "filtered");
    assert_eq!(field("Seccomp_filters:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    // For each thread of it.
    for thread in fs::read_dir(watched.process.join("task")).unwrap() {
        let status = read(&thread.unwrap().path(), "status");
        assert!(status.contains("Seccomp_filters:\t1"), "{status}");
    }
}

/// The descriptors of a process, with what they are of.
fn descriptors(process: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(process.join("fd"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let target = fs::read_link(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, target.to_str().unwrap().to_owned())
        })
        .collect();
    files.sort();
    files
}

fn has_the_socket_alone(process: &Path) {
    let files = descriptors(process);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files[0].1.starts_with("socket:"), "{files:?}");
    assert_eq!(files[1], ("1".to_owned(), "/dev/null".to_owned()));
    assert_eq!(files[2], ("2".to_owned(), "/dev/null".to_owned()));
}

#[test]
fn it_has_the_socket_and_no_other_descriptor() {
    has_the_socket_alone(&watched().process);
}

#[test]
fn it_has_no_more_while_the_first_code_of_the_kernel_runs() {
    let mut stage = Stage::new(&kernel(&[(
        "declarations",
        "(func $at-once (loop $l (br $l)))\n(start $at-once)",
    )]));
    stage.limits.startup = Duration::from_secs(5);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| stage.open().err().unwrap());
        let has_the_ring = |process: &PathBuf| mappings(process, &stage.input).len() == 1;
        let runs = |process: &PathBuf| read(process, "status").contains("Seccomp_filters:\t1");
        let process = loop {
            assert!(!opening.is_finished(), "no process of the kernel was seen");
            if let Some(process) = children().into_iter().find(has_the_ring).filter(runs) {
                break process;
            }
        };
        has_the_socket_alone(&process);
        assert_eq!(opening.join().unwrap().cause, Cause::Deadline);
    });
}

#[test]
fn it_has_the_windows_mapped_and_nothing_else_that_is_shared() {
    let Watched {
        stage,
        instance: _running,
        process,
    } = watched();
    let input = mappings(&process, &stage.input);
    let output = mappings(&process, &stage.output);
    assert_eq!((input.len(), output.len()), (1, 1), "mapped once");
    assert!(input[0].0.contains(" r--s "), "{input:?}");
    assert!(output[0].0.contains(" rw-s "), "{output:?}");
    // Nor can the input be made writable: the file was opened for reading.
    let may_write = |flags: &str| flags.split_whitespace().any(|flag| flag == "mw");
    assert!(!may_write(&input[0].1), "{input:?}");
    assert!(may_write(&output[0].1), "{output:?}");

    let maps = read(&process, "maps");
    let shared: Vec<&str> = maps
        .lines()
        .filter(|line| line.split_whitespace().nth(1).unwrap().ends_with('s'))
        .collect();
    assert_eq!(
        shared.len(),
        3,
        "two windows and the control pages: {shared:?}"
    );
    assert!(
        shared.iter().any(|line| line.contains("sandpipe-control")),
        "{shared:?}"
    );
    let writable_code = |line: &&str| line.split_whitespace().nth(1).unwrap().starts_with("rwx");
    assert_eq!(maps.lines().find(writable_code), None);
}

#[test]
fn it_has_its_own_session_no_environment_and_tight_limits() {
    let watched = watched();
    let process = &watched.process;
    let id = process.file_name().unwrap().to_str().unwrap();
    let stat = read(process, "stat");
    let rest = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = rest.split(' ').collect();
    assert_eq!(
        (fields[2], fields[3]),
        (id, id),
        "process group and session"
    );
    assert_eq!(fields[4], "0", "no terminal");
    assert_eq!(read(process, "environ"), "");
    assert_eq!(fs::read_link(process.join("cwd")).unwrap(), Path::new("/"));
    let limits = read(process, "limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let values: Vec<&str> = line[name.len()..].split_whitespace().collect();
        (values[0].to_owned(), values[1].to_owned())
    };
    for name in [
        "Max core file size",
        "Max file size",
        "Max processes",
        "Max locked memory",
        "Max msgqueue size",
    ] {
        assert_eq!(limit(name), ("0".to_owned(), "0".to_owned()), "{name}");
    }
    let memory: u64 = limit("Max data size").1.parse().unwrap();
    assert!(
        memory < watched.stage.limits.memory + (256 << 20),
        "{memory}"
    );
}

#[test]
fn an_idle_one_uses_no_processor_time() {
    let mut watched = watched();
    let used = |process: &Path| -> u64 {
        let stat = read(process, "stat");
        let rest = stat.rsplit_once(") ").unwrap().1.to_owned();
        let fields = rest.split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    for frame_id in 0..1000 {
        watched.instance.compute_into(frame_id, &[0, 0]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    let before = used(&watched.process);
    std::thread::sleep(Duration::from_secs(1));
    // A hundredth of a second is one tick.
    assert!(used(&watched.process) <= before + 1);
    watched.instance.compute_into(0, &[0, 0]).unwrap();
}
