//! The lock that pyshmem's writers hold: `flock(2)` on a file in a directory for temporary files (pyshmem 1.4.0,
//! `_SharedLockState`). One descriptor per handle, since such locks exclude between descriptors even in one process.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::Errno;

use super::error::StreamError;
use super::name::StreamFiles;

/// How often pyshmem tries a lock that it waits for.
const RETRY: Duration = Duration::from_millis(1);

/// The lock of one stream.
#[derive(Debug)]
pub(super) struct StreamLock {
    files: StreamFiles,
    file: File,
}

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Unlocking an open file does not fail.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

impl StreamLock {
    /// Opens the lock file, making it and its directory where they are missing.
    pub fn open(files: &StreamFiles) -> Result<StreamLock, StreamError> {
        let file = open_file(files)?;
        Ok(StreamLock {
            files: files.clone(),
            file,
        })
    }

    /// Takes the lock if it is free.
    pub fn try_hold(&mut self) -> Result<Option<Held<'_>>, StreamError> {
        Ok(self.try_lock()?.then(|| Held(&self.file)))
    }

    /// Takes the lock, waiting for it for at most `limit`; `None` if it was not free by then.
    pub fn hold_within(&mut self, limit: Duration) -> Result<Option<Held<'_>>, StreamError> {
        let deadline = Instant::now() + limit;
        while !self.try_lock()? {
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(RETRY);
        }
        Ok(Some(Held(&self.file)))
    }

    /// Locks the file, unless somebody else has.
    ///
    /// pyshmem removed the file in older versions, and a cleaner of temporary files may: a lock on a file that has no name
    /// any more excludes nobody, so then the new file is opened and locked.
    fn try_lock(&mut self) -> Result<bool, StreamError> {
        loop {
            let refuse = |error| StreamError::system(&self.files.name, "lock it", error);
            match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(false),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(refuse(error)),
            }
            if fstat(&self.file).map_err(refuse)?.st_nlink > 0 {
                return Ok(true);
            }
            self.file = open_file(&self.files)?;
        }
    }
}

/// A process that locks a stream by another file than this one does, since its environment names another directory: the two do
/// not exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherLock {
    /// The process.
    pub process: i64,
    /// Its file.
    pub path: PathBuf,
}

/// Whether `process` locks the stream by another file, as far as its open files show. pyshmem keeps the file open as long as it
/// has the stream open.
pub(super) fn other_lock(files: &StreamFiles, process: i64) -> Option<OtherLock> {
    let identity = |path: PathBuf| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let ours = identity(files.lock.clone());
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let locks = descriptors.flatten().filter_map(|entry| {
        let path = fs::read_link(entry.path()).ok()?;
        (path.file_name() == files.lock.file_name()).then_some((path, identity(entry.path())))
    });
    let mut other = None;
    for (path, theirs) in locks {
        if theirs == ours {
            return None;
        }
        other = Some(OtherLock { process, path });
    }
    other
}

impl OtherLock {
    /// Says so in the log, and what to do about it.
    pub(super) fn warn(&self, files: &StreamFiles) {
        let OtherLock { process, path } = self;
        let (name, theirs, ours) = (&files.name, path.display(), files.lock.display());
        tracing::warn!(
            "process {process} locks stream '{name}' by {theirs} and this one by {ours}, so that they do not exclude each other: start both with the same PYSHMEM_LOCK_DIR (or TMPDIR)"
        );
    }
}

fn open_file(files: &StreamFiles) -> Result<File, StreamError> {
    let path = &files.lock;
    let refuse = |error: io::Error| {
        StreamError::system(
            &files.name,
            format!("open its lock {}", path.display()),
            error,
        )
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(refuse)?;
    }
    // As Python's "a+b". Never through a link or into a pipe that another user left in a shared directory.
    let flags = OFlags::RDWR
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let file = rustix::fs::open(path, flags, mode).map_err(|error| refuse(error.into()))?;
    let status = fstat(&file).map_err(|error| refuse(error.into()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(refuse(io::Error::other("it is not a regular file")));
    }
    Ok(file.into())
}
