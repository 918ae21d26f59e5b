//! A file that a command writes its report to.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::endpoint::PartFile;

/// Made before anything runs, so that a wrong path is found before, and put in its place whole.
pub(super) struct ResultFile<'a> {
    path: &'a Path,
    file: PartFile,
}

impl<'a> ResultFile<'a> {
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn new(path: &'a Path) -> anyhow::Result<Self> {
        let refused = || format!("the report cannot be written to {}", path.display());
        if path.is_dir() {
            return Err(anyhow!("it is a directory")).with_context(refused);
        }
        let file = PartFile::create(path).with_context(refused)?;
        Ok(Self { path, file })
    }

    /// # Errors
    /// The disk is full, or the directory is gone.
    pub(super) fn write(mut self, contents: &[u8]) -> anyhow::Result<()> {
        let failed = || format!("cannot write the report to {}", self.path.display());
        self.file.write_all(contents).with_context(failed)?;
        self.file.finish().with_context(failed)?;
        Ok(())
    }
}
