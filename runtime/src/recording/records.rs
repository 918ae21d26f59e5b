//! The records of an MCAP file one after the other, from a file that nobody vouches for.
//!
//! Every length is held against the file's, and against what the pipeline's frames can need, before anything is allocated.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mcap::records::{Record, op};
use mcap::{MAGIC, parse_record};

/// An opcode and a length.
pub(super) const RECORD_HEAD: usize = 9;

/// What a chunk has beside the largest message: others that came before it, and its index.
const CHUNK_ROOM: u64 = 64 << 20;

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system refuses.
    #[error("{} cannot be read: {error}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{} is no recording of sandpipe: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why it is not.
        why: String,
    },
    /// It is not what was written.
    #[error("{} is damaged at byte {at}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins that is wrong.
        at: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A record of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordPlace {
    pub opcode: u8,
    /// Where it begins in the file.
    pub at: u64,
}

impl RecordPlace {
    /// Where what it holds begins.
    pub fn body(&self) -> u64 {
        self.at + RECORD_HEAD as u64
    }
}

/// What comes next in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record, which [`Records::body`] holds.
    Record(RecordPlace),
    /// Nothing: here the file was cut off.
    Cut(u64),
    /// The data ends here as it should.
    End,
}

/// Reads a file from its beginning.
pub(super) struct Records {
    path: PathBuf,
    file: File,
    length: u64,
    at: u64,
    /// Longer records are not read.
    most: u64,
    body: Vec<u8>,
    /// Of everything so far.
    sum: crc32fast::Hasher,
}

impl Records {
    /// Opens a file whose messages have at most `largest` bytes.
    pub fn open(path: &Path, largest: u64) -> Result<Records, RecordingError> {
        let system = |error| RecordingError::System {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(system)?;
        let about = file.metadata().map_err(system)?;
        let foreign = |why: &str| RecordingError::Foreign {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        if !about.is_file() {
            return Err(foreign("it is not a file"));
        }
        let mut records = Records {
            path: path.to_owned(),
            file,
            length: about.len(),
            at: 0,
            most: largest.saturating_mul(2).saturating_add(CHUNK_ROOM),
            body: Vec::new(),
            sum: crc32fast::Hasher::new(),
        };
        let mut magic = [0; MAGIC.len()];
        let read = records.file.read_exact_at(&mut magic, 0);
        if read.is_err() || magic != MAGIC {
            return Err(foreign("it does not begin as MCAP files do"));
        }
        records.sum.update(&magic);
        records.at = magic.len() as u64;
        Ok(records)
    }

    /// What the last record holds.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes that have been read, and of the whole file.
    pub fn progress(&self) -> (u64, u64) {
        (self.at, self.length)
    }

    /// Reads the next record.
    pub fn next(&mut self) -> Result<Next, RecordingError> {
        let at = self.at;
        let mut head = [0; RECORD_HEAD];
        if self.length - at < head.len() as u64 {
            return Ok(Next::Cut(at));
        }
        self.read_at(&mut head, at)?;
        let [opcode, length @ ..] = head;
        let bytes = u64::from_le_bytes(length);
        let begin = at + RECORD_HEAD as u64;
        if opcode == 0 {
            return Err(self.damaged(at, "there is no record where one should begin"));
        }
        if bytes > self.length - begin {
            return Ok(Next::Cut(at));
        }
        if bytes > self.most {
            let why = format!(
                "a record has {bytes} bytes; with these streams none has more than {}",
                self.most
            );
            return Err(self.damaged(at, &why));
        }
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        // It is at most as long as the file and as `most`.
        if body.try_reserve(bytes as usize).is_err() {
            return Err(self.damaged(at, &format!("there is no memory for its {bytes} bytes")));
        }
        body.resize(bytes as usize, 0);
        let read = self.read_at(&mut body, begin);
        self.body = body;
        read?;
        self.at = begin + bytes;
        if opcode == op::DATA_END {
            self.check_sum(at)?;
            return Ok(Next::End);
        }
        self.sum.update(&head);
        self.sum.update(&self.body);
        Ok(Next::Record(RecordPlace { opcode, at }))
    }

    /// Compares the checksum of all data with that of the last record.
    fn check_sum(&self, at: u64) -> Result<(), RecordingError> {
        let Ok(Record::DataEnd(end)) = parse_record(op::DATA_END, &self.body) else {
            return Err(self.damaged(at, "the record that ends the data is none"));
        };
        let written = end.data_section_crc;
        let found = self.sum.clone().finalize();
        if written != 0 && written != found {
            let why = format!(
                "the checksum of all data is {found:08x}, and not {written:08x} as when it was written"
            );
            return Err(self.damaged(at, &why));
        }
        Ok(())
    }

    /// The open file.
    pub fn into_file(self) -> File {
        self.file
    }

    pub fn damaged(&self, at: u64, why: &str) -> RecordingError {
        RecordingError::Damaged {
            path: self.path.clone(),
            at,
            why: why.to_owned(),
        }
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> Result<(), RecordingError> {
        let system = |error| RecordingError::System {
            path: self.path.clone(),
            error,
        };
        self.file.read_exact_at(into, at).map_err(system)
    }
}

/// The records in a chunk: where each begins in it, its opcode and what it holds. `None` for one that reaches beyond the end.
pub(super) fn in_chunk(chunk: &[u8]) -> impl Iterator<Item = Option<(usize, u8, &[u8])>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = chunk.get(at..)?;
        if rest.is_empty() {
            return None;
        }
        let found = split(rest).map(|(opcode, body)| (at, opcode, body));
        at = match found {
            Some((at, _, body)) => at + RECORD_HEAD + body.len(),
            // The next look ends it.
            None => chunk.len(),
        };
        Some(found)
    })
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD_HEAD)?;
    let (opcode, length) = head.split_first()?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let body = rest.get(..usize::try_from(length).ok()?)?;
    Some((*opcode, body))
}
