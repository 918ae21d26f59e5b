//! Pages that guests' code polls, and that are revoked to stop them.
//!
//! [`wrap::polls`](super::wrap) gives a module a second memory and loads from it at every loop and call. The memory's maximum
//! is [`MARK`], by which the creator of memories knows it and maps one page of 64 KiB that can be read. A component may consist
//! of several modules, so an instance may have several pages; [`Pages`] revokes them together. A load from a revoked page is a
//! fault inside a wasm memory, which wasmtime makes a trap of.

#![allow(
    unsafe_code,
    reason = "changes the protection of pages that guests' code reads"
)]

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::mm::{MprotectFlags, mprotect};
use wasmtime::LinearMemory;

use super::deadline::Stop;
use super::memory::Reservation;

/// The maximum size, in pages of 64 KiB, by which the memory that holds a page is known. Guests' own memories may not have it.
pub(super) const MARK: u64 = 0xB15;
/// Bytes that polls can address: each poll of a function has its own.
pub(super) const POLLS: u32 = 65536;

/// All pages of one instance.
#[derive(Default)]
pub(super) struct Pages(Mutex<State>);

#[derive(Default)]
struct State {
    /// Addresses of the pages that exist.
    bases: Vec<usize>,
    revoked: bool,
    /// A page could not be given back.
    lost: bool,
}

impl State {
    /// Gives every page the protection that `revoked` asks for.
    fn protect(&self) -> rustix::io::Result<()> {
        let flags = if self.revoked {
            MprotectFlags::empty()
        } else {
            MprotectFlags::READ
        };
        let mut outcome = Ok(());
        for &base in &self.bases {
            let base = ptr::with_exposed_provenance_mut(base);
            // SAFETY: the first `POLLS` bytes of a reservation that belongs to a `Page`, which takes the address out of the list
            // (under the lock that is held here) before it unmaps. No Rust reference points there; compiled code only reads
            // it, and a read that faults is a trap.
            let protected = unsafe { mprotect(base, POLLS as usize, flags) };
            // Should one fail, the others are still changed.
            outcome = outcome.and(protected);
        }
        outcome
    }
}

impl Pages {
    /// Makes a page of a fresh reservation. It begins revoked if the others are.
    pub fn add(self: &Arc<Self>, reservation: Reservation) -> rustix::io::Result<Page> {
        let mut state = self.lock();
        let page = Page {
            base: reservation.as_ptr().expose_provenance(),
            reservation,
            pages: Arc::clone(self),
        };
        state.bases.push(page.base);
        let outcome = state.protect();
        drop(state);
        outcome.map(|()| page)
    }

    /// Whether a page stayed revoked because the kernel would not give it back: the instance can run no more.
    pub fn lost(&self) -> bool {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stop for Pages {
    fn stop(&self) {
        let mut state = self.lock();
        state.revoked = true;
        // Should this fail, for lack of kernel memory, the watchdog calls again.
        if let Err(error) = state.protect() {
            tracing::warn!("a kernel cannot be stopped yet: {error}");
        }
    }

    fn allow(&self) {
        let mut state = self.lock();
        state.revoked = false;
        state.lost |= state.protect().is_err();
    }
}

/// The memory of one module that holds its page. To the guest's code it has no bytes and cannot grow.
pub(super) struct Page {
    base: usize,
    reservation: Reservation,
    pages: Arc<Pages>,
}

// SAFETY: the base of a reservation, which never moves, none of whose bytes count as the memory's. The reservation is as large
// as wasmtime asked for, with the guard behind it, so a load from it either succeeds or faults inside it.
unsafe impl LinearMemory for Page {
    fn byte_size(&self) -> usize {
        0
    }

    fn byte_capacity(&self) -> usize {
        0
    }

    fn grow_to(&mut self, _: usize) -> wasmtime::Result<()> {
        Err(wasmtime::format_err!("a page for polls does not grow"))
    }

    fn as_ptr(&self) -> *mut u8 {
        self.reservation.as_ptr()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Before the reservation, a field, is unmapped.
        self.pages.lock().bases.retain(|&base| base != self.base);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::sandbox::memory::{Creator, record};
    use std::os::fd::AsRawFd;
    use wasmtime::{MemoryCreator, MemoryType};

    fn new_memory(maximum: u64) -> Result<Box<dyn LinearMemory>, String> {
        let ty = MemoryType::new(0, u32::try_from(maximum).ok());
        Creator.new_memory(
            ty,
            0,
            Some(65536 * maximum as usize),
            Some(4 << 30),
            32 << 20,
        )
    }

    fn page(pages: &Arc<Pages>) -> Box<dyn LinearMemory> {
        let (page, memories) = record(pages, || new_memory(MARK));
        assert!(memories.is_empty(), "it is not the guest's");
        page.unwrap()
    }

    /// Whether the page's first and last poll would succeed, found out by having the kernel read there.
    fn readable(page: &dyn LinearMemory) -> bool {
        let (_reader, writer) = std::io::pipe().unwrap();
        let reads = [0, POLLS as usize - 1].map(|offset| {
            let byte = page.as_ptr().wrapping_add(offset);
            // SAFETY: `write` only reads one byte there, and says so if it cannot.
            1 == unsafe { libc::write(writer.as_raw_fd(), byte.cast(), 1) }
        });
        assert_eq!(reads[0], reads[1]);
        reads[0]
    }

    #[test]
    fn all_pages_of_a_guest_are_revoked_and_given_back_together() {
        let pages = Arc::<Pages>::default();
        let (a, b) = (page(&pages), page(&pages));
        let other = page(&Arc::default());
        let state = || (readable(&*a), readable(&*b), readable(&*other));
        assert_eq!(state(), (true, true, true));
        for _ in 0..3 {
            pages.stop();
            pages.stop();
            assert_eq!(state(), (false, false, true));
            pages.allow();
            assert_eq!(state(), (true, true, true));
        }
        assert!(!pages.lost());
    }

    #[test]
    fn a_page_that_comes_too_late_begins_revoked() {
        let pages = Arc::<Pages>::default();
        pages.stop();
        let late = page(&pages);
        assert!(!readable(&*late));
        pages.allow();
        assert!(readable(&*late));
    }

    #[test]
    fn pages_that_are_gone_are_forgotten_revoked_or_not() {
        let pages = Arc::<Pages>::default();
        for revoked in [false, true] {
            let (a, b) = (page(&pages), page(&pages));
            if revoked {
                pages.stop();
            }
            drop(a);
            assert_eq!(pages.lock().bases, [b.as_ptr().expose_provenance()]);
            drop(b);
            assert!(pages.lock().bases.is_empty());
            pages.allow();
        }
        assert!(!pages.lost());
    }

    #[test]
    fn a_page_that_nobody_could_revoke_is_not_made() {
        let error = new_memory(MARK).err().unwrap();
        assert!(error.contains("under watch"), "{error}");
        assert!(new_memory(MARK + 1).is_ok());
    }
}
