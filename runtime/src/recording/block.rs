//! Blocks of memory that go round between the recorder's thread, which fills them, and the writer's, which writes them into the file past
//! the system's page cache.
//!
//! What goes through the cache is copied by the system, which on most kernels lets nobody else have the processor meanwhile, and is
//! written later by threads of the system's that run wherever they like: on a lane's processor, too. So whole pages go from memory to the
//! disk (`O_DIRECT` of open(2)). Where the file system has no such way, they take the other one, in short steps.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, OnceLock};

use memmap2::{Advice, MmapMut};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Bytes of a block: two huge pages, which cost the system an eighth of the time of as many small ones.
pub(super) const BLOCK: usize = 4 << 20;
/// What offsets, lengths and addresses have to be multiples of past the page cache: no disk that is used with Linux asks for more.
pub(super) const PAGE: usize = 4096;
/// Bytes that are written to the page cache at once.
const CACHED_STEP: usize = 128 << 10;

/// Bytes that belong somewhere in the file.
pub(super) struct Block {
    pub memory: MmapMut,
    /// How many there are.
    pub filled: usize,
    /// Where they belong: a multiple of `PAGE`.
    pub at: u64,
}

impl Block {
    /// An empty one.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new() -> io::Result<Block> {
        let memory = MmapMut::map_anon(BLOCK)?;
        // Where there are no huge pages, small ones do.
        let _ = memory.advise(Advice::HugePage);
        Ok(Block {
            memory,
            filled: 0,
            at: 0,
        })
    }

    /// Where in the file it ends.
    pub fn end(&self) -> u64 {
        self.at + self.filled as u64
    }
}

/// How far the writer's thread is.
#[derive(Default)]
pub(super) struct Progress {
    /// All before it has been written and is not written over any more, ...
    settled: AtomicU64,
    /// ... and all before it is in the file.
    durable: AtomicU64,
    failure: OnceLock<io::Error>,
}

impl Progress {
    /// The file is complete up to there, though not all of it may be in it yet.
    pub fn settle(&self, end: u64) {
        self.settled.store(end, Ordering::Relaxed);
    }

    /// Up to where it is.
    pub fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    /// All bytes of the file before it have been written.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Why nothing is written any more.
    pub fn failure(&self) -> Option<io::Error> {
        let error = self.failure.get()?;
        // An error of the system keeps its sentence.
        Some(match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        })
    }
}

/// The writer's thread.
pub(super) struct BlockWriter {
    file: Arc<File>,
    direct: bool,
    progress: Arc<Progress>,
}

impl BlockWriter {
    /// Writes into a file.
    pub fn new(file: Arc<File>, progress: Arc<Progress>) -> BlockWriter {
        let direct = set_direct(&file, true).is_ok();
        BlockWriter {
            file,
            direct,
            progress,
        }
    }

    /// Writes blocks until nobody sends any more, and gives each back. After a failure it writes no more.
    pub fn run(mut self, blocks: &Receiver<Block>, back: &Sender<Block>) {
        for block in blocks {
            if self.progress.failure().is_none() {
                match self.write(&block) {
                    Ok(()) => self.progress.durable.store(block.end(), Ordering::Release),
                    // It is the first one.
                    Err(error) => drop(self.progress.failure.set(error)),
                }
            }
            // At the end nobody wants it any more.
            let _ = back.send(block);
        }
    }

    /// Writes whole pages past the cache, and the rest through it.
    fn write(&mut self, block: &Block) -> io::Result<()> {
        let (pages, rest) = block.memory[..block.filled].split_at(block.filled / PAGE * PAGE);
        self.write_pages(pages, block.at)?;
        if rest.is_empty() {
            return Ok(());
        }
        if self.direct {
            set_direct(&self.file, false)?;
        }
        let written = self.file.write_all_at(rest, block.at + pages.len() as u64);
        if self.direct {
            set_direct(&self.file, true)?;
        }
        written
    }

    fn write_pages(&mut self, pages: &[u8], at: u64) -> io::Result<()> {
        if self.direct {
            match self.file.write_all_at(pages, at) {
                // The file system has no such way, and says so only now.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                    self.direct = false;
                    set_direct(&self.file, false)?;
                }
                done => return done,
            }
        }
        let steps = pages.chunks(CACHED_STEP).zip((at..).step_by(CACHED_STEP));
        for (step, at) in steps {
            self.file.write_all_at(step, at)?;
        }
        Ok(())
    }
}

fn set_direct(file: &File, direct: bool) -> rustix::io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    fcntl_setfl(file, flags)
}
