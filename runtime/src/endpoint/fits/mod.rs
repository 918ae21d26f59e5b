//! FITS files of one image, a picture or a cube of any rank: a strict reader and a writer, for the primary HDU.
//!
//! FITS is big endian and names its axes fastest first; here they come little endian and in C order, as Python's `astropy` shows
//! them: `NAXIS1 = 640, NAXIS2 = 480, NAXIS3 = 100` is a stack of 100 frames of the shape `[480, 640]`.
//!
//! | BITPIX | dtype | with BZERO |
//! |---|---|---|
//! | 8 | uint8 | −128: int8 |
//! | 16, 32, 64 | int16, int32, int64 | half the range: uint16, uint32, uint64 |
//! | −32, −64 | float32, float64 | |
//!
//! Other scalings are refused, since they would make the values others than those in the file. What stands behind the primary HDU, other HDUs,
//! is left alone.

mod header;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::array::Dtype;
use crate::config::file::open_regular;

use super::array_file::{
    self, ArrayFile, ArrayWriter, Bytes, FileError, Problem, RANK_LIMIT, Stored,
};
use super::part::PartFile;
use header::{BLOCK, BLOCK_LIMIT, Header};

/// Opens and checks a file.
///
/// # Errors
/// It is no regular file, no FITS file with an image in its primary HDU, or shorter than its header says.
pub fn open(path: &Path) -> Result<ArrayFile, FileError> {
    match read(path) {
        Ok((file, stored)) => Ok(ArrayFile::new(path, file, stored)),
        Err(problem) => Err(FileError::new(path, problem)),
    }
}

fn read(path: &Path) -> Result<(File, Stored), Problem> {
    let file = open_regular(path).map_err(Problem::Open)?;
    let found = file.metadata().map_err(Problem::Read)?.len();
    let mut header = Header::default();
    let mut block = [0; BLOCK];
    for blocks in 1..=BLOCK_LIMIT {
        let data = (blocks * BLOCK) as u64;
        if found < data {
            return Err(match blocks {
                1 => Problem::NoFits,
                _ => Problem::Header("the file ends within it"),
            });
        }
        let read = file.read_exact_at(&mut block, data - BLOCK as u64);
        read.map_err(Problem::Read)?;
        if header.read(&block)? {
            let stored = header.finish(data)?;
            check_length(&file, &stored, found)?;
            return Ok((file, stored));
        }
    }
    Err(Problem::Header("it has more than 256 blocks"))
}

/// Checks that the elements are there, and that another HDU follows them if anything does.
fn check_length(file: &File, stored: &Stored, found: u64) -> Result<(), Problem> {
    let promised = stored.end().ok_or(Problem::Overflow)?;
    if found < promised {
        return Err(Problem::Torn { promised, found });
    }
    let padded = promised
        .checked_next_multiple_of(BLOCK as u64)
        .ok_or(Problem::Overflow)?;
    if found <= padded {
        return Ok(());
    }
    let mut start = [0; 8];
    let read = file.read_exact_at(&mut start, padded);
    if read.is_ok() && &start == b"XTENSION" {
        return Ok(());
    }
    let excess = found - padded;
    Err(Problem::Excess { excess })
}

/// Checks, without creating anything, that a file of elements of `dtype` can be expected to be written at `path`.
///
/// # Errors
/// FITS has no such elements, its directory does not exist, or something that is no regular file has its name.
pub fn check_target(path: &Path, dtype: Dtype) -> Result<(), FileError> {
    if header::stored_as(dtype).is_none() {
        return Err(FileError::new(path, Problem::NotInFits(dtype)));
    }
    array_file::check_target(path)
}

/// A FITS file that is being written.
///
/// It grows under a temporary name beside its own and takes its own name, replacing what was there, when it is finished. A writer that
/// is dropped before leaves nothing; a killed process leaves a file `.NAME.….part`, which the next writer of that file removes.
#[derive(Debug)]
pub struct FitsWriter {
    path: PathBuf,
    file: BufWriter<PartFile>,
    dtype: Dtype,
    bytes: Bytes,
    /// Elements on their way.
    turned: Vec<u8>,
}

/// Bytes that are turned at a time: a multiple of all sizes of elements.
const TURNED: usize = 64 << 10;

impl FitsWriter {
    /// Starts a file of as many axes as `longest` has.
    ///
    /// # Errors
    /// FITS has no such elements; the file cannot be created, or `path` is something else than a regular file.
    pub fn create(path: &Path, dtype: Dtype, longest: &[u64]) -> Result<FitsWriter, FileError> {
        check_target(path, dtype)?;
        if longest.len() > RANK_LIMIT {
            return Err(FileError::new(path, Problem::Rank(longest.len())));
        }
        let fail = |error| FileError::new(path, Problem::Write(error));
        let file = PartFile::create(path).map_err(fail)?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.write_all(&header::format(dtype, longest))
            .map_err(fail)?;
        Ok(FitsWriter {
            path: path.to_owned(),
            file,
            dtype,
            bytes: header::bytes_of(dtype),
            turned: Vec::with_capacity(TURNED),
        })
    }

    fn fail(&self, error: io::Error) -> FileError {
        FileError::new(&self.path, Problem::Write(error))
    }
}

impl ArrayWriter for FitsWriter {
    fn append(&mut self, elements: &[u8]) -> Result<(), FileError> {
        for some in elements.chunks(TURNED) {
            self.turned.clear();
            self.turned.extend_from_slice(some);
            self.bytes.of_little_endian(&mut self.turned);
            let written = self.file.write_all(&self.turned);
            written.map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, shape: &[u64]) -> Result<(), FileError> {
        let header = header::format(self.dtype, shape);
        let elements = shape.iter().product::<u64>() * self.dtype.size() as u64;
        let FitsWriter { path, file, .. } = *self;
        array_file::complete(file, &header, elements, BLOCK as u64)
            .map_err(|error| FileError::new(&path, Problem::Write(error)))
    }
}
