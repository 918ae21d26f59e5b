//! Memory for frames that are no stream's: what a stage may write to without any reader seeing it.

#![allow(
    unsafe_code,
    reason = "copies frames from and to memory that a kernel writes"
)]

use std::fs::File;
use std::os::fd::AsFd;
use std::ptr;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;

use super::RingWindow;
use super::error::StreamError;
use super::mapping::{Mapping, whole_pages};

/// Slots for frames of one size, in a file without a name that nobody can truncate. All zeros at first.
#[derive(Debug)]
pub struct PrivateRing {
    name: String,
    // Its bytes change whenever a kernel runs that writes to it, so they are reached through pointers only.
    mapping: Mapping,
    file: File,
    stride: u32,
    slots: u32,
    bytes: u32,
}

impl PrivateRing {
    /// Room for `slots` frames of `bytes` bytes; `name`: what errors call it.
    ///
    /// # Errors
    /// No memory or no descriptor is left, or it is larger than what a kernel can address.
    pub fn new(name: &str, slots: u32, bytes: Option<usize>) -> Result<PrivateRing, StreamError> {
        let refuse = |error| StreamError::system(name, "get private memory", error);
        let too_large = || refuse(Errno::FBIG);
        let bytes = bytes.ok_or_else(too_large)?;
        let stride = whole_pages(bytes).and_then(|stride| u32::try_from(stride).ok());
        let length = stride.and_then(|stride| stride.checked_mul(slots));
        let (Ok(bytes), Some(stride), Some(length)) = (u32::try_from(bytes), stride, length) else {
            return Err(too_large());
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("sandpipe-private", flags).map_err(refuse)?;
        ftruncate(&file, length.into()).map_err(refuse)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&file, seals).map_err(refuse)?;
        let file = File::from(file);
        Ok(PrivateRing {
            name: name.to_owned(),
            mapping: Mapping::new(name, &file, length as usize)?,
            file,
            stride,
            slots,
            bytes,
        })
    }

    /// The slots, for kernels.
    pub fn ring(&self) -> RingWindow<'_> {
        RingWindow {
            file: self.file.as_fd(),
            offset: 0,
            stride: self.stride,
            slots: self.slots,
            bytes: self.bytes,
        }
    }

    /// Bytes of a frame.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Copies a frame out of a slot.
    ///
    /// # Errors
    /// There is no such slot.
    pub fn read(&self, slot: u32) -> Result<Vec<u8>, StreamError> {
        let mut frame = vec![0; self.bytes()];
        self.read_into(slot, &mut frame)?;
        Ok(frame)
    }

    /// As [`PrivateRing::read`], into memory of the caller's.
    ///
    /// # Errors
    /// There is no such slot, or `into` has another size than a frame.
    pub fn read_into(&self, slot: u32, into: &mut [u8]) -> Result<(), StreamError> {
        let from = self.slot(slot, into.len())?;
        // SAFETY: `from` is a frame in the mapping, `into` is as long, and not in it.
        unsafe { ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    /// Copies a frame into a slot.
    ///
    /// # Errors
    /// There is no such slot, or the frame has another size.
    pub fn write(&self, slot: u32, frame: &[u8]) -> Result<(), StreamError> {
        let to = self.slot(slot, frame.len())?;
        // SAFETY: `to` is a frame in the mapping, `frame` is as long, and not in it.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), to, frame.len()) };
        Ok(())
    }

    /// Sets every byte, those between the frames included.
    pub fn fill(&self, byte: u8) {
        // SAFETY: the whole mapping, which only bytes are kept in.
        unsafe { ptr::write_bytes(self.mapping.base(), byte, self.length()) };
    }

    /// Whether every byte outside the frame of a slot is `byte`.
    pub fn has_only(&self, byte: u8, except: u32) -> bool {
        let mut all = vec![byte; self.length()];
        // SAFETY: the mapping has as many bytes as `all`, which is new.
        unsafe { ptr::copy_nonoverlapping(self.mapping.base(), all.as_mut_ptr(), all.len()) };
        let frame = except as usize * self.stride as usize;
        let is_outside = |index: &usize| index.wrapping_sub(frame) >= self.bytes();
        let mut others = all
            .iter()
            .enumerate()
            .filter(|(index, _)| is_outside(index));
        others.all(|(_, &other)| other == byte)
    }

    fn length(&self) -> usize {
        self.slots as usize * self.stride as usize
    }

    /// Where a frame of `given` bytes lies in this process.
    pub(super) fn slot(&self, slot: u32, given: usize) -> Result<*mut u8, StreamError> {
        if slot >= self.slots || given != self.bytes() {
            return Err(StreamError::FrameSize {
                name: self.name.clone(),
                wanted: self.bytes(),
                given,
            });
        }
        let offset = slot as usize * self.stride as usize;
        // SAFETY: the mapping has `slots` times `stride` bytes, and the slot is one of them.
        Ok(unsafe { self.mapping.base().add(offset) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_touched() {
        let ring = PrivateRing::new("test", 2, Some(5000)).unwrap();
        let frame: Vec<u8> = (0..5000).map(|byte| byte as u8).collect();
        ring.write(1, &frame).unwrap();
        assert_eq!(ring.read(1).unwrap(), frame);
        assert_eq!(ring.read(0).unwrap(), vec![0; 5000]);
        assert!(ring.write(2, &frame).is_err() && ring.read(2).is_err());
        assert!(ring.write(0, &frame[1..]).is_err());
    }

    #[test]
    fn what_is_around_a_frame_is_told_from_it() {
        let ring = PrivateRing::new("test", 3, Some(5000)).unwrap();
        ring.fill(7);
        ring.write(1, &[8; 5000]).unwrap();
        assert!(ring.has_only(7, 1) && !ring.has_only(7, 0));
        // SAFETY: the first byte behind the frame, in its slot.
        unsafe {
            ring.mapping
                .base()
                .add(ring.stride as usize + 5000)
                .write(8)
        };
        assert!(!ring.has_only(7, 1));
    }

    #[test]
    fn nobody_can_truncate_it_and_nothing_larger_than_a_guest_is_made() {
        let ring = PrivateRing::new("test", 1, Some(5000)).unwrap();
        assert!(ftruncate(ring.ring().file, 0).is_err());
        for (slots, bytes) in [(1, None), (1, Some(1 << 32)), (2, Some(1 << 31))] {
            assert!(PrivateRing::new("test", slots, bytes).is_err());
        }
    }
}
