//! Mappings that survive what other processes do to their files.
//!
//! Two things can kill a process that only copies bytes:
//!
//! - somebody truncates a mapped file: the next access beyond the new end raises `SIGBUS`;
//! - host code stores through a `PROT_READ` mapping (wasmtime's `memory.fill` and `memory.copy` run in the host when a guest
//!   asks for them, with a guest's window as the target): `SIGSEGV`.
//!
//! [`install`] puts a handler for both in front of whatever was there. For a fault inside a [`register`]ed range it maps
//! private zero pages from the faulting page to the end of the range, counts the fault, and lets the instruction run again.
//! The shared bytes never change, nobody else sees the private pages, and the owner of the range finds
//! [`Guarded::faults`] above zero and gives the mapping up. One mapping a fault (rather than one a page) bounds both the time
//! and the number of mappings that a hostile guest can cost.
//!
//! Every other fault goes to the handler that was installed before, or to the default action.
//!
//! # Order
//!
//! wasmtime installs its own `SIGSEGV` handler with its first engine and hands faults that are not its own to the one
//! before. So call [`install`] **before the first engine**: then a guest's plain store into a read-only window is a trap of
//! wasmtime, and only faults in host code come here.

#![allow(unsafe_code, reason = "installs a signal handler and maps pages in it")]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::mm::{MapFlags, ProtFlags};

/// How many ranges can be registered at a time.
pub const CAPACITY: usize = 4096;

/// Registering a range failed.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The range is empty, wraps around, or does not begin and end on a page.
    #[error("a guarded range must be whole pages of memory, not {length} bytes at {base:#x}")]
    Range {
        /// First address.
        base: usize,
        /// Length in bytes.
        length: usize,
    },
    /// [`CAPACITY`] ranges are registered.
    #[error(
        "all {CAPACITY} places for guarded memory ranges are taken; close some streams or stages"
    )]
    Full,
    /// The handler could not be installed.
    #[error("cannot install the handler for memory faults: {0}")]
    Install(#[source] io::Error),
}

/// One place in the table that the handler searches. It never waits: an entry whose `version` is odd, or changes while it
/// is read, is being registered or unregistered, and so cannot be the one whose owner is faulting right now.
struct Entry {
    version: AtomicUsize,
    base: AtomicUsize,
    /// 0 marks a free entry.
    length: AtomicUsize,
    faults: AtomicU32,
}

static TABLE: [Entry; CAPACITY] = [const {
    Entry {
        version: AtomicUsize::new(0),
        base: AtomicUsize::new(0),
        length: AtomicUsize::new(0),
        faults: AtomicU32::new(0),
    }
}; CAPACITY];

/// Entries at and above this index have never been used: the handler stops here.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Serialises changes of the table; the handler never takes it.
static CHANGES: Mutex<()> = Mutex::new(());

/// Page size, stored before the handler is installed.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// What handled each signal before us; null: nothing yet.
static PREVIOUS_SEGV: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
static PREVIOUS_BUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

impl Entry {
    fn set(&self, base: usize, length: usize) {
        let version = self.version.load(Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.base.store(base, Ordering::Relaxed);
        self.length.store(length, Ordering::Relaxed);
        self.faults.store(0, Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    /// The end of the range if `address` lies inside it.
    fn end_around(&self, address: usize) -> Option<usize> {
        let version = self.version.load(Ordering::Acquire);
        let base = self.base.load(Ordering::Relaxed);
        let length = self.length.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let stable = version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version;
        (stable && address.wrapping_sub(base) < length).then(|| base.wrapping_add(length))
    }
}

/// A registered range; dropping it ends the protection, so drop it before the mapping goes away.
#[derive(Debug)]
pub struct Guarded {
    index: usize,
}

impl Guarded {
    /// How often an access inside the range faulted. Above 0 some pages of the range are private zeros: what was read from
    /// them is worthless and what was written to them is seen by nobody.
    #[inline]
    pub fn faults(&self) -> u32 {
        TABLE[self.index].faults.load(Ordering::Acquire)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        TABLE[self.index].set(0, 0);
    }
}

/// Protects the `length` bytes at `base`. Installs the handler if that has not been done.
///
/// # Errors
/// A range that is not whole pages, a full table, or a handler that cannot be installed.
///
/// # Safety
/// The range is mapped, belongs to the caller alone, overlaps no other registered range, stays mapped until the returned value is dropped,
/// and holds no Rust object: after a fault its pages from there on are replaced by zeros.
pub unsafe fn register(base: *mut u8, length: usize) -> Result<Guarded, GuardError> {
    install().map_err(GuardError::Install)?;
    let page = PAGE.load(Ordering::Relaxed);
    let address = base as usize;
    let whole = address.is_multiple_of(page) && length.is_multiple_of(page);
    if length == 0 || !whole || address.checked_add(length).is_none() {
        return Err(GuardError::Range {
            base: address,
            length,
        });
    }
    let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let free = |entry: &Entry| entry.length.load(Ordering::Relaxed) == 0;
    let index = TABLE.iter().position(free).ok_or(GuardError::Full)?;
    TABLE[index].set(address, length);
    USED.fetch_max(index + 1, Ordering::Release);
    Ok(Guarded { index })
}

/// Installs the fault handler, once in the life of the process; later calls do nothing.
///
/// # Errors
/// The kernel refused `sigaction`.
pub fn install() -> io::Result<()> {
    static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        PAGE.store(rustix::param::page_size(), Ordering::Relaxed);
        take_over(libc::SIGSEGV, &PREVIOUS_SEGV)
            .and_then(|()| take_over(libc::SIGBUS, &PREVIOUS_BUS))
            .map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))
    });
    done.map_err(io::Error::from_raw_os_error)
}

/// Makes [`on_fault`] the handler of `signal`, after storing the one before in `previous`.
fn take_over(signal: c_int, previous: &AtomicPtr<libc::sigaction>) -> io::Result<()> {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only asks; `old` is a valid place for the answer.
    if unsafe { libc::sigaction(signal, ptr::null(), old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `sigaction` is plain data for which zero bytes are valid, and the kernel has filled it.
    let old = unsafe { old.assume_init() };
    // The handler may run as long as the process does, so what it reads is never freed.
    previous.store(Box::into_raw(Box::new(old)), Ordering::Release);

    // SAFETY: as above, zero bytes are a valid `sigaction`.
    let mut new: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
    new.sa_sigaction = handler as usize;
    // The alternate stack, because wasmtime's guests and Rust's own overflow check need it. The signal stays blocked in the
    // handler: a fault of the handler itself ends the process at once.
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `new` is complete, its mask is the empty set, and `on_fault` has the signature that SA_SIGINFO asks for.
    if unsafe { libc::sigaction(signal, &new, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The handler. Only atomics and bare system calls: nothing here allocates, locks or unwinds.
extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo; wasmtime passes the same one on.
    let code = unsafe { (*info).si_code };
    // A denied access, or an access behind the end of the file. Everything else (a hole in the address space, a signal
    // sent by `kill`, whose address field means something else) is not ours.
    let ours = match signal {
        libc::SIGSEGV => code == SEGV_ACCERR,
        libc::SIGBUS => code == libc::BUS_ADRERR,
        _ => false,
    };
    if ours {
        // SAFETY: these codes come with a fault address.
        let address = unsafe { (*info).si_addr() } as usize;
        if heal(address) {
            return;
        }
    }
    // SAFETY: the arguments are those this handler was called with.
    unsafe { pass_on(signal, info, context) }
}

/// `si_code` of an access that the mapping's protection denies (`asm-generic/siginfo.h`); libc has no name for it on Linux.
const SEGV_ACCERR: c_int = 2;

/// Maps zeros over the rest of the registered range that `address` lies in; false if there is none.
fn heal(address: usize) -> bool {
    let used = USED.load(Ordering::Acquire).min(CAPACITY);
    let found = TABLE[..used]
        .iter()
        .find_map(|entry| Some((entry, entry.end_around(address)?)));
    let Some((entry, end)) = found else {
        return false;
    };
    let start = address & !(PAGE.load(Ordering::Relaxed) - 1);
    // SAFETY: the pages lie in a range whose owner agreed, in `register`, that they may be replaced after a fault.
    let mapped = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::with_exposed_provenance_mut(start),
            end - start,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
        )
    };
    entry.faults.fetch_add(1, Ordering::Release);
    mapped.is_ok()
}

/// Hands the signal to the handler that was there before, or restores the action that was.
///
/// # Safety
/// The arguments are those of a signal handler that is running.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = match signal {
        libc::SIGSEGV => &PREVIOUS_SEGV,
        _ => &PREVIOUS_BUS,
    };
    // SAFETY: stored before the handler was installed, never freed, never changed.
    let action = unsafe { &*previous.load(Ordering::Acquire) };
    if action.sa_sigaction == libc::SIG_DFL || action.sa_sigaction == libc::SIG_IGN {
        // The instruction runs again, faults again, and ends the process the ordinary way.
        // SAFETY: `action` came from the kernel; the call is async-signal-safe.
        unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    } else if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: a non-default action with SA_SIGINFO holds a function of this type.
        unsafe {
            let handler = std::mem::transmute::<
                usize,
                extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
            >(action.sa_sigaction);
            handler(signal, info, context);
        }
    } else {
        // SAFETY: a non-default action without SA_SIGINFO holds a function of this type.
        unsafe {
            let handler = std::mem::transmute::<usize, extern "C" fn(c_int)>(action.sa_sigaction);
            handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::OwnedFd;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::atomic::AtomicBool;

    const PAGES: usize = 4;

    /// A shared mapping of a fresh file of `PAGES` pages, whose bytes are all `fill`.
    struct Mapped {
        file: OwnedFd,
        base: *mut u8,
        length: usize,
    }

    impl Mapped {
        fn new(fill: u8) -> Mapped {
            let length = PAGES * rustix::param::page_size();
            let file = memfd_create("guard", MemfdFlags::CLOEXEC).unwrap();
            ftruncate(&file, length as u64).unwrap();
            let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
            // SAFETY: a fresh mapping at an address that the kernel chooses, and a fill of just that.
            let base = unsafe {
                let base =
                    rustix::mm::mmap(ptr::null_mut(), length, prot, flags, &file, 0).unwrap();
                ptr::write_bytes(base.cast::<u8>(), fill, length);
                base.cast()
            };
            Mapped { file, base, length }
        }

        fn byte(&self, page: usize) -> u8 {
            // SAFETY: in the mapping; volatile because the page is shared.
            unsafe {
                self.base
                    .add(page * rustix::param::page_size())
                    .read_volatile()
            }
        }

        fn protect(&self) {
            // SAFETY: our own mapping, which no reference points into.
            unsafe {
                rustix::mm::mprotect(
                    self.base.cast(),
                    self.length,
                    rustix::mm::MprotectFlags::READ,
                )
                .unwrap();
            }
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: our own mapping, used no more.
            unsafe { rustix::mm::munmap(self.base.cast(), self.length).unwrap() };
        }
    }

    #[test]
    fn a_truncated_file_reads_as_zeros_and_is_counted() {
        let mapped = Mapped::new(7);
        // SAFETY: the mapping outlives the guard and holds bytes only.
        let guarded = unsafe { register(mapped.base, mapped.length) }.unwrap();
        ftruncate(&mapped.file, rustix::param::page_size() as u64).unwrap();
        assert_eq!((mapped.byte(0), guarded.faults()), (7, 0));
        assert_eq!((mapped.byte(2), guarded.faults()), (0, 1));
        assert_eq!(
            (mapped.byte(3), guarded.faults()),
            (0, 1),
            "the rest is replaced at once"
        );
        assert_eq!((mapped.byte(1), guarded.faults()), (0, 2));
        assert_eq!(mapped.byte(0), 7, "pages before the fault stay");
    }

    #[test]
    fn a_store_into_a_read_only_page_leaves_the_shared_bytes_alone() {
        let mapped = Mapped::new(7);
        mapped.protect();
        // SAFETY: as above.
        let guarded = unsafe { register(mapped.base, mapped.length) }.unwrap();
        let middle = rustix::param::page_size() + 100;
        // SAFETY: in the mapping; that it is read-only is what is tested.
        unsafe { ptr::write_bytes(mapped.base.add(middle), 9, mapped.length - middle) };
        assert_eq!(guarded.faults(), 1);
        assert_eq!(mapped.byte(0), 7);
        let mut bytes = vec![0; mapped.length];
        rustix::io::pread(&mapped.file, &mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|&byte| byte == 7));
    }

    #[test]
    fn a_dropped_guard_frees_its_place() {
        let mapped = Mapped::new(1);
        for _ in 0..2 * CAPACITY {
            // SAFETY: as above.
            drop(unsafe { register(mapped.base, mapped.length) }.unwrap());
        }
    }

    #[test]
    fn a_range_that_is_not_whole_pages_is_refused() {
        let mapped = Mapped::new(1);
        for (base, length) in [
            (mapped.base as usize + 1, 4096),
            (mapped.base as usize, 100),
            (mapped.base as usize, 0),
        ] {
            // SAFETY: never registered.
            let refused = unsafe { register(ptr::with_exposed_provenance_mut(base), length) };
            assert!(
                matches!(refused, Err(GuardError::Range { .. })),
                "{base:#x} {length}"
            );
        }
    }

    #[test]
    fn faults_are_found_while_other_ranges_come_and_go() {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mapped = Mapped::new(1);
                    while !done.load(Ordering::Relaxed) {
                        // SAFETY: as above.
                        drop(unsafe { register(mapped.base, mapped.length) }.unwrap());
                    }
                });
            }
            for _ in 0..500 {
                let mapped = Mapped::new(3);
                mapped.protect();
                // SAFETY: as above.
                let guarded = unsafe { register(mapped.base, mapped.length) }.unwrap();
                // SAFETY: in the mapping.
                unsafe { mapped.base.write_volatile(4) };
                assert_eq!(guarded.faults(), 1);
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    /// Run by the test below in a process of its own, which is to die.
    #[test]
    fn child_that_faults_elsewhere() {
        if std::env::var_os("SANDPIPE_GUARD_CHILD").is_none() {
            return;
        }
        install().unwrap();
        let mapped = Mapped::new(1);
        mapped.protect();
        // SAFETY: nothing is guarded, so this ends the process, as the parent expects.
        unsafe { mapped.base.write_volatile(2) };
    }

    #[test]
    fn a_fault_outside_every_range_still_kills() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "stream::guard::tests::child_that_faults_elsewhere",
            ])
            .env("SANDPIPE_GUARD_CHILD", "1")
            .output()
            .unwrap()
            .status;
        assert_eq!(status.signal(), Some(libc::SIGSEGV));
    }
}
