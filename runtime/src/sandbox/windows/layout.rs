//! Where windows lie in the block that a guest reserves: pure integer logic on numbers that a guest or another process may have
//! chosen.
//!
//! ```text
//! block:  | frame table, one page | window 0: slot 0, slot 1, … | window 1: … | … |
//! ```

use serde::{Deserialize, Serialize};

/// Windows and slots begin on a page of this size.
pub const PAGE: u32 = 4096;

/// How many windows a stage can have: as many addresses as fit on the frame table's page.
pub const MAX_WINDOWS: usize = PAGE as usize / 4;

/// The extent of one window: `slots` places of `stride` bytes, each holding a frame of `bytes` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    /// Where the first slot begins in the file.
    pub offset: u64,
    /// Distance of the slots, whole pages.
    pub stride: u32,
    /// Number of slots.
    pub slots: u32,
    /// Length of a frame.
    pub bytes: u32,
}

/// One window's place, relative to the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub start: u32,
    pub length: u32,
}

/// The block that has to be reserved, and each window's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub length: u32,
    pub places: Vec<Place>,
}

/// Why windows cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("{0} windows are more than the {MAX_WINDOWS} a stage can have")]
    TooMany(usize),
    #[error(
        "window {0} has no slots, a slot that does not begin on a page, or a frame that is longer than its slot"
    )]
    Malformed(usize),
    #[error("the windows up to number {0} are larger than the 4 GiB a kernel can address")]
    TooLarge(usize),
}

/// Lays out windows one behind the other, behind the frame table.
pub(crate) fn lay_out(windows: &[Extent]) -> Result<Layout, LayoutError> {
    if windows.len() > MAX_WINDOWS {
        return Err(LayoutError::TooMany(windows.len()));
    }
    let mut length = PAGE;
    let mut places = Vec::with_capacity(windows.len());
    for (index, window) in windows.iter().enumerate() {
        let aligned =
            window.stride.is_multiple_of(PAGE) && window.offset.is_multiple_of(u64::from(PAGE));
        if !aligned || window.slots == 0 || window.bytes == 0 || window.bytes > window.stride {
            return Err(LayoutError::Malformed(index));
        }
        let size = window.stride.checked_mul(window.slots);
        let next = size.and_then(|size| Some((size, length.checked_add(size)?)));
        let (size, next) = next.ok_or(LayoutError::TooLarge(index))?;
        places.push(Place {
            start: length,
            length: size,
        });
        length = next;
    }
    Ok(Layout { length, places })
}

/// Why a guest's answer to `reserve` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BlockError {
    #[error(
        "0, which means that it has no room; raise the maximum of its memory or the stage's `limits: memory`"
    )]
    Zero,
    #[error(
        "{0:#x}, which is not a multiple of {PAGE}; take fresh pages by memory.grow, or align what the allocator gives"
    )]
    Unaligned(u32),
    #[error(
        "{address:#x}, from where {length} bytes reach past the end of its memory of {size} bytes; grow the memory first"
    )]
    PastTheEnd {
        address: u32,
        length: u32,
        size: u64,
    },
}

/// Checks that a block of `length` bytes at `address` lies inside a memory of `size` bytes and on a page.
pub(crate) fn check_block(address: u32, length: u32, size: u64) -> Result<(), BlockError> {
    if address == 0 {
        return Err(BlockError::Zero);
    }
    if !address.is_multiple_of(PAGE) {
        return Err(BlockError::Unaligned(address));
    }
    // Both are below 2^32, so the sum cannot wrap.
    if u64::from(address) + u64::from(length) > size {
        return Err(BlockError::PastTheEnd {
            address,
            length,
            size,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use proptest::prelude::*;

    fn extent(stride: u32, slots: u32, bytes: u32) -> Extent {
        Extent {
            offset: 0,
            stride,
            slots,
            bytes,
        }
    }

    #[test]
    fn windows_follow_the_frame_table() {
        let layout = lay_out(&[extent(4096, 3, 100), extent(8192, 2, 8192)]).unwrap();
        assert_eq!(layout.length, 4096 * (1 + 3 + 4));
        assert_eq!(
            layout.places[1],
            Place {
                start: 4096 * 4,
                length: 8192 * 2
            }
        );
    }

    #[test]
    fn malformed_windows_are_refused() {
        for bad in [
            extent(4095, 1, 1),
            extent(0, 1, 0),
            extent(4096, 0, 1),
            extent(4096, 1, 4097),
        ] {
            assert_eq!(
                lay_out(&[extent(4096, 1, 1), bad]),
                Err(LayoutError::Malformed(1))
            );
        }
        let unaligned = Extent {
            offset: 100,
            ..extent(4096, 1, 1)
        };
        assert_eq!(lay_out(&[unaligned]), Err(LayoutError::Malformed(0)));
        assert_eq!(
            lay_out(&[extent(1 << 31, 2, 1)]),
            Err(LayoutError::TooLarge(0))
        );
        assert_eq!(
            lay_out(&vec![extent(4096, 1, 1); 1025]),
            Err(LayoutError::TooMany(1025))
        );
    }

    #[test]
    fn a_block_must_be_aligned_and_inside() {
        assert_eq!(check_block(65536, 8192, 65536 + 8192), Ok(()));
        assert_eq!(check_block(0, 8192, 1 << 20), Err(BlockError::Zero));
        assert_eq!(
            check_block(4097, 1, 1 << 20),
            Err(BlockError::Unaligned(4097))
        );
        assert_eq!(
            check_block(u32::MAX, 1, 1 << 32),
            Err(BlockError::Unaligned(u32::MAX))
        );
        assert!(check_block(65536, 8193, 65536 + 8192).is_err());
        assert!(check_block(!4095, u32::MAX, u64::from(u32::MAX)).is_err());
    }

    proptest! {
        #[test]
        fn places_are_disjoint_aligned_and_inside(strides in prop::collection::vec((0u32..1 << 20, 0u32..1 << 12), 0..20)) {
            let windows: Vec<Extent> = strides.iter().map(|&(pages, slots)| extent(pages.wrapping_mul(PAGE), slots, 1)).collect();
            if let Ok(layout) = lay_out(&windows) {
                let mut end = u64::from(PAGE);
                for (place, window) in layout.places.iter().zip(&windows) {
                    prop_assert!(u64::from(place.start) >= end);
                    prop_assert!(place.start.is_multiple_of(PAGE));
                    prop_assert_eq!(u64::from(place.length), u64::from(window.stride) * u64::from(window.slots));
                    end = u64::from(place.start) + u64::from(place.length);
                }
                prop_assert!(end <= u64::from(layout.length));
            }
        }

        #[test]
        fn an_accepted_block_is_inside(address: u32, length: u32, size in 0u64..=1 << 32) {
            if check_block(address, length, size).is_ok() {
                prop_assert!(address != 0 && address.is_multiple_of(PAGE));
                prop_assert!(u64::from(address).checked_add(u64::from(length)).unwrap() <= size);
            }
        }
    }
}
