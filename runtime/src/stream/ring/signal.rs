//! A word whose changes wake those who wait for them, without a call of the kernel where nobody does.

use std::time::Duration;

use super::super::atomic::{AtomicU32, AtomicU64, Ordering};
use super::super::wait::wake;

/// A word to wait for, with the flag that says whether somebody sleeps on it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Signal {
    value: AtomicU64,
    parked: AtomicU32,
}

impl Signal {
    /// The value, with everything written before it was stored.
    #[inline]
    pub fn load(&self) -> u64 {
        self.value.load(Ordering::SeqCst)
    }

    /// Stores a value and wakes who sleeps on it.
    #[inline]
    pub fn store(&self, value: u64) {
        self.change(|word| word.store(value, Ordering::SeqCst));
    }

    /// Sets bits and wakes who sleeps on it.
    pub fn set_bits(&self, bits: u64) {
        self.change(|word| {
            word.fetch_or(bits, Ordering::SeqCst);
        });
    }

    /// Counts one up and wakes who sleeps on it.
    #[inline]
    pub fn increment(&self) {
        self.change(|word| {
            word.fetch_add(1, Ordering::SeqCst);
        });
    }

    /// Counts one down and wakes who sleeps on it.
    pub fn decrement(&self) {
        self.change(|word| {
            // Wraps around: minus one.
            word.fetch_add(u64::MAX, Ordering::SeqCst);
        });
    }

    /// A waiter raises the flag and then has the kernel compare the word. Either it raised the flag before it was taken
    /// down here: then it is woken. Or after: then the flag is seen by the second look, or else, in the single order of
    /// the sequentially consistent accesses, the kernel's comparison comes after the change and finds it.
    #[inline]
    fn change(&self, change: impl FnOnce(&AtomicU64)) {
        let mut parked =
            self.parked.load(Ordering::Relaxed) != 0 && self.parked.swap(0, Ordering::SeqCst) != 0;
        change(&self.value);
        parked |= self.parked.load(Ordering::SeqCst) != 0;
        if parked {
            wake(&self.value);
        }
    }

    /// Whether somebody sleeps, or is about to.
    #[cfg(test)]
    pub fn is_awaited(&self) -> bool {
        self.parked.load(Ordering::SeqCst) != 0
    }

    /// To wait until the value is no longer `seen`.
    pub fn word(&self, seen: u64) -> WaitWord<'_> {
        WaitWord {
            value: &self.value,
            seen,
            parked: Some(&self.parked),
            recheck: None,
        }
    }
}

/// Something to [`wait`](super::super::wait::wait) for: a word, and the value it had when the caller last looked.
#[derive(Clone, Copy, Debug)]
pub struct WaitWord<'a> {
    pub(in super::super) value: &'a AtomicU64,
    pub(in super::super) seen: u64,
    parked: Option<&'a AtomicU32>,
    pub(in super::super) recheck: Option<Duration>,
}

impl<'a> WaitWord<'a> {
    /// A word that another program's writer changes. `recheck`: how long to trust that it wakes us.
    pub(in super::super) fn of_others(
        value: &'a AtomicU64,
        seen: u64,
        recheck: Duration,
    ) -> WaitWord<'a> {
        WaitWord {
            value,
            seen,
            parked: None,
            recheck: Some(recheck),
        }
    }

    /// Whether the word has changed since the caller looked.
    #[inline]
    pub fn is_changed(&self) -> bool {
        self.value.load(Ordering::Acquire) != self.seen
    }

    /// Says that the caller is about to sleep: from here on a change wakes it. The caller looks again before it sleeps.
    pub(in super::super) fn announce(&self) {
        if let Some(parked) = self.parked {
            parked.store(1, Ordering::SeqCst);
        }
    }
}
