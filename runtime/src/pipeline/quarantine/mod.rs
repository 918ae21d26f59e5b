//! Quarantine: the frames that made stages fault are written to a directory, where the faults can be reproduced.
//!
//! A lane copies the arrays of such a frame, which are a few at most, and goes on; a thread of the run writes them. Each
//! record grows under a name that begins with a dot, locked, and gets its own when it is complete. What nobody holds the lock of
//! was left by a run that was killed, and goes when the directory is opened next.

mod record;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, mkdir, open, renameat_with};
use rustix::io::Errno;

pub use record::Record;

/// Frames of one stage that are kept in one run: the first ones.
const FRAMES_PER_STAGE: u32 = 10;
/// How the names of records begin and end that are not complete.
const UNFINISHED: (&str, &str) = (".record-", ".part");
/// Names that are tried for a record.
const NAMES: u32 = 1000;

/// The directory that records go to.
#[derive(Clone, Debug)]
pub struct QuarantineDirectory {
    file: Arc<OwnedFd>,
    path: PathBuf,
}

impl QuarantineDirectory {
    /// Opens the directory, after making it where there is none.
    ///
    /// # Errors
    /// It cannot be made or opened, or it is a symbolic link or a file.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let refused = || format!("'{}' cannot be used for quarantine", path.display());
        match mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error).with_context(refused),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = open(path, flags, Mode::empty()).with_context(|| match path.is_symlink() {
            true => format!("{}: it is a symbolic link", refused()),
            false => refused(),
        })?;
        let directory = Self {
            file: Arc::new(file),
            path: path.to_owned(),
        };
        directory.remove_abandoned();
        Ok(directory)
    }

    /// Removes what killed runs left unfinished. What cannot be removed is in nobody's way.
    fn remove_abandoned(&self) {
        let (start, end) = UNFINISHED;
        for entry in fs::read_dir(self.opened()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(start) && name.ends_with(end) && lock(&entry.path()).is_some() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// The directory that was opened, whatever has its name by now.
    fn opened(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    fn keep(&self, record: &Record, arrays: &[Vec<u8>]) -> anyhow::Result<()> {
        let within = self.opened();
        // Made with a name that nobody can guess, for this user alone; removed with what is in it when something fails.
        let unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED.0)
            .suffix(UNFINISHED.1)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&within)?;
        let _held = lock(unfinished.path());
        record.write(unfinished.path(), arrays)?;
        let name = name_of(record);
        for number in 1..=NAMES {
            let name = match number {
                1 => name.clone(),
                _ => format!("{name}-{number}"),
            };
            let (from, to) = (unfinished.path(), within.join(name));
            match renameat_with(CWD, from, CWD, &to, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    let _ = unfinished.keep();
                    return Ok(());
                }
                Err(Errno::EXIST | Errno::NOTEMPTY) => {}
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("there are too many records named {name}")
    }
}

/// Locks a directory, unless it is locked or none.
fn lock(path: &Path) -> Option<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let directory = OpenOptions::new().read(true).custom_flags(flags).open(path);
    directory
        .ok()
        .filter(|directory| directory.try_lock().is_ok())
}

/// STAGE-SEQUENCE-CAUSE, with letters, digits and a few signs only.
fn name_of(record: &Record) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let stage = record.context.name.chars().take(64);
    let stage: String = stage.map(|c| if plain(c) { c } else { '_' }).collect();
    let sequence = record.sequence.unwrap_or(0);
    format!("{stage}-{sequence}-{}", record.cause)
}

struct Case {
    record: Record,
    arrays: Vec<Vec<u8>>,
}

/// The thread that writes records; it ends with the last [`StageQuarantine`].
pub struct Keeper {
    cases: Sender<Case>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses another thread.
    pub fn start(directory: QuarantineDirectory) -> std::io::Result<Self> {
        let (cases, received) = channel();
        let thread = thread::Builder::new()
            .name("quarantine".to_owned())
            .spawn(move || keep_all(&directory, &received))?;
        Ok(Self { cases, thread })
    }

    /// For one stage: `record` says all but what is different in each fault.
    pub fn stage(&self, record: Record) -> StageQuarantine {
        StageQuarantine {
            record,
            left: FRAMES_PER_STAGE,
            cases: self.cases.clone(),
        }
    }

    /// Waits until everything is written, after the stages are gone.
    pub fn finish(self) {
        drop(self.cases);
        // It does not panic; if it did, there is nothing to wait for.
        let _ = self.thread.join();
    }
}

fn keep_all(directory: &QuarantineDirectory, cases: &Receiver<Case>) {
    for Case { record, arrays } in cases {
        if let Err(error) = directory.keep(&record, &arrays) {
            tracing::warn!(
                "the frame that made stage '{}' fault could not be kept in {}: {error:#}",
                record.context.name,
                directory.path.display()
            );
        }
    }
}

/// The quarantine of one stage.
pub struct StageQuarantine {
    record: Record,
    left: u32,
    cases: Sender<Case>,
}

impl StageQuarantine {
    /// Whether another frame is kept.
    pub fn has_room(&self) -> bool {
        self.left > 0
    }

    /// Keeps a frame. `fill` notes the fault.
    pub fn keep(&mut self, arrays: Vec<Vec<u8>>, fill: impl FnOnce(&mut Record)) {
        self.left = self.left.saturating_sub(1);
        let mut record = self.record.clone();
        fill(&mut record);
        // The thread is there as long as the run is.
        let _ = self.cases.send(Case { record, arrays });
    }
}
