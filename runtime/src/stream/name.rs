//! From a stream's name to its files, as pyshmem derives them: only a hash of the name reaches the file system.

use std::env;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use sha1::{Digest, Sha1};

use super::error::StreamError;

/// Where POSIX shared memory lives on Linux.
pub(super) const DIRECTORY: &str = "/dev/shm";

/// Bytes of the name's field in pyshmem's header.
pub(super) const NAME_LIMIT: usize = 256;

/// The files of one stream.
#[derive(Clone, Debug)]
pub(super) struct StreamFiles {
    /// The stream's name.
    pub name: String,
    /// `/dev/shm/ps_<h>`: pyshmem's frame, then our ring.
    pub data: PathBuf,
    /// `/dev/shm/ps_<h>_meta`: pyshmem's header, then our control block.
    pub meta: PathBuf,
    /// `/dev/shm/ps_<h>_gpu`: pyshmem's handle of a CUDA tensor; never made here, but removed with the stream.
    pub gpu: PathBuf,
    /// The file whose lock pyshmem's writers hold.
    pub lock: PathBuf,
}

impl StreamFiles {
    /// The files of the stream `name`.
    ///
    /// # Errors
    /// pyshmem's rules: a name is not blank, has no NUL, and at most 256 bytes.
    pub fn of(name: &str) -> Result<StreamFiles, StreamError> {
        let refuse = |reason| StreamError::Name {
            name: name.to_owned(),
            reason,
        };
        if name.trim().is_empty() {
            return Err(refuse("it is blank"));
        }
        if name.contains('\0') {
            return Err(refuse("it contains a NUL"));
        }
        if name.len() > NAME_LIMIT {
            return Err(refuse("it has more than 256 bytes"));
        }
        let base = base_name(name);
        let shm = Path::new(DIRECTORY);
        Ok(StreamFiles {
            name: name.to_owned(),
            data: shm.join(&base),
            meta: shm.join(format!("{base}_meta")),
            gpu: shm.join(format!("{base}_gpu")),
            lock: lock_directory().join(format!("{base}.lock")),
        })
    }
}

/// `ps_` and the first 14 hexadecimal digits of the SHA-1 of the name.
pub(super) fn base_name(name: &str) -> String {
    let digest = Sha1::digest(name.as_bytes());
    let digits: String = digest
        .iter()
        .take(7)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("ps_{digits}")
}

/// `$PYSHMEM_LOCK_DIR`, else `pyshmem-locks-<uid>` in the directory for temporary files.
fn lock_directory() -> PathBuf {
    match env::var_os("PYSHMEM_LOCK_DIR") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory),
        _ => {
            let user = rustix::process::getuid().as_raw();
            temporary_directory().join(format!("pyshmem-locks-{user}"))
        }
    }
}

/// Python's `tempfile.gettempdir()`: the first of these that is a directory in which files can be made. (Python tries by
/// making one; asking for permission comes to the same.)
fn temporary_directory() -> PathBuf {
    let current = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let named = ["TMPDIR", "TEMP", "TMP"]
        .into_iter()
        .filter_map(env::var_os)
        .filter(|value| !value.is_empty())
        .map(|value| current.join(value));
    let usual = ["/tmp", "/var/tmp", "/usr/tmp"]
        .into_iter()
        .map(PathBuf::from);
    named
        .chain(usual)
        .find(|path| path.is_dir() && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok())
        .unwrap_or(current)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn the_files_are_those_of_pyshmem() {
        // As printed by pyshmem 1.4.0.
        let files = StreamFiles::of("camera").unwrap();
        assert_eq!(files.data.to_str().unwrap(), "/dev/shm/ps_251e382f763507");
        assert_eq!(
            files.meta.to_str().unwrap(),
            "/dev/shm/ps_251e382f763507_meta"
        );
        assert_eq!(files.lock.file_name().unwrap(), "ps_251e382f763507.lock");
    }

    #[test]
    fn names_that_pyshmem_refuses_are_refused() {
        for name in ["", " \t", "a\0b", &"x".repeat(257)] {
            assert!(
                matches!(StreamFiles::of(name), Err(StreamError::Name { .. })),
                "{name:?}"
            );
        }
        assert!(StreamFiles::of(&"x".repeat(256)).is_ok());
        assert!(StreamFiles::of("a/b c é").is_ok());
    }
}
