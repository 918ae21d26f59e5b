//! `.npy` files: a strict reader for plain arrays, and a writer that never leaves half a file under its name.

mod header;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::array::{ArrayType, Dtype};
use crate::config::file::open_regular;

use super::array_file::{self, ArrayFile, ArrayWriter, FileError, Problem, RANK_LIMIT, Stored};
use super::part::PartFile;

/// Opens and checks a file.
///
/// # Errors
/// It is no regular file, no `.npy` file of a plain little-endian array in C order, or not as long as its header
/// says.
pub fn open(path: &Path) -> Result<ArrayFile, FileError> {
    match read_header(path) {
        Ok((file, stored)) => Ok(ArrayFile::new(path, file, stored)),
        Err(problem) => Err(FileError::new(path, problem)),
    }
}

fn read_header(path: &Path) -> Result<(File, Stored), Problem> {
    let file = open_regular(path).map_err(Problem::Open)?;
    let found = file.metadata().map_err(Problem::Read)?.len();
    let mut prefix = vec![0; found.min(header::PREFIX_LIMIT) as usize];
    file.read_exact_at(&mut prefix, 0).map_err(Problem::Read)?;
    let stored = header::parse(&prefix)?;
    let promised = stored.end().ok_or(Problem::Overflow)?;
    if found < promised {
        return Err(Problem::Torn { promised, found });
    }
    if found > promised {
        let excess = found - promised;
        return Err(Problem::Excess { excess });
    }
    Ok((file, stored))
}

/// Reads one array.
///
/// # Errors
/// As [`open`]; also where the array has no extents, an extent of 0, or more bytes than a kernel can address.
pub fn read(path: &Path) -> Result<(ArrayType, Vec<u8>), FileError> {
    open(path)?.read()
}

/// Writes one array; `data` holds its elements, little endian in C order.
///
/// # Errors
/// The file cannot be written; what was there before is then unchanged.
pub fn write(path: &Path, array: &ArrayType, data: &[u8]) -> Result<(), FileError> {
    let shape: Vec<u64> = array.shape.iter().map(|&extent| extent.into()).collect();
    let mut writer = Box::new(NpyWriter::create(path, array.dtype, &shape)?);
    writer.append(data)?;
    writer.finish(&shape)
}

/// Checks, without creating anything, that a file can be expected to be written at `path`.
///
/// # Errors
/// Its directory does not exist, or something that is no regular file has its name.
pub fn check_target(path: &Path) -> Result<(), FileError> {
    array_file::check_target(path)
}

/// A `.npy` file that is being written.
///
/// It grows under a temporary name beside its own and takes its own name, replacing what was there, when it is finished. A writer that
/// is dropped before leaves nothing; a killed process leaves a file `.NAME.….part`, which the next writer of that file removes.
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
    pub fn create(path: &Path, dtype: Dtype, longest: &[u64]) -> Result<NpyWriter, FileError> {
        check_target(path)?;
        if longest.len() > RANK_LIMIT {
            return Err(FileError::new(path, Problem::Rank(longest.len())));
        }
        let fail = |error| FileError::new(path, Problem::Write(error));
        let file = PartFile::create(path).map_err(fail)?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        let header = header::format(dtype, longest, 0);
        file.write_all(&header).map_err(fail)?;
        Ok(NpyWriter {
            path: path.to_owned(),
            file,
            dtype,
            header: header.len(),
        })
    }
}

impl ArrayWriter for NpyWriter {
    fn append(&mut self, elements: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(elements)
            .map_err(|error| FileError::new(&self.path, Problem::Write(error)))
    }

    fn finish(self: Box<Self>, shape: &[u64]) -> Result<(), FileError> {
        let header = header::format(self.dtype, shape, self.header);
        let elements = shape.iter().product::<u64>() * self.dtype.size() as u64;
        array_file::complete(self.file, &header, elements, 1)
            .map_err(|error| FileError::new(&self.path, Problem::Write(error)))
    }
}
