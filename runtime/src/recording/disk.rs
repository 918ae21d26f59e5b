//! Writes a file past the system's page cache.
//!
//! What goes through the cache is copied by the system, which on most kernels lets nobody else have the processor meanwhile, and is
//! written later by threads of the system's that run wherever they like: on a lane's processor, too. So whole blocks go from memory to the
//! disk (`O_DIRECT` of open(2)). Where the file system has no such way, they take the other one, in short steps.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::array::zeros;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// What offsets, lengths and addresses have to be multiples of: no disk that is used with Linux asks for more.
const BLOCK: usize = 4096;
/// Bytes that are written at once, to the disk, ...
const DIRECT_STEP: usize = 512 << 10;
/// ... and to the page cache.
const CACHED_STEP: usize = 128 << 10;

/// A file that grows. What has been written is in it after a flush.
pub(super) struct Disk {
    file: Arc<File>,
    direct: bool,
    /// Its first `BLOCK`-aligned byte is `start`; from there on there is room for `DIRECT_STEP`.
    buffer: Vec<u8>,
    start: usize,
    /// Bytes in the buffer.
    filled: usize,
    /// Where they belong in the file: a multiple of `BLOCK`.
    at: u64,
}

impl Disk {
    /// Writes an empty file.
    ///
    /// # Errors
    /// There is no memory for the buffer.
    pub fn new(file: Arc<File>) -> io::Result<Disk> {
        let buffer = zeros(BLOCK + DIRECT_STEP).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut disk = Disk {
            start: buffer.as_ptr().align_offset(BLOCK).min(BLOCK),
            buffer,
            filled: 0,
            at: 0,
            direct: false,
            file,
        };
        disk.direct = disk.set_direct(true).is_ok();
        Ok(disk)
    }

    fn set_direct(&self, direct: bool) -> rustix::io::Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::DIRECT, direct);
        fcntl_setfl(&self.file, flags)
    }

    /// Writes whole blocks of the buffer from its beginning.
    fn write_blocks(&mut self, bytes: usize) -> io::Result<()> {
        let blocks = &self.buffer[self.start..self.start + bytes];
        if self.direct {
            match self.file.write_all_at(blocks, self.at) {
                // The file system has no such way, and says so only now.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                    self.direct = false;
                    self.set_direct(false)?;
                }
                done => return done,
            }
        }
        write_in_steps(&self.file, blocks, self.at)
    }

    /// Writes what is in the buffer, and keeps what is no whole block: it will be written again, when it is one.
    fn write_all_of_it(&mut self) -> io::Result<()> {
        let rest = self.filled % BLOCK;
        let whole = self.filled - rest;
        if whole > 0 {
            self.write_blocks(whole)?;
        }
        let (from, to) = (self.start + whole, self.start + self.filled);
        let at = self.at + whole as u64;
        if rest > 0 {
            if self.direct {
                self.set_direct(false)?;
            }
            let written = self.file.write_all_at(&self.buffer[from..to], at);
            if self.direct {
                self.set_direct(true)?;
            }
            written?;
        }
        self.buffer.copy_within(from..to, self.start);
        self.filled = rest;
        self.at = at;
        Ok(())
    }
}

fn write_in_steps(file: &File, bytes: &[u8], mut at: u64) -> io::Result<()> {
    for step in bytes.chunks(CACHED_STEP) {
        file.write_all_at(step, at)?;
        at += step.len() as u64;
    }
    Ok(())
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == DIRECT_STEP {
            self.write_blocks(DIRECT_STEP)?;
            self.at += DIRECT_STEP as u64;
            self.filled = 0;
        }
        let taken = bytes.len().min(DIRECT_STEP - self.filled);
        let from = self.start + self.filled;
        self.buffer[from..from + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_all_of_it()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::path::Path;
    use std::{env, fs};

    use super::*;

    /// Writes pieces of these lengths, with a flush after each, and compares the file with what was written.
    fn write(folder: &Path, pieces: &[usize]) -> bool {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let path = folder.path().join("file");
        let mut disk = Disk::new(Arc::new(File::create_new(&path).unwrap())).unwrap();
        let mut expected = Vec::new();
        for &length in pieces {
            let begin = expected.len();
            expected.extend((begin..begin + length).map(|place| (place % 251) as u8));
            disk.write_all(&expected[begin..]).unwrap();
            disk.flush().unwrap();
            assert!(
                fs::read(&path).unwrap() == expected,
                "after {begin} + {length}"
            );
        }
        disk.direct
    }

    #[test]
    fn what_is_flushed_is_in_the_file() {
        let step = DIRECT_STEP;
        let pieces = [
            1,
            0,
            BLOCK - 1,
            1,
            step,
            3,
            step - 3,
            2 * step + 5,
            BLOCK,
            7,
        ];
        // A disk, and a file system in memory.
        write(&env::temp_dir(), &pieces);
        write(Path::new("/dev/shm"), &pieces);
    }

    #[test]
    fn what_is_not_flushed_is_written_when_a_step_is_full() {
        let path = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        let mut disk = Disk::new(Arc::new(path.reopen().unwrap())).unwrap();
        disk.write_all(&vec![1; DIRECT_STEP]).unwrap();
        assert_eq!(path.as_file().metadata().unwrap().len(), 0);
        disk.write_all(&[2]).unwrap();
        assert_eq!(path.as_file().metadata().unwrap().len(), DIRECT_STEP as u64);
    }
}
