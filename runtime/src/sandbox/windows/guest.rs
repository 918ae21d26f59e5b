//! Windows mapped into a guest's memory, for the mapped world.
//!
//! The guest reserves a block and the host moves every stream's ring, mapped before, over its place in it, once for the life of
//! the instance: inputs read-only, outputs writable. Per frame only the frame table changes, on a page of the block that stays the guest's
//! own memory.
//!
//! # What a hostile guest gains by its choice of the block
//!
//! - A block that is not aligned, not inside its memory or at 0 is refused ([`check_block`]). The answer is copied and checked
//!   once, so a different answer later is never seen.
//! - A block over its own stack, data or heap replaces those bytes by the streams'. Reading them it learns nothing that it could
//!   not read at the right address; writing them it changes its own outputs, which it may fill with anything, or writes
//!   into an input, which is a fault. Nobody else's memory is involved: the mapping lies inside its own reservation.
//! - Giving the block to its own allocator afterwards is the same. For the honest author who does that by mistake, the frame
//!   table's page carries a mark until `init` has returned ([`GuestWindows::check_mark`]).
//! - An output's window shows all slots of its ring, because mapping per frame would cost more than the frame. So a guest
//!   can change its own output's frames after they were published. It cannot change any other stream, nor the control
//!   words of its own, which are on pages that are not mapped.
//! - The address of the frame table could lie in a window only if the layout overlapped itself, which it does not.

#![allow(
    unsafe_code,
    reason = "maps streams over guest memory and writes the frame table"
)]

use std::hash::{BuildHasher, RandomState};

use crate::sandbox::advice::RESERVE;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::memory::GuestMemory;
use crate::stream::guard::{self, Guarded};

use super::layout::{Layout, PAGE, check_block};
use super::mapping::{Mapping, Source};
use super::{Access, cannot_map, illegal_write, no_such_slot, wrong_slots};

/// Where a guest finds one window.
struct View {
    /// Guest address of slot 0.
    first: u32,
    stride: u32,
    slots: u32,
    length: u32,
    source: Source,
    guard: Guarded,
}

/// All windows of one instance. Dropped before the store that holds the memory.
pub(crate) struct GuestWindows {
    memory: GuestMemory,
    /// Guest address of the frame table.
    table: u32,
    views: Vec<View>,
    mark: u64,
}

impl GuestWindows {
    /// Moves the windows over the block at guest address `block`, which is the guest's answer to `reserve`.
    pub fn place(
        memory: GuestMemory,
        block: u32,
        layout: &Layout,
        windows: Vec<Mapping>,
    ) -> Result<GuestWindows, Fault> {
        check_block(block, layout.length, memory.size() as u64).map_err(|error| {
            Fault::new(
                Cause::Contract,
                format!(
                    "{RESERVE}was asked for {} bytes and returned {error}.",
                    layout.length
                ),
            )
        })?;
        let mut placed = GuestWindows {
            memory,
            table: block,
            views: Vec::with_capacity(windows.len()),
            mark: RandomState::new().hash_one(block) | 1,
        };
        for (index, (window, place)) in windows.into_iter().zip(&layout.places).enumerate() {
            let (extent, length) = (window.extent(), window.length());
            debug_assert_eq!(length, place.length as usize);
            // Inside the block, which `check_block` found inside the memory: this cannot wrap.
            let first = block + place.start;
            let target = placed.memory.address(first);
            // SAFETY: `target` is page-aligned and `length` bytes from it lie inside the accessible part of a reservation that
            // belongs to this instance alone. No guest code runs now, and neither wasmtime nor anybody else holds a reference
            // into the guest's memory between calls. To the guest the pages stay readable memory of unchanged size. Should the
            // move fail, the caller drops the store, which unmaps the reservation, as it does in the end.
            let source = unsafe { window.move_to(target) };
            let source = source.map_err(|error| cannot_map(index, error))?;
            // SAFETY: mapped just now, whole pages, overlaps no other window by the layout; the guard is dropped (with `self`)
            // before the store unmaps the memory; pages of guest memory hold no Rust object.
            let guard = unsafe { guard::register(target, length) }
                .map_err(|error| cannot_map(index, error))?;
            placed.views.push(View {
                first,
                stride: extent.stride,
                slots: extent.slots,
                length: place.length,
                source,
                guard,
            });
        }
        placed.set_mark();
        Ok(placed)
    }

    /// Guest address of the frame table.
    #[inline]
    pub fn table(&self) -> u32 {
        self.table
    }

    /// Points the frame table at `slots`, one for each window.
    #[inline]
    pub fn point_at(&self, slots: &[u32]) -> Result<(), Fault> {
        if slots.len() != self.views.len() {
            return Err(wrong_slots(slots.len(), self.views.len()));
        }
        let table = self.memory.address(self.table).cast::<u32>();
        for (index, (view, &slot)) in self.views.iter().zip(slots).enumerate() {
            if slot >= view.slots {
                return Err(no_such_slot(index, slot, view.slots));
            }
            let address = view.first + slot * view.stride;
            // SAFETY: the table's page is accessible guest memory behind `table`, aligned, and holds 1024 entries, more than
            // there can be windows; no guest code runs now.
            unsafe { table.add(index).write(address.to_le()) };
        }
        Ok(())
    }

    /// Whether any window needs [`fault`](Self::fault) to be asked.
    #[inline]
    pub fn faulted(&self) -> bool {
        self.views.iter().any(|view| view.guard.faults() != 0)
    }

    /// The first window's fault that the guard has counted.
    pub fn fault(&self) -> Option<Fault> {
        let faulted = |view: &View| view.guard.faults() != 0;
        let index = self.views.iter().position(faulted)?;
        Some(self.views[index].source.fault(index))
    }

    /// The fault of a guest that trapped at the host address `address`: a store into a read-only window, or nothing of ours.
    pub fn illegal_store(&self, address: usize) -> Option<Fault> {
        let address = self.memory.guest_address(address)?;
        let hit = |view: &View| {
            view.source.access() == Access::Read && address.wrapping_sub(view.first) < view.length
        };
        self.views.iter().position(hit).map(illegal_write)
    }

    fn set_mark(&self) {
        for place in self.marks() {
            // SAFETY: on the table's page, aligned; no guest code runs now.
            unsafe { place.write(self.mark) };
        }
    }

    /// Checks that the guest has left the block alone since it was mapped.
    pub fn check_mark(&self) -> Result<(), Fault> {
        // SAFETY: as in `set_mark`; the page is ordinary memory that nobody writes now.
        let intact = self
            .marks()
            .all(|place| unsafe { place.read() } == self.mark);
        if intact {
            return Ok(());
        }
        Err(Fault::new(
            Cause::Contract,
            format!(
                "{RESERVE}gave away a block into which the kernel wrote afterwards. Take the block from the allocator for good, \
                 or from memory that the allocator does not know."
            ),
        ))
    }

    /// The first and the last eight bytes of the frame table's page.
    fn marks(&self) -> impl Iterator<Item = *mut u64> {
        let last = PAGE - size_of::<u64>() as u32;
        [0, last]
            .into_iter()
            .map(|offset| self.memory.address(self.table + offset).cast())
    }
}
