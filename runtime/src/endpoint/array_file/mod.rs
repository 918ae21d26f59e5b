//! Files of one array, `.npy` or FITS: what they have in common once their header was read.
//!
//! A file to read is opened once and checked in full: its header, and that its length is what the header says. Elements are
//! then read by position, so memory stays constant. A file to write grows under a temporary name beside the final one
//! and takes its name when it is complete.

mod bytes;
mod error;
mod format;

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::array::{ArrayType, Dtype, zeros};

use super::part::{PartFile, directory};

pub use bytes::Bytes;
pub use error::FileError;
pub(super) use error::Problem;
pub(super) use format::{ArrayWriter, Format};

/// The largest array that is read as a whole: no kernel can address more.
const ARRAY_LIMIT: u64 = 4 << 30;

/// Dimensions that NumPy can read.
pub(super) const RANK_LIMIT: usize = 64;

/// A file whose header and length were checked.
#[derive(Clone, Debug)]
pub struct ArrayFile {
    path: PathBuf,
    file: Arc<File>,
    stored: Stored,
}

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// The type of one element, as a stream has it.
    pub dtype: Dtype,
    /// Extents, slowest first, in C order.
    pub shape: Vec<u64>,
    /// Where the first element lies in the file.
    pub data: u64,
    /// How its elements lie there.
    pub bytes: Bytes,
}

impl Stored {
    /// Bytes of all elements, if they can be counted.
    pub fn length(&self) -> Option<u64> {
        let size = self.dtype.size() as u64;
        let mut extents = self.shape.iter();
        extents.try_fold(size, |n, &extent| n.checked_mul(extent))
    }

    /// Where the elements end, if that can be counted.
    pub fn end(&self) -> Option<u64> {
        self.length()?.checked_add(self.data)
    }
}

impl ArrayFile {
    /// A file that was found to be as long as `stored` says.
    pub(super) fn new(path: &Path, file: File, stored: Stored) -> ArrayFile {
        ArrayFile {
            path: path.to_owned(),
            file: Arc::new(file),
            stored,
        }
    }

    /// How many frames of `array` it holds: it is a stack `[N, *shape]`, or one frame `[*shape]`.
    ///
    /// # Errors
    /// Its dtype or shape is another, or N is 0.
    pub fn frames(&self, array: &ArrayType) -> Result<u64, FileError> {
        let Stored { dtype, shape, .. } = &self.stored;
        let fits = *dtype == array.dtype;
        match shape.split_first() {
            _ if fits && same(shape, &array.shape) => Ok(1),
            Some((0, frame)) if fits && same(frame, &array.shape) => {
                Err(self.error(Problem::Empty))
            }
            Some((&count, frame)) if fits && same(frame, &array.shape) => Ok(count),
            _ => Err(self.mismatch(format!("{array}, or a stack of such frames,"))),
        }
    }

    /// Checks that it holds one `array`.
    ///
    /// # Errors
    /// Its dtype or shape is another.
    pub fn expect(&self, array: &ArrayType) -> Result<(), FileError> {
        if self.stored.dtype == array.dtype && same(&self.stored.shape, &array.shape) {
            return Ok(());
        }
        Err(self.mismatch(array.to_string()))
    }

    /// Reads frame `index`, where all frames have the size of `frame`. It comes little endian.
    ///
    /// # Errors
    /// The file cannot be read, or was cut off since it was opened.
    pub fn read_frame(&self, index: u64, frame: &mut [u8]) -> Result<(), FileError> {
        let length = frame.len() as u64;
        let offset = index
            .checked_mul(length)
            .and_then(|offset| offset.checked_add(self.stored.data))
            .ok_or_else(|| self.error(Problem::Overflow))?;
        // Behind the elements of a FITS file there may be more.
        let end = self
            .stored
            .end()
            .ok_or_else(|| self.error(Problem::Overflow))?;
        if offset.checked_add(length).is_none_or(|last| last > end) {
            return Err(self.error(Problem::Read(io::ErrorKind::UnexpectedEof.into())));
        }
        self.file
            .read_exact_at(frame, offset)
            .map_err(|error| self.error(Problem::Read(error)))?;
        self.stored.bytes.to_little_endian(frame);
        Ok(())
    }

    /// Reads all of it as one array.
    ///
    /// # Errors
    /// It has no extents, an extent of 0, or more bytes than a kernel can address; it cannot be read.
    pub(super) fn read(&self) -> Result<(ArrayType, Vec<u8>), FileError> {
        let shape = &self.stored.shape;
        let bad = || self.error(Problem::Shape(shape.clone()));
        if shape.is_empty() || shape.len() > RANK_LIMIT || shape.contains(&0) {
            return Err(bad());
        }
        let extents = shape.iter().map(|&extent| u32::try_from(extent));
        let array = ArrayType {
            dtype: self.stored.dtype,
            shape: extents.collect::<Result<_, _>>().map_err(|_| bad())?,
        };
        let bytes = self.stored.length().unwrap_or(u64::MAX);
        if bytes > ARRAY_LIMIT {
            return Err(self.error(Problem::TooLarge(bytes)));
        }
        let no_memory = |_| self.error(Problem::Read(io::ErrorKind::OutOfMemory.into()));
        let mut data = zeros(bytes as usize).map_err(no_memory)?;
        self.read_frame(0, &mut data)?;
        Ok((array, data))
    }

    fn mismatch(&self, expected: String) -> FileError {
        self.error(Problem::Type {
            found: format!("{} {:?}", self.stored.dtype, self.stored.shape),
            expected,
        })
    }

    fn error(&self, problem: Problem) -> FileError {
        FileError::new(&self.path, problem)
    }
}

fn same(found: &[u64], expected: &[u32]) -> bool {
    found
        .iter()
        .copied()
        .eq(expected.iter().map(|&extent| u64::from(extent)))
}

/// Puts the final header in the place of the one that a file began with, and gives the file its name. What was written behind so many
/// bytes of elements, of a frame that could not be written whole, is cut off; the rest of the last `block` is zeros.
pub(super) fn complete(
    file: BufWriter<PartFile>,
    header: &[u8],
    elements: u64,
    block: u64,
) -> io::Result<()> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    let length = header.len() as u64 + elements;
    file.resize(length)?;
    file.resize(length.next_multiple_of(block))?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)?;
    file.finish()
}

/// Checks, without creating anything, that a file can be expected to be written at `path`.
///
/// # Errors
/// Its directory does not exist, or something that is no regular file has its name.
pub(super) fn check_target(path: &Path) -> Result<(), FileError> {
    let fail = |problem| Err(FileError::new(path, problem));
    let invalid = |what| Problem::Write(io::Error::new(io::ErrorKind::InvalidInput, what));
    if path.file_name().is_none() {
        return fail(invalid("the path has no file name"));
    }
    // Replacing a device or a FIFO by a file is never what was meant.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return fail(Problem::NoFile),
        _ => {}
    }
    match fs::metadata(directory(path)) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => fail(invalid("what should be its directory is a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fail(Problem::Write(
            io::Error::new(io::ErrorKind::NotFound, "its directory does not exist"),
        )),
        Err(error) => fail(Problem::Write(error)),
    }
}
