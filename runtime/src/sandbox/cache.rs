//! Compiled code, kept between runs in a directory that only the user can write.
//!
//! Running a compiled file is running its code with no sandbox around it, so a file is loaded only if this program wrote it: the
//! directory and the file belong to the user and nobody else may read or write them, no symbolic link is followed, and the
//! file begins with the SHA-256 of its name and the rest. What fails any of this is ignored and written anew. Whoever can
//! write as the user needs no cache to run code as the user.
//!
//! The name is the SHA-256 of everything the code depends on: the module, the way to stop it, the engine's configuration, the
//! version of this program and of its wrapping. The cache is a convenience: when the directory cannot be used, everything is compiled.

use std::env;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use sha2::{Digest as _, Sha256};

use super::code::Code;
use super::compiler::Compiler;
use super::engine::CacheDirectory;
use super::program::Digest;
use super::wrap;

/// Larger files are not read.
const FILE_BYTES: u64 = 1 << 30;
/// Length of the checksum at the beginning of a file.
const CHECKSUM: usize = 32;

/// An open cache directory.
pub(super) struct Cache {
    directory: OwnedFd,
}

/// The name of one module's compiled code.
pub(super) struct Key(String);

impl Cache {
    /// Opens the directory, and creates it if need be; `None` when it cannot be used.
    pub fn open(directory: &CacheDirectory) -> Option<Cache> {
        let path = match directory {
            CacheDirectory::None => return None,
            CacheDirectory::At(path) => path.clone(),
            CacheDirectory::Default => default_directory()?,
        };
        match open_directory(&path) {
            Ok(directory) => Some(Cache { directory }),
            Err(error) => {
                tracing::debug!(
                    "compiled code is not kept, because {} cannot be used: {error}",
                    path.display()
                );
                None
            }
        }
    }

    /// The name for the code that `compiler` makes of the module with this digest.
    pub fn key(&self, compiler: &Compiler, module: &Digest) -> Key {
        let name = Sha256::new()
            .chain_update(configuration(compiler))
            .chain_update(module.0)
            .finalize();
        Key(format!("{}.cwasm", Digest(name.into())))
    }

    /// The compiled code, if there is a sound file with it: in a directory that only this user can write (checked on the open
    /// directory), belonging to this user alone (checked on the open file), with a checksum that says that these are the bytes
    /// which `store` wrote under this name.
    pub fn load(&self, key: &Key) -> Option<Code> {
        let mut file = self.read(key).ok()?;
        let (sum, code) = file.split_at_checked(CHECKSUM)?;
        if sum != checksum(key, code).as_slice() {
            tracing::debug!("the compiled code in {} is damaged", key.0);
            return None;
        }
        file.drain(..CHECKSUM);
        Some(Code(file))
    }

    /// Keeps compiled code. Failure means that there is no cached code next time, and nothing else.
    pub fn store(&self, key: &Key, code: &Code) {
        if let Err(error) = self.write(key, &code.0) {
            tracing::debug!("compiled code cannot be kept: {error}");
        }
    }

    fn read(&self, key: &Key) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.directory, &key.0, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        check_owner(&stat, FileType::RegularFile)?;
        let mut bytes = Vec::new();
        File::from(file).take(FILE_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a new file and then gives it its name, so that nobody ever sees half of it.
    fn write(&self, key: &Key, code: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let new = format!(".{}.{}.{count}", key.0, std::process::id());
        self.remove_unfinished();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, &new, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        let written = file
            .write_all(&checksum(key, code))
            .and_then(|()| file.write_all(code))
            .and_then(|()| {
                rustix::fs::renameat(&self.directory, &new, &self.directory, &key.0)
                    .map_err(Into::into)
            });
        if written.is_err() {
            // Best effort: there may be nothing to remove.
            let _ = rustix::fs::unlinkat(&self.directory, &new, rustix::fs::AtFlags::empty());
        }
        written
    }

    /// Removes files that processes left which were killed while they wrote them. In a cache that is shared between containers
    /// this may take away what somebody writes just now, who then has no cached code next time, and nothing else.
    fn remove_unfinished(&self) {
        let Ok(entries) = rustix::fs::Dir::read_from(&self.directory) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if writer_of(&name.to_string_lossy())
                .is_some_and(|writer| test_kill_process(writer) == Err(Errno::SRCH))
            {
                // Somebody else may have been quicker.
                let _ = rustix::fs::unlinkat(&self.directory, name, rustix::fs::AtFlags::empty());
            }
        }
    }
}

/// The process that writes the unfinished file of this name.
fn writer_of(name: &str) -> Option<Pid> {
    let (key, writer) = name.strip_prefix('.')?.split_once(".cwasm.")?;
    let (process, _) = writer.split_once('.')?;
    let whole = key.bytes().all(|byte| byte.is_ascii_hexdigit());
    Pid::from_raw(process.parse().ok()?).filter(|_| whole)
}

/// Binds the code to its name: a file that was given another's name is as wrong as a damaged one.
fn checksum(key: &Key, code: &[u8]) -> [u8; CHECKSUM] {
    Sha256::new()
        .chain_update(key.0.as_bytes())
        .chain_update(code)
        .finalize()
        .into()
}

/// What compiled code depends on beside the module.
fn configuration(compiler: &Compiler) -> [u8; 32] {
    struct Sink(Sha256);
    impl Hasher for Sink {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sink = Sink(Sha256::new());
    compiler
        .engine
        .precompile_compatibility_hash()
        .hash(&mut sink);
    compiler.interruption.name().hash(&mut sink);
    env!("CARGO_PKG_VERSION").hash(&mut sink);
    wrap::VERSION.hash(&mut sink);
    sink.0.finalize().into()
}

/// `$XDG_CACHE_HOME/sandpipe` if that is an absolute path, or `~/.cache/sandpipe`.
fn default_directory() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .map(|cache| cache.join("sandpipe"))
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&directory)?;
    check_owner(&stat, FileType::Directory)?;
    Ok(directory)
}

/// Checks that something is of the wanted type, belongs to this user, and that nobody else can do anything with it.
fn check_owner(stat: &Stat, wanted: FileType) -> io::Result<()> {
    let own = stat.st_uid == rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(stat.st_mode) != wanted || !own || stat.st_mode & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is not the user's own, or others have access to it",
        ));
    }
    Ok(())
}
