//! What is kept of a frame that made a stage fault: a directory with `record.json` and the arrays as `.npy` files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::array::ArrayType;
use crate::config::file::read_regular;
use crate::endpoint::npy;
use crate::sandbox::{Array, Context, Isolation, Limits};

/// Changes with the format.
const FORMAT: u32 = 1;
/// Bytes that `record.json` may have.
const SIZE_LIMIT: u64 = 1 << 20;
/// Bytes that all arrays of a kernel can have together: all that it can address.
const ARRAYS_LIMIT: usize = 4 << 30;

const RECORD: &str = "record.json";

/// What `record.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// The file of the kernel's module; `None`: it is built in.
    pub module: Option<PathBuf>,
    /// SHA-256 of that file, or of the built-in module, in hexadecimal digits.
    pub sha256: String,
    /// What the kernel was told: names, arrays, parameters.
    pub context: Context,
    /// What it was allowed.
    pub limits: Limits,
    /// Where it ran.
    pub isolation: Isolation,
    /// The number of the frame.
    pub frame_id: u64,
    /// Which publication of the stage's first trigger that was new it was.
    pub sequence: Option<u64>,
    /// Seconds since the run began.
    pub at_s: f64,
    /// The fault's kind in one word.
    pub cause: String,
    /// What the fault says.
    pub message: String,
}

impl Record {
    /// A record of one kernel in one place, without a fault yet.
    pub fn new(
        module: Option<PathBuf>,
        sha256: String,
        context: Context,
        limits: Limits,
        isolation: Isolation,
    ) -> Self {
        Self {
            format: FORMAT,
            module,
            sha256,
            context,
            limits,
            isolation,
            frame_id: 0,
            sequence: None,
            at_s: 0.0,
            cause: String::new(),
            message: String::new(),
        }
    }

    /// The files with the arrays that a call reads, trigger inputs first, then auxiliary inputs, then previous state.
    fn files(&self) -> impl Iterator<Item = (String, &ArrayType)> {
        let context = &self.context;
        numbered("trigger", &context.trigger_inputs)
            .chain(numbered("auxiliary", &context.auxiliary_inputs))
            .chain(numbered("state", &context.state))
    }

    /// Writes the record and its arrays into a directory that is empty and ours alone.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, directory: &Path, arrays: &[Vec<u8>]) -> anyhow::Result<()> {
        for ((name, array), bytes) in self.files().zip(arrays) {
            npy::write(&directory.join(name), array, bytes)?;
        }
        let text = serde_json::to_vec_pretty(self)?;
        fs::write(directory.join(RECORD), text).with_context(|| format!("cannot write {RECORD}"))
    }

    /// Reads a record and its arrays. The directory may come from anybody.
    ///
    /// # Errors
    /// Something is missing, is no record of this format, or does not fit together.
    pub fn read(directory: &Path) -> anyhow::Result<(Self, Vec<Vec<u8>>)> {
        let path = directory.join(RECORD);
        let wrong = || format!("'{}' cannot be used", path.display());
        let text = read_regular(&path, SIZE_LIMIT)
            .map_err(anyhow::Error::msg)
            .with_context(wrong)?;
        let record: Self = serde_json::from_slice(&text).with_context(wrong)?;
        if record.format != FORMAT {
            bail!(
                "'{}' has the format {}, but this version reads {FORMAT}",
                path.display(),
                record.format
            );
        }
        let context = &record.context;
        let read = record.files().map(|(_, array)| array.bytes());
        let written = context.outputs.iter().map(|output| output.array.bytes());
        let total: Option<usize> = read
            .chain(written)
            .try_fold(0, |sum: usize, bytes| sum.checked_add(bytes?));
        if total.is_none_or(|total| total > ARRAYS_LIMIT) {
            bail!("'{}' has arrays that no kernel can address", path.display());
        }
        let arrays = record.files().map(|(name, array)| {
            let file = npy::open(&directory.join(name))?;
            file.expect(array)?;
            let mut bytes = vec![0; array.bytes().unwrap_or(0)];
            file.read_frame(0, &mut bytes)?;
            Ok(bytes)
        });
        let arrays = arrays.collect::<anyhow::Result<_>>()?;
        Ok((record, arrays))
    }
}

/// A file name for each of the arrays.
fn numbered<'a>(
    what: &'static str,
    arrays: &'a [Array],
) -> impl Iterator<Item = (String, &'a ArrayType)> {
    let arrays = arrays.iter().enumerate();
    arrays.map(move |(index, array)| (format!("{what}-{index}.npy"), &array.array))
}
