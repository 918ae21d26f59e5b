//! A window's memory, mapped where the operating system chooses, and the file behind it.
//!
//! Mapping comes first, before any code of a guest runs. The copied world leaves the memory where it is; for the mapped world
//! it moves into the guest's block when the guest has reserved one.

#![allow(unsafe_code, reason = "maps streams")]

use std::os::fd::OwnedFd;
use std::ptr;

use rustix::mm::{MapFlags, MremapFlags, mmap, mremap_fixed, munmap};

use super::layout::Extent;
use super::{Access, Window, cannot_map, illegal_write, truncated};
use crate::sandbox::fault::{Cause, Fault};

/// The file behind a window, kept to tell what a fault of the window means.
pub(crate) struct Source {
    /// `None` in a child, which may keep no file: there the parent says what a fault means.
    file: Option<OwnedFd>,
    end: u64,
    access: Access,
}

impl Source {
    /// Duplicates the window's file and checks that it is long enough.
    pub fn of(index: usize, window: &Window<'_>) -> Result<Source, Fault> {
        let file = window.file.try_clone_to_owned().map_err(|error| {
            Fault::new(
                Cause::Host,
                format!("Window {index} cannot be opened: {error}."),
            )
        })?;
        let length = u64::from(window.stride) * u64::from(window.slots);
        let end = window.offset.saturating_add(length);
        if size(&file) < end {
            return Err(truncated(index));
        }
        Ok(Source {
            file: Some(file),
            end,
            access: window.access,
        })
    }

    /// Whether the guest may write.
    pub fn access(&self) -> Access {
        self.access
    }

    /// What it means that an access to the window `index` failed.
    pub fn fault(&self, index: usize) -> Fault {
        let of_the_segment = |message| Fault::new(Cause::Segment { window: index }, message);
        match &self.file {
            None => of_the_segment(format!("An access to window {index} failed.")),
            Some(file) if size(file) < self.end => truncated(index),
            Some(_) if self.access == Access::Read => illegal_write(index),
            Some(_) => of_the_segment(format!(
                "The memory behind window {index} could not be provided; is /dev/shm full?"
            )),
        }
    }
}

/// Size of a file, 0 when even that cannot be learned.
fn size(file: &OwnedFd) -> u64 {
    rustix::fs::fstat(file).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
}

/// A window's memory, which nobody has used yet or only the host uses.
pub(crate) struct Mapping {
    memory: Memory,
    extent: Extent,
    source: Source,
}

impl Mapping {
    /// Maps every window.
    pub fn all(windows: &[Window<'_>]) -> Result<Vec<Mapping>, Fault> {
        windows
            .iter()
            .enumerate()
            .map(|(index, window)| Mapping::new(index, window))
            .collect()
    }

    fn new(index: usize, window: &Window<'_>) -> Result<Mapping, Fault> {
        let source = Source::of(index, window)?;
        let memory = Memory::of(window).map_err(|error| cannot_map(index, error))?;
        Ok(Mapping {
            memory,
            extent: window.extent(),
            source,
        })
    }

    /// The address of slot 0.
    pub fn base(&self) -> *mut u8 {
        self.memory.base
    }

    /// Bytes from there to the end of the last slot.
    pub fn length(&self) -> usize {
        self.memory.length
    }

    /// What is mapped.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The file behind it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Closes the file. What a fault means can then no longer be told here.
    pub fn forget_file(&mut self) {
        self.source.file = None;
    }

    /// Moves the memory to `target`, in place of what lies there, and leaves it there.
    ///
    /// # Safety
    /// `target` is on a page; the [`length`](Self::length) bytes from it are the caller's to replace, and to unmap in the end.
    pub unsafe fn move_to(self, target: *mut u8) -> rustix::io::Result<Source> {
        let Mapping { memory, source, .. } = self;
        let (base, length) = (memory.base, memory.length);
        // SAFETY: the old place is a whole mapping of ours whose address nobody else has; the caller vouches for the new one.
        unsafe {
            mremap_fixed(
                base.cast(),
                length,
                length,
                MremapFlags::MAYMOVE,
                target.cast(),
            )
        }?;
        // Nothing is left at the old place.
        std::mem::forget(memory);
        Ok(source)
    }
}

/// A mapping, whose pages are unmapped with it.
struct Memory {
    base: *mut u8,
    length: usize,
}

// SAFETY: the pages belong to this value alone.
unsafe impl Send for Memory {}

impl Memory {
    fn of(window: &Window<'_>) -> rustix::io::Result<Memory> {
        // `lay_out` has checked the product.
        let length = window.stride as usize * window.slots as usize;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                window.protection(),
                MapFlags::SHARED,
                window.file,
                window.offset,
            )
        }?;
        Ok(Memory {
            base: base.cast(),
            length,
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this length, and whoever used it has ended.
        let unmapped = unsafe { munmap(self.base.cast(), self.length) };
        debug_assert!(unmapped.is_ok());
    }
}
