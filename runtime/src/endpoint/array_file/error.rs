//! What is wrong with a file of an array.

use std::io;
use std::path::{Path, PathBuf};

use crate::array::Dtype;
use crate::config::{Diagnostic, Span};

/// What is wrong with a file of an array.
#[derive(Debug, thiserror::Error)]
#[error("'{}' {problem}", path.display())]
pub struct FileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
pub(in crate::endpoint) enum Problem {
    #[error("{0}")]
    Open(String),
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("cannot be written: {0}")]
    Write(io::Error),
    #[error("is not a regular file")]
    NoFile,
    #[error("is not a .npy file")]
    NoNpy,
    #[error("is not a FITS file")]
    NoFits,
    #[error("is a .npy file of the unknown version {0}.{1}")]
    Version(u8, u8),
    #[error("has a damaged header: {0}")]
    Header(&'static str),
    #[error("has a damaged header: the card '{card}' {what}")]
    Card { card: String, what: &'static str },
    #[error("holds records with named fields, not an array of numbers")]
    Structured,
    #[error("holds elements of the type '{0}', which no stream can have")]
    Dtype(String),
    #[error("is big endian")]
    BigEndian(Dtype),
    #[error("is in Fortran order")]
    Fortran,
    #[error("has no image in its primary HDU")]
    NoImage,
    #[error("holds integers that stand for others (BSCALE {scale}, BZERO {zero})")]
    Scaled { scale: f64, zero: f64 },
    #[error("cannot hold elements of the type {0}: FITS has none like them")]
    NotInFits(Dtype),
    #[error("holds {found}, but {expected} is needed")]
    Type { found: String, expected: String },
    #[error("holds no frame: its first extent is 0")]
    Empty,
    #[error("has the shape {0:?}, which no stream can have")]
    Shape(Vec<u64>),
    #[error("cannot hold an array of {0} dimensions")]
    Rank(usize),
    #[error("says that it holds more elements than any file can")]
    Overflow,
    #[error("is torn: its header promises {promised} bytes, but it has {found}")]
    Torn { promised: u64, found: u64 },
    #[error("has {excess} bytes after the last element")]
    Excess { excess: u64 },
    #[error("holds {0} bytes, more than the 4 GiB that a kernel can address")]
    TooLarge(u64),
}

impl FileError {
    pub(in crate::endpoint) fn new(path: &Path, problem: Problem) -> FileError {
        FileError {
            path: path.to_owned(),
            problem,
        }
    }

    /// As a diagnostic about the text that names the file.
    pub(in crate::endpoint) fn at(&self, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::at(span, self.to_string());
        match self.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// How to mend it, where that can be said.
    pub fn help(&self) -> Option<String> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        Some(match &self.problem {
            Problem::BigEndian(dtype) => format!(
                "save it little endian: numpy.save('{name}', array.astype('<{}'))",
                dtype.type_string()
            ),
            Problem::Fortran => {
                format!("save it in C order: numpy.save('{name}', numpy.ascontiguousarray(array))")
            }
            Problem::NoNpy | Problem::Structured | Problem::Dtype(_) => {
                "save an array of numbers with numpy.save".to_owned()
            }
            Problem::NoFits | Problem::NoImage => {
                format!("save an array with astropy.io.fits.writeto('{name}', array)")
            }
            Problem::Scaled { .. } => format!(
                "save the values themselves: fits.writeto('{name}', fits.getdata('{name}').astype('float32'))"
            ),
            Problem::NotInFits(_) => {
                "convert them first ('cpu.convert'), or use 'file.npy'".to_owned()
            }
            Problem::Torn { .. }
            | Problem::Excess { .. }
            | Problem::Header(_)
            | Problem::Card { .. } => {
                "write it again: it was cut off or changed after it was written".to_owned()
            }
            _ => return None,
        })
    }
}
