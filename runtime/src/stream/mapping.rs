//! A file mapped into this process, guarded against what others do to it.

#![allow(unsafe_code, reason = "registers its memory with the fault handler")]

use std::fs::File;
use std::io;

use memmap2::{MmapOptions, MmapRaw};

use super::error::StreamError;
use super::guard::{self, Guarded};

/// A shared, writable mapping. Its bytes change under our feet, so they are reached through pointers and atomics only.
#[derive(Debug)]
pub(super) struct Mapping {
    // Dropped before the mapping, as `guard::register` asks.
    guarded: Guarded,
    map: MmapRaw,
}

/// `bytes` rounded up to whole pages; `None` where that overflows.
pub(super) fn whole_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(rustix::param::page_size())
}

impl Mapping {
    /// Maps the first `length` bytes of `file`, rounded up to whole pages.
    pub fn new(name: &str, file: &File, length: usize) -> Result<Mapping, StreamError> {
        let refuse = |error| StreamError::system(name, "map its memory", error);
        let length =
            whole_pages(length).ok_or_else(|| refuse(io::ErrorKind::InvalidInput.into()))?;
        let map = MmapOptions::new()
            .len(length)
            .map_raw(file)
            .map_err(refuse)?;
        // SAFETY: the mapping is new, page-aligned, ours alone and lives as long as the guard; only pointers and atomics, for
        // which zeros are as good as any other value, ever point into it.
        let guarded = unsafe { guard::register(map.as_mut_ptr(), length) };
        let guarded = guarded.map_err(|error| StreamError::Guard {
            name: name.to_owned(),
            error,
        })?;
        Ok(Mapping { guarded, map })
    }

    /// The first byte.
    pub fn base(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// Bytes mapped.
    pub fn length(&self) -> usize {
        self.map.len()
    }

    /// Whether an access faulted, because the file was truncated: from then on the contents are worthless.
    pub fn is_damaged(&self) -> bool {
        self.guarded.faults() != 0
    }
}
