//! Which of the formats a file has.

use std::path::Path;

use crate::array::{ArrayType, Dtype};
use crate::endpoint::{fits, npy};

use super::{ArrayFile, FileError};

/// A format of files of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy's.
    Npy,
    /// The Flexible Image Transport System's.
    Fits,
}

/// A file that is being written: it gets its name when it is finished.
pub trait ArrayWriter: Send {
    /// Appends elements, little endian.
    ///
    /// # Errors
    /// The file cannot be written, for example because the disk is full.
    fn append(&mut self, elements: &[u8]) -> Result<(), FileError>;

    /// Writes the header for the `shape` that was appended and gives the file its name. What was appended beyond that, because
    /// [`ArrayWriter::append`] failed on the way, is not in it.
    ///
    /// # Errors
    /// The file cannot be written or renamed.
    fn finish(self: Box<Self>, shape: &[u64]) -> Result<(), FileError>;
}

impl Format {
    /// By the end of a file's name; `.npy` where it says nothing.
    pub fn of(path: &Path) -> Format {
        let end = path.extension().unwrap_or_default().to_ascii_lowercase();
        match end.to_str() {
            Some("fits" | "fit" | "fts") => Format::Fits,
            _ => Format::Npy,
        }
    }

    /// How the names of its files end.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Npy => "npy",
            Format::Fits => "fits",
        }
    }

    /// Opens and checks a file.
    ///
    /// # Errors
    /// It is no regular file, not of the format, or not as long as its header says.
    pub fn open(self, path: &Path) -> Result<ArrayFile, FileError> {
        match self {
            Format::Npy => npy::open(path),
            Format::Fits => fits::open(path),
        }
    }

    /// Checks, without creating anything, that a file of frames of `array` can be expected to be written at `path`.
    ///
    /// # Errors
    /// Its directory does not exist, something that is no regular file has its name, or the format has no such elements.
    pub fn check_target(self, path: &Path, array: &ArrayType) -> Result<(), FileError> {
        match self {
            Format::Npy => npy::check_target(path),
            Format::Fits => fits::check_target(path, array.dtype),
        }
    }

    /// Starts a file. `longest` is the shape whose header is longest of all that may be given at the end.
    ///
    /// # Errors
    /// The file cannot be created, or `path` is something else than a regular file.
    pub fn create(
        self,
        path: &Path,
        dtype: Dtype,
        longest: &[u64],
    ) -> Result<Box<dyn ArrayWriter>, FileError> {
        Ok(match self {
            Format::Npy => Box::new(npy::NpyWriter::create(path, dtype, longest)?),
            Format::Fits => Box::new(fits::FitsWriter::create(path, dtype, longest)?),
        })
    }
}
