//! Reading a file that may be anything: bounded in size, and never waiting for a writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The bytes of the regular file `path`, at most `limit` of them. The error is a sentence without the path.
pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    read(open_regular(path)?, limit)
}

/// Opens the regular file `path` for reading. The error is a sentence without the path.
pub(crate) fn open_regular(path: &Path) -> Result<File, String> {
    let file = open(path)?;
    let kind = file.metadata().map_err(|error| sentence(&error))?;
    if !kind.is_file() {
        return Err("is not a regular file".to_owned());
    }
    Ok(file)
}

/// As [`read_regular`], of a pipe as well: a configuration may come from another program.
pub(crate) fn read_any(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| sentence(&error))?;
    read(file, limit)
}

fn open(path: &Path) -> Result<File, String> {
    OpenOptions::new()
        .read(true)
        // Opening a FIFO would wait until somebody writes to it.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| sentence(&error))
}

fn read(file: File, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| sentence(&error))?;
    if bytes.len() as u64 > limit {
        return Err(format!("is larger than the limit of {limit} bytes"));
    }
    Ok(bytes)
}

fn sentence(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}
