//! Bytes for a child, in a file in memory that nobody can change any more.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

/// A file with `bytes`, sealed against every change.
pub(super) fn sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = create(name)?;
    write_part(&file, bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(file)
}

/// A file of `size` zeros, of which only the bytes can change.
pub(super) fn fixed(name: &str, size: u64) -> io::Result<OwnedFd> {
    let file = create(name)?;
    ftruncate(&file, size)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

fn create(name: &str) -> io::Result<OwnedFd> {
    Ok(memfd_create(
        name,
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?)
}

/// All bytes of such a file.
pub(super) fn read(file: &OwnedFd) -> io::Result<Vec<u8>> {
    let size = rustix::fs::fstat(file)?.st_size;
    read_part(file, u64::try_from(size).map_err(io::Error::other)?)
}

/// The first bytes of such a file. It is read by places, because everybody who has it shares one position.
pub(super) fn read_part(file: &OwnedFd, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let mut done = 0;
    while done < bytes.len() {
        match rustix::io::pread(file, &mut bytes[done..], done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(bytes)
}

/// Writes at the beginning of such a file.
pub(super) fn write_part(file: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        done += rustix::io::pwrite(file, &bytes[done..], done as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use rustix::io::Errno;

    #[test]
    fn sealed_bytes_cannot_be_changed() {
        let file = sealed("test", b"bytes").unwrap();
        assert_eq!(rustix::io::pwrite(&file, b"x", 0), Err(Errno::PERM));
        assert_eq!(ftruncate(&file, 0), Err(Errno::PERM));
        assert_eq!(read(&file).unwrap(), b"bytes");
    }

    #[test]
    fn the_size_of_a_fixed_file_stays() {
        let file = fixed("test", 4096).unwrap();
        assert_eq!(ftruncate(&file, 0), Err(Errno::PERM));
        assert_eq!(ftruncate(&file, 8192), Err(Errno::PERM));
        assert_eq!(rustix::io::pwrite(&file, b"x", 4095), Ok(1));
    }
}
