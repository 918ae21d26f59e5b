//! A file that grows, by blocks that another thread writes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use super::block::{BLOCK, Block, PAGE, Progress};

/// What fills no block is sent too, when something is settled and nothing was sent for so long.
const LINGER: Duration = Duration::from_millis(500);

/// The recorder's end of the file. What has been settled cannot be written over any more; it is on its way into the file, but for less than
/// a block, which waits for more, and half a second at most.
pub(super) struct Disk {
    /// What is not on its way.
    open: VecDeque<Block>,
    /// Where in the file the first of them begins, ...
    base: u64,
    /// ... and how many of its bytes are on their way nevertheless, as a part of a page.
    known: usize,
    /// Where the file ends.
    end: u64,
    /// Blocks that may be made.
    left: usize,
    /// Blocks that are with the writer's thread.
    away: usize,
    idle: Vec<Block>,
    to_write: Sender<Block>,
    back: Receiver<Block>,
    progress: Arc<Progress>,
    /// When a block was sent.
    sent: Instant,
}

impl Disk {
    /// An empty file, for which about so many `bytes` of memory may be used. Blocks are sent `to_write`, and come `back`.
    pub fn new(
        bytes: u64,
        to_write: Sender<Block>,
        back: Receiver<Block>,
        progress: Arc<Progress>,
    ) -> Disk {
        Disk {
            open: VecDeque::new(),
            base: 0,
            known: 0,
            end: 0,
            // One to fill, and one to write.
            left: usize::try_from(bytes / BLOCK as u64)
                .unwrap_or(usize::MAX)
                .max(2),
            away: 0,
            idle: Vec::new(),
            to_write,
            back,
            progress,
            sent: Instant::now(),
        }
    }

    /// Sends all that there is.
    pub fn finish(mut self) {
        self.progress.settle(self.end);
        self.send_whole_blocks();
        if let Some(block) = self.open.pop_front() {
            self.send(block);
        }
    }

    /// An empty block: waits for one if all are on their way.
    fn block(&mut self) -> io::Result<Block> {
        loop {
            match self.back.try_recv() {
                Ok(block) => {
                    self.away -= 1;
                    self.idle.push(block);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(self.failure()),
            }
        }
        if let Some(failure) = self.progress.failure() {
            return Err(failure);
        }
        if let Some(block) = self.idle.pop() {
            return Ok(block);
        }
        // What must lie in memory together may need more than was allowed.
        if self.left > 0 || self.away == 0 {
            self.left = self.left.saturating_sub(1);
            match Block::new() {
                // There is no memory for more, but what there is will do.
                Err(_) if self.away > 0 => self.left = 0,
                made => return made,
            }
        }
        let block = self.back.recv().map_err(|_| self.failure())?;
        self.away -= 1;
        Ok(block)
    }

    fn failure(&self) -> io::Error {
        let gone =
            || io::Error::other("the thread that writes it is gone; this is a defect of sandpipe");
        self.progress.failure().unwrap_or_else(gone)
    }

    /// Sends the first block as far as it is filled. If the writer's thread is gone, that is noticed where a block is needed.
    fn send(&mut self, mut block: Block) {
        block.filled = (self.end - self.base).min(BLOCK as u64) as usize;
        self.base = block.end();
        self.known = 0;
        self.away += 1;
        self.sent = Instant::now();
        let _ = self.to_write.send(block);
    }

    fn send_whole_blocks(&mut self) {
        while self.end >= self.base + BLOCK as u64 {
            let Some(block) = self.open.pop_front() else {
                return;
            };
            self.send(block);
        }
    }

    /// Sends a block that is not full. Where it ends within a page, the next one begins with that page: it will be written again.
    fn send_rest(&mut self) -> io::Result<()> {
        let filled = (self.end - self.base) as usize;
        if filled == self.known {
            return self.progress.failure().map_or(Ok(()), Err);
        }
        let mut next = self.block()?;
        if let Some(block) = self.open.pop_front() {
            let page = filled / PAGE * PAGE;
            let rest = filled - page;
            next.memory[..rest].copy_from_slice(&block.memory[page..filled]);
            next.at = block.at + page as u64;
            self.send(block);
            self.base = next.at;
            self.known = rest;
            self.open.push_front(next);
        }
        Ok(())
    }

    /// Where the file ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Adds so many bytes, to be written to by [`Disk::parts`].
    ///
    /// # Errors
    /// The disk is full, or there is no memory.
    pub fn grow(&mut self, bytes: usize) -> io::Result<()> {
        let end = self.end + bytes as u64;
        while self.reach() < end {
            let mut block = self.block()?;
            block.at = self.reach();
            self.open.push_back(block);
        }
        self.end = end;
        Ok(())
    }

    /// Takes off what is behind `end`, which has not been settled.
    pub fn shrink(&mut self, end: u64) {
        self.end = self.end.min(end.max(self.base));
        while let Some(block) = self.open.pop_back_if(|block| block.at >= self.end) {
            self.idle.push(block);
        }
    }

    /// What lies from `from` on, which has not been settled, in the pieces in which it is in memory.
    pub fn parts(&mut self, from: u64) -> impl Iterator<Item = &mut [u8]> {
        let end = self.end;
        self.open.iter_mut().filter_map(move |block| {
            let place = |at: u64| at.saturating_sub(block.at).min(BLOCK as u64) as usize;
            let part = place(from)..place(end);
            (!part.is_empty()).then(|| &mut block.memory[part])
        })
    }

    /// Writes over what has not been settled.
    pub fn put(&mut self, at: u64, mut bytes: &[u8]) {
        for part in self.parts(at) {
            let (now, later) = bytes.split_at(part.len().min(bytes.len()));
            part[..now.len()].copy_from_slice(now);
            bytes = later;
        }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// As [`Disk::grow`].
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let at = self.end;
        self.grow(bytes.len())?;
        self.put(at, bytes);
        Ok(())
    }

    /// What has been written so far will not be written over. If nothing was sent for a while, all of it is.
    ///
    /// # Errors
    /// The disk is full.
    pub fn settle(&mut self) -> io::Result<()> {
        self.progress.settle(self.end);
        self.send_whole_blocks();
        match self.sent.elapsed() >= LINGER {
            true => self.send_rest(),
            false => self.progress.failure().map_or(Ok(()), Err),
        }
    }

    /// Sends all that has been written so far, which will not be written over.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&mut self) -> io::Result<()> {
        self.progress.settle(self.end);
        self.send_whole_blocks();
        self.send_rest()
    }

    /// Where the memory ends that there is for the file.
    fn reach(&self) -> u64 {
        self.base + (self.open.len() * BLOCK) as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs::File;
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::thread::{self, JoinHandle};
    use std::{env, fs};

    use super::super::block::BlockWriter;
    use super::*;

    fn start(file: File, bytes: u64) -> (Disk, Arc<Progress>, JoinHandle<()>) {
        let (to_write, blocks) = channel();
        let (returned, back) = channel();
        let progress = Arc::new(Progress::default());
        let writer = BlockWriter::new(Arc::new(file), Arc::clone(&progress));
        let thread = thread::spawn(move || writer.run(&blocks, &returned));
        (
            Disk::new(bytes, to_write, back, Arc::clone(&progress)),
            progress,
            thread,
        )
    }

    fn pattern(begin: usize, length: usize) -> Vec<u8> {
        (begin..begin + length)
            .map(|place| (place % 251) as u8)
            .collect()
    }

    /// Writes pieces of these lengths, the first byte of each last, and compares the file with what was written.
    fn write(folder: &Path, pieces: &[usize]) {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let path = folder.path().join("file");
        let (mut disk, progress, thread) = start(File::create_new(&path).unwrap(), 0);
        let mut expected: Vec<u8> = Vec::new();
        for (number, &length) in pieces.iter().enumerate() {
            let begin = expected.len();
            let mut piece = pattern(begin, length);
            expected.extend(&piece);
            let first = piece.first().copied();
            piece.iter_mut().take(1).for_each(|first| *first ^= 255);
            disk.append(&piece).unwrap();
            // Into another block, it may be, and back.
            disk.grow(BLOCK).unwrap();
            disk.shrink((begin + length) as u64);
            disk.put(begin as u64, first.as_slice());
            assert_eq!(disk.end(), expected.len() as u64);
            disk.settle().unwrap();
            if number % 2 == 0 {
                disk.flush().unwrap();
                while progress.durable() < expected.len() as u64 {
                    thread::yield_now();
                }
                let there = fs::read(&path).unwrap();
                assert!(there == expected, "after {begin} + {length}");
            }
        }
        disk.finish();
        thread.join().unwrap();
        assert_eq!(progress.durable(), expected.len() as u64);
        assert!(progress.failure().is_none());
        assert!(fs::read(&path).unwrap() == expected);
    }

    #[test]
    fn what_is_settled_comes_into_the_file() {
        let pieces = [
            1,
            0,
            PAGE - 1,
            1,
            BLOCK,
            3,
            BLOCK - 3,
            // More than the memory that is allowed.
            5 * BLOCK + 5,
            PAGE,
            BLOCK - 5,
            0,
            7,
        ];
        // A disk, and a file system in memory.
        write(&env::temp_dir(), &pieces);
        write(Path::new("/dev/shm"), &pieces);
    }

    #[test]
    fn what_was_settled_is_not_written_over() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let (mut disk, _, thread) = start(path.reopen().unwrap(), 0);
        let expected = pattern(0, 2 * BLOCK);
        disk.append(&expected).unwrap();
        disk.settle().unwrap();
        disk.put(7, b"too late");
        disk.shrink(7);
        assert_eq!(disk.end(), 2 * BLOCK as u64);
        disk.finish();
        thread.join().unwrap();
        assert!(fs::read(path.path()).unwrap() == expected);
    }

    #[test]
    fn a_block_that_cannot_be_written_is_told_and_nothing_hangs() {
        // It can only be read.
        let file = File::open("/dev/zero").unwrap();
        let (mut disk, progress, thread) = start(file, 0);
        let mut write = || disk.append(&pattern(0, BLOCK)).and_then(|()| disk.settle());
        let error = (0..100).find_map(|_| write().err()).unwrap();
        assert_eq!(error.kind(), progress.failure().unwrap().kind());
        assert_eq!(progress.durable(), 0);
        drop(disk);
        thread.join().unwrap();
    }
}
