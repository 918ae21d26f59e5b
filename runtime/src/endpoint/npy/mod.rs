//! `.npy` files: a strict reader for plain arrays, and a writer that never leaves half a file under its name.
//!
//! A file to read is opened once and checked in full ([`NpyFile::open`]): its header, and that its length is exactly
//! what the header says. Elements are then read by position, so memory stays constant. A file to write grows under a
//! temporary name beside the final one ([`NpyWriter`]) and takes its name when it is complete.

mod header;

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::array::{ArrayType, Dtype};
use crate::config::file::open_regular;
use crate::config::{Diagnostic, Span};
use crate::endpoint::part::{PartFile, directory};

use header::Header;

/// The largest array that [`read`] takes: no kernel can address more.
const ARRAY_LIMIT: u64 = 4 << 30;

/// Dimensions that NumPy can read.
const RANK_LIMIT: usize = 64;

/// What is wrong with a `.npy` file.
#[derive(Debug, thiserror::Error)]
#[error("'{}' {problem}", path.display())]
pub struct NpyError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
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
    #[error("is a .npy file of the unknown version {0}.{1}")]
    Version(u8, u8),
    #[error("has a damaged header: {0}")]
    Header(&'static str),
    #[error("holds records with named fields, not an array of numbers")]
    Structured,
    #[error("holds elements of the type '{0}', which no stream can have")]
    Dtype(String),
    #[error("is big endian")]
    BigEndian(Dtype),
    #[error("is in Fortran order")]
    Fortran,
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

impl NpyError {
    fn new(path: &Path, problem: Problem) -> NpyError {
        NpyError {
            path: path.to_owned(),
            problem,
        }
    }

    /// As a diagnostic about the text that names the file.
    pub(super) fn at(&self, span: Span) -> Diagnostic {
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
            Problem::Torn { .. } | Problem::Excess { .. } | Problem::Header(_) => {
                "write it again: it was cut off or changed after it was written".to_owned()
            }
            _ => return None,
        })
    }
}

/// A `.npy` file whose header and length were checked.
#[derive(Clone, Debug)]
pub struct NpyFile {
    path: PathBuf,
    file: Arc<File>,
    header: Header,
}

impl NpyFile {
    /// Opens and checks the file.
    ///
    /// # Errors
    /// It is no regular file, no `.npy` file of a plain little-endian array in C order, or not as long as its header
    /// says.
    pub fn open(path: &Path) -> Result<NpyFile, NpyError> {
        let (file, header) = open(path).map_err(|problem| NpyError::new(path, problem))?;
        Ok(NpyFile {
            path: path.to_owned(),
            file: Arc::new(file),
            header,
        })
    }

    /// How many frames of `array` it holds: it is a stack `[N, *shape]`, or one frame `[*shape]`.
    ///
    /// # Errors
    /// Its dtype or shape is another, or N is 0.
    pub fn frames(&self, array: &ArrayType) -> Result<u64, NpyError> {
        let fits = self.header.dtype == array.dtype;
        match self.header.shape.split_first() {
            _ if fits && same(&self.header.shape, &array.shape) => Ok(1),
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
    pub fn expect(&self, array: &ArrayType) -> Result<(), NpyError> {
        if self.header.dtype == array.dtype && same(&self.header.shape, &array.shape) {
            return Ok(());
        }
        Err(self.mismatch(array.to_string()))
    }

    /// Reads frame `index`, where all frames have the size of `frame`.
    ///
    /// # Errors
    /// The file cannot be read, or was cut off since it was opened.
    pub fn read_frame(&self, index: u64, frame: &mut [u8]) -> Result<(), NpyError> {
        let offset = index
            .checked_mul(frame.len() as u64)
            .and_then(|offset| offset.checked_add(self.header.data))
            .ok_or_else(|| self.error(Problem::Overflow))?;
        self.file
            .read_exact_at(frame, offset)
            .map_err(|error| self.error(Problem::Read(error)))
    }

    fn mismatch(&self, expected: String) -> NpyError {
        self.error(Problem::Type {
            found: format!("{} {:?}", self.header.dtype, self.header.shape),
            expected,
        })
    }

    fn error(&self, problem: Problem) -> NpyError {
        NpyError::new(&self.path, problem)
    }
}

fn same(found: &[u64], expected: &[u32]) -> bool {
    found
        .iter()
        .copied()
        .eq(expected.iter().map(|&extent| u64::from(extent)))
}

fn open(path: &Path) -> Result<(File, Header), Problem> {
    let file = open_regular(path).map_err(Problem::Open)?;
    let found = file.metadata().map_err(Problem::Read)?.len();
    let mut prefix = vec![0; found.min(header::PREFIX_LIMIT) as usize];
    file.read_exact_at(&mut prefix, 0).map_err(Problem::Read)?;
    let header = Header::parse(&prefix)?;
    let promised = header
        .bytes()
        .and_then(|bytes| bytes.checked_add(header.data))
        .ok_or(Problem::Overflow)?;
    if found < promised {
        return Err(Problem::Torn { promised, found });
    }
    if found > promised {
        let excess = found - promised;
        return Err(Problem::Excess { excess });
    }
    Ok((file, header))
}

/// Reads one array.
///
/// # Errors
/// As [`NpyFile::open`]; also where the array has no extents, an extent of 0, or more bytes than a kernel can address.
pub fn read(path: &Path) -> Result<(ArrayType, Vec<u8>), NpyError> {
    let file = NpyFile::open(path)?;
    let shape = &file.header.shape;
    let bad = || file.error(Problem::Shape(shape.clone()));
    if shape.is_empty() || shape.len() > RANK_LIMIT || shape.contains(&0) {
        return Err(bad());
    }
    let extents = shape.iter().map(|&extent| u32::try_from(extent));
    let array = ArrayType {
        dtype: file.header.dtype,
        shape: extents.collect::<Result<_, _>>().map_err(|_| bad())?,
    };
    let bytes = file.header.bytes().unwrap_or(u64::MAX);
    if bytes > ARRAY_LIMIT {
        return Err(file.error(Problem::TooLarge(bytes)));
    }
    let mut data = vec![0; bytes as usize];
    file.read_frame(0, &mut data)?;
    Ok((array, data))
}

/// Writes one array; `data` holds its elements, little endian in C order.
///
/// # Errors
/// The file cannot be written; what was there before is then unchanged.
pub fn write(path: &Path, array: &ArrayType, data: &[u8]) -> Result<(), NpyError> {
    let shape: Vec<u64> = array.shape.iter().map(|&extent| extent.into()).collect();
    let mut writer = NpyWriter::create(path, array.dtype, &shape)?;
    writer.append(data)?;
    writer.finish(&shape)
}

/// A `.npy` file that is being written.
///
/// It grows under a temporary name beside its own and takes its own name, replacing what was there, in
/// [`NpyWriter::finish`]. A writer that is dropped before leaves nothing; a killed process leaves a file
/// `.NAME.….part`, which the next writer of that file removes.
#[derive(Debug)]
pub struct NpyWriter {
    path: PathBuf,
    file: BufWriter<PartFile>,
    dtype: Dtype,
    header: usize,
}

impl NpyWriter {
    /// Starts a file. `longest` is the shape whose header is longest of all that may be given at the end.
    ///
    /// # Errors
    /// The file cannot be created, or `path` is something else than a regular file.
    pub fn create(path: &Path, dtype: Dtype, longest: &[u64]) -> Result<NpyWriter, NpyError> {
        check_target(path)?;
        if longest.len() > RANK_LIMIT {
            return Err(NpyError::new(path, Problem::Rank(longest.len())));
        }
        let fail = |error| NpyError::new(path, Problem::Write(error));
        let file = PartFile::create(path).map_err(fail)?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        let header = Header::format(dtype, longest, 0);
        file.write_all(&header).map_err(fail)?;
        Ok(NpyWriter {
            path: path.to_owned(),
            file,
            dtype,
            header: header.len(),
        })
    }

    /// Appends elements, little endian.
    ///
    /// # Errors
    /// The file cannot be written, for example because the disk is full.
    pub fn append(&mut self, data: &[u8]) -> Result<(), NpyError> {
        self.file
            .write_all(data)
            .map_err(|error| NpyError::new(&self.path, Problem::Write(error)))
    }

    /// Writes the header for the `shape` that was appended and gives the file its name.
    ///
    /// # Errors
    /// The file cannot be written or renamed.
    pub fn finish(self, shape: &[u64]) -> Result<(), NpyError> {
        let header = Header::format(self.dtype, shape, self.header);
        let complete = || {
            let mut file = self
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
            file.finish()
        };
        complete().map_err(|error| NpyError::new(&self.path, Problem::Write(error)))
    }
}

/// Checks, without creating anything, that a file can be expected to be written at `path`.
///
/// # Errors
/// Its directory does not exist, or something that is no regular file has its name.
pub fn check_target(path: &Path) -> Result<(), NpyError> {
    let fail = |problem| Err(NpyError::new(path, problem));
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
