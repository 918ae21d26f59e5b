//! What may be left of a run: files of its streams, processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};

use super::harness::{PATIENCE, Workbench};

/// The files of a stream: data, metadata. As pyshmem derives them from the name.
pub fn files(name: &str) -> [PathBuf; 2] {
    let digest = Sha1::digest(name);
    let digits: String = digest[..7]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ["", "_meta"].map(|end| Path::new("/dev/shm").join(format!("ps_{digits}{end}")))
}

/// Which files of the streams of this bench there are.
pub fn of_streams(bench: &Workbench, streams: &[&str]) -> Vec<PathBuf> {
    let all = streams
        .iter()
        .flat_map(|stream| files(&bench.stream(stream)));
    all.filter(|path| fs::symlink_metadata(path).is_ok())
        .collect()
}

/// The processes that a run has started: their names and ids.
pub fn children(run: i32) -> Vec<(String, i32)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let child = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = line.split(|&byte| byte == 0);
        let (name, role, parent) = (words.next()?, words.next()?, words.next()?);
        let ours = name == b"sandpipe-child" && parent == run.to_string().as_bytes();
        ours.then(|| (String::from_utf8_lossy(role).into_owned(), id))
    };
    entries.filter_map(child).collect()
}

/// Waits until nothing that the run, which has ended, had started goes on.
#[track_caller]
pub fn no_process_of(run: i32) {
    let start = Instant::now();
    loop {
        let left = children(run);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "orphans of {run}: {left:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Everything in a folder, sorted.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
