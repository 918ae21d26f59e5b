//! A file that appears whole or not at all.
//!
//! It grows as `.NAME.………….part` beside its own name, under a lock that its writer holds for as long as it lives. So a part whose
//! lock is free was left by a process that was killed, and whoever writes a file of that name next removes it.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Random characters in the name of a part.
const RANDOM: usize = 12;
/// How a part's name ends.
const END: &str = ".part";

/// A file on its way. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct PartFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl PartFile {
    /// Starts the file that is to be at `path`, and removes what was left of earlier ones there.
    ///
    /// # Errors
    /// The directory does not exist or may not be written to.
    pub fn create(path: &Path) -> io::Result<PartFile> {
        remove_abandoned(path);
        loop {
            let file = tempfile::Builder::new()
                .prefix(&prefix(path))
                .rand_bytes(RANDOM)
                .suffix(END)
                // As any new file: less what the umask says.
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(directory(path))?;
            // Where there are no locks, nobody takes it for abandoned; elsewhere somebody may have, until it was locked.
            let taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
            if !taken && file.as_file().metadata()?.nlink() > 0 {
                let path = path.to_owned();
                return Ok(PartFile { path, file });
            }
        }
    }

    /// Cuts off, or fills with zeros, what makes the length another one.
    ///
    /// # Errors
    /// The disk is full.
    pub fn resize(&self, length: u64) -> io::Result<()> {
        self.file.as_file().set_len(length)
    }

    /// Gives the file its name, replacing what was there.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn finish(self) -> io::Result<()> {
        self.file.persist(&self.path)?;
        Ok(())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

impl Seek for PartFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.as_file_mut().seek(to)
    }
}

/// The directory that a file of this path is in.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// How the names of the parts of a file begin.
fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Removes the parts of a file that nobody writes any more. What cannot be removed stays: it is in nobody's way.
fn remove_abandoned(path: &Path) {
    let prefix = prefix(path);
    let is_part = |name: &str| {
        let random = name.strip_prefix(&prefix)?.strip_suffix(END)?;
        let generated = random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (random.len() == RANDOM && generated).then_some(())
    };
    for entry in fs::read_dir(directory(path))
        .into_iter()
        .flatten()
        .flatten()
    {
        if is_part(&entry.file_name().to_string_lossy()).is_some() && is_abandoned(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(part: &Path) -> bool {
    // Never through a link, and never waiting for the other end of a pipe.
    let file: io::Result<File> = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(part);
    file.is_ok_and(|file| {
        let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        regular && file.try_lock().is_ok()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn parts_of_the_dead_are_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.npy");
        let abandoned = directory.path().join(".a.npy.0123456789aB.part");
        let kept = [
            // Of another file, of nobody, and what only looks like a part.
            ".b.npy.0123456789aB.part",
            ".a.npy.my-own-copy_.part",
            ".a.npy.backup.part",
            "a.npy.0123456789aB.part",
        ];
        for name in kept {
            fs::write(directory.path().join(name), name).unwrap();
        }
        fs::write(&abandoned, "half").unwrap();
        let link = directory.path().join(".a.npy.linklinkli99.part");
        std::os::unix::fs::symlink(directory.path().join(kept[0]), &link).unwrap();

        let living = PartFile::create(&path).unwrap();
        assert!(!abandoned.exists());
        let mut other = PartFile::create(&path).unwrap();
        assert_eq!(
            names(directory.path()).len(),
            kept.len() + 3,
            "the living one is left alone"
        );
        other.write_all(b"whole").unwrap();
        other.finish().unwrap();
        drop(living);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let mut expected: Vec<String> = kept.iter().map(|&name| name.to_owned()).collect();
        expected.extend(["a.npy".to_owned(), ".a.npy.linklinkli99.part".to_owned()]);
        expected.sort();
        assert_eq!(names(directory.path()), expected);
    }
}
