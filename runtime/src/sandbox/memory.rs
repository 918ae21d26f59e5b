//! Guest memory: where it lies, and room for windows inside it.
//!
//! wasmtime asks a [`MemoryCreator`] for every linear memory. Ours reserves 4 GiB and a guard, makes the memory's present
//! size readable and writable, and tells whoever listens on this thread ([`record`]) where the memory lies. That is the only way
//! to learn the address of a component's memory, and the reason why windows can be mapped into it: a memory of ours never
//! moves, growing only changes the protection of pages behind its old end, and dropping it unmaps the whole reservation,
//! windows included. The memories that only hold a page for polls ([`page`](super::page)) are told apart by their maximum.

#![allow(
    unsafe_code,
    reason = "reserves address space for guests and hands out pointers into it"
)]

use std::cell::RefCell;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::page::{MARK, Pages};

/// Where a guest's memory lies. Valid as long as the store it was created in.
#[derive(Clone, Debug)]
pub(super) struct GuestMemory {
    base: NonNull<u8>,
    size: Arc<AtomicUsize>,
}

// SAFETY: an address and an atomic; what is done with the address is argued where it is done.
unsafe impl Send for GuestMemory {}

impl GuestMemory {
    /// Present size in bytes. It never shrinks.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The host address of guest address `offset`, which must be at most the present size.
    pub fn address(&self, offset: u32) -> *mut u8 {
        debug_assert!(offset as usize <= self.size());
        self.base.as_ptr().wrapping_add(offset as usize)
    }

    /// Copies bytes from guest address `at`. False where they do not all lie in the present memory.
    #[inline]
    pub fn read(&self, at: u32, into: &mut [u8]) -> bool {
        let inside = self.contains(at, into.len());
        if inside {
            // SAFETY: the bytes are accessible, and `into` is private. They may lie in a window: what other processes write there
            // is copied as it is found, and where the file has been truncated, the guard answers.
            unsafe { ptr::copy_nonoverlapping(self.address(at), into.as_mut_ptr(), into.len()) };
        }
        inside
    }

    /// Copies bytes to guest address `at`. False where they would not all lie in the present memory.
    pub fn write(&self, at: u32, bytes: &[u8]) -> bool {
        let inside = self.contains(at, bytes.len());
        if inside {
            // SAFETY: the bytes are accessible, no guest code runs now, and guest memory holds no Rust object. Where they lie in a
            // window that is read-only, the guard answers, and the window has a fault.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.address(at), bytes.len()) };
        }
        inside
    }

    fn contains(&self, at: u32, length: usize) -> bool {
        let end = (at as usize).checked_add(length);
        end.is_some_and(|end| end <= self.size())
    }

    /// The guest address of the host address `address`, if it lies in this memory's reservation.
    pub fn guest_address(&self, address: usize) -> Option<u32> {
        u32::try_from(address.checked_sub(self.base.as_ptr() as usize)?).ok()
    }
}

/// How the error begins when the machine has no room for a memory: not the guest's fault.
pub(super) const NO_ROOM: &str = "there is no address space or memory for a kernel";

/// What listens to the creator.
struct Recorder {
    memories: Vec<GuestMemory>,
    pages: Arc<Pages>,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Runs `instantiate` and returns, beside its result, the memories of the guest that were created meanwhile on this thread.
/// Pages for polls go to `pages` at once, before the guest's code can run.
pub(super) fn record<T>(
    pages: &Arc<Pages>,
    instantiate: impl FnOnce() -> T,
) -> (T, Vec<GuestMemory>) {
    RECORDER.set(Some(Recorder {
        memories: Vec::new(),
        pages: Arc::clone(pages),
    }));
    let result = instantiate();
    let recorder = RECORDER.take();
    (
        result,
        recorder.map_or_else(Vec::new, |recorder| recorder.memories),
    )
}

/// The one memory of the guest that is recorded now.
pub(super) fn recorded() -> Option<GuestMemory> {
    RECORDER.with_borrow(|recorder| match &recorder.as_ref()?.memories[..] {
        [memory] => Some(memory.clone()),
        _ => None,
    })
}

/// The creator for the engine's configuration.
pub(super) struct Creator;

// SAFETY: `Reservation` fulfils what the trait asks for: zero-filled pages, a reservation of at least the size that was asked
// for with the guard behind it unmapped or inaccessible, a base that never moves. wasmtime's warning that nobody else may
// modify the memory is answered in `windows.rs`: pages are replaced while no guest code runs and no reference into them
// exists, and to the guest it is as if its own memory had changed.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved
            .ok_or("sandpipe's engine always reserves address space for a memory")?
            .max(minimum);
        let no_room = |error| format!("{NO_ROOM}: {error}");
        let memory = Reservation::new(minimum, maximum, reserved, guard).map_err(no_room)?;
        RECORDER.with_borrow_mut(|recorder| {
            if ty.maximum() == Some(MARK) {
                let Recorder { pages, .. } = recorder
                    .as_mut()
                    .ok_or("a page for polls must belong to a guest under watch")?;
                return Ok(Box::new(pages.add(memory).map_err(no_room)?) as Box<dyn LinearMemory>);
            }
            if let Some(Recorder { memories, .. }) = recorder {
                memories.push(memory.handle.clone());
            }
            Ok(Box::new(memory))
        })
    }
}

/// Address space for one memory: `[0, size)` is accessible, the rest up to `length` is not.
pub(super) struct Reservation {
    handle: GuestMemory,
    /// How far the memory may grow.
    capacity: usize,
    /// Capacity and guard: the whole mapping.
    length: usize,
}

// SAFETY: the mapping belongs to this value alone; `grow_to` takes `&mut self`, and the size is atomic.
unsafe impl Sync for Reservation {}

impl Reservation {
    fn new(
        size: usize,
        maximum: Option<usize>,
        reserved: usize,
        guard: usize,
    ) -> rustix::io::Result<Reservation> {
        let length = reserved
            .checked_add(guard)
            .ok_or(rustix::io::Errno::OVERFLOW)?;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                length,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let base = NonNull::new(base.cast::<u8>()).ok_or(rustix::io::Errno::NOMEM)?;
        let mut reservation = Reservation {
            handle: GuestMemory {
                base,
                size: Arc::new(AtomicUsize::new(0)),
            },
            capacity: maximum.map_or(reserved, |maximum| maximum.min(reserved)),
            length,
        };
        reservation.open_up_to(size)?;
        Ok(reservation)
    }

    /// Makes the pages between the present size and `size` accessible.
    fn open_up_to(&mut self, size: usize) -> rustix::io::Result<()> {
        let present = self.handle.size();
        if size > self.capacity {
            return Err(rustix::io::Errno::NOMEM);
        }
        if size > present {
            let start = self.handle.base.as_ptr().wrapping_add(present);
            // SAFETY: within the mapping, as `size` is at most `capacity`; the pages were inaccessible, so nobody holds a
            // reference into them, and windows lie below `present`.
            unsafe {
                mprotect(
                    start.cast(),
                    size - present,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )?
            };
            self.handle.size.store(size, Ordering::Relaxed);
        }
        Ok(())
    }
}

// SAFETY: `as_ptr` is the page-aligned base of a mapping of `length` bytes of which `byte_size` are accessible; it never moves,
// and the guard behind the capacity is part of the mapping and stays inaccessible.
unsafe impl LinearMemory for Reservation {
    fn byte_size(&self) -> usize {
        self.handle.size()
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        self.open_up_to(new_size)
            .map_err(|error| wasmtime::format_err!("cannot grow a kernel's memory: {error}"))
    }

    fn as_ptr(&self) -> *mut u8 {
        self.handle.base.as_ptr()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new`, with this length, and wasmtime drops a memory when nothing uses it any more.
        // Windows mapped over parts of it go with it.
        let unmapped = unsafe { munmap(self.handle.base.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_memory_grows_in_place_up_to_its_capacity() {
        let page = 65536;
        let mut memory = Reservation::new(page, Some(3 * page), 4 * page, page).unwrap();
        let base = memory.as_ptr();
        // SAFETY: the last accessible byte.
        unsafe { base.add(page - 1).write_volatile(7) };
        memory.grow_to(3 * page).unwrap();
        assert_eq!(
            (memory.as_ptr(), memory.byte_size(), memory.byte_capacity()),
            (base, 3 * page, 3 * page)
        );
        // SAFETY: both are accessible now.
        unsafe {
            assert_eq!(base.add(page - 1).read_volatile(), 7);
            assert_eq!(base.add(3 * page - 1).read_volatile(), 0);
        }
        assert!(memory.grow_to(4 * page).is_err());
        assert_eq!(memory.byte_size(), 3 * page);
    }

    #[test]
    fn only_memories_of_the_recorded_call_are_reported() {
        let ty = || MemoryType::new(1, None);
        let make = || Creator.new_memory(ty(), 65536, None, Some(1 << 20), 65536);
        let _before = make().unwrap();
        let (memory, recorded) = record(&Arc::default(), make);
        let memory = memory.unwrap();
        let _after = make().unwrap();
        assert_eq!(recorded.len(), 1);
        assert_eq!(recorded[0].address(0), memory.as_ptr());
    }
}
