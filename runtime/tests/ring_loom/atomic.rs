//! What stands in for `stream/atomic.rs`: loom's atomics.
//!
//! loom takes a sequentially consistent access for an acquiring or releasing one, but knows sequentially consistent fences. So
//! fences are put beside such accesses, as compilers do for machines without such accesses: either before all loads or
//! after all stores ([`Fences`]). Both are right, and each hides what the other shows, so models run with both.

use std::cell::Cell;

use loom::sync::atomic;
pub use loom::sync::atomic::Ordering;

/// More than the tests' slots.
pub const HISTORY: usize = 8;

/// Where sequentially consistent fences stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fences {
    BeforeLoads,
    AfterStores,
    /// Nowhere, to show that they are needed: `SeqCst` is `AcqRel`.
    Nowhere,
    /// Nor do stores release.
    NotEvenRelease,
}

thread_local! {
    // All threads of a model are coroutines on one thread.
    static FENCES: Cell<Fences> = const { Cell::new(Fences::BeforeLoads) };
}

/// For all models that this thread runs from here on.
pub fn put_fences(fences: Fences) {
    FENCES.set(fences);
}

fn fence_if(fences: Fences, order: Ordering) {
    if order == Ordering::SeqCst && FENCES.get() == fences {
        atomic::fence(Ordering::SeqCst);
    }
}

fn for_store(order: Ordering) -> Ordering {
    match order {
        _ if FENCES.get() == Fences::NotEvenRelease => Ordering::Relaxed,
        Ordering::SeqCst => Ordering::Release,
        order => order,
    }
}

fn for_load(order: Ordering) -> Ordering {
    match order {
        Ordering::SeqCst => Ordering::Acquire,
        order => order,
    }
}

fn for_both(order: Ordering) -> Ordering {
    match order {
        _ if FENCES.get() == Fences::NotEvenRelease => Ordering::Acquire,
        Ordering::SeqCst => Ordering::AcqRel,
        order => order,
    }
}

pub fn fence(order: Ordering) {
    atomic::fence(order);
}

macro_rules! atomic {
    ($name:ident, $number:ty) => {
        #[derive(Debug, Default)]
        pub struct $name(atomic::$name);

        impl $name {
            pub fn load(&self, order: Ordering) -> $number {
                fence_if(Fences::BeforeLoads, order);
                self.0.load(for_load(order))
            }

            pub fn store(&self, value: $number, order: Ordering) {
                self.0.store(value, for_store(order));
                fence_if(Fences::AfterStores, order);
            }

            pub fn swap(&self, value: $number, order: Ordering) -> $number {
                fence_if(Fences::BeforeLoads, order);
                let before = self.0.swap(value, for_both(order));
                fence_if(Fences::AfterStores, order);
                before
            }

            pub fn fetch_or(&self, bits: $number, order: Ordering) -> $number {
                fence_if(Fences::BeforeLoads, order);
                let before = self.0.fetch_or(bits, for_both(order));
                fence_if(Fences::AfterStores, order);
                before
            }

            pub fn fetch_add(&self, value: $number, order: Ordering) -> $number {
                fence_if(Fences::BeforeLoads, order);
                let before = self.0.fetch_add(value, for_both(order));
                fence_if(Fences::AfterStores, order);
                before
            }

            pub fn compare_exchange(
                &self,
                from: $number,
                to: $number,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$number, $number> {
                // Never sequentially consistent here.
                self.0
                    .compare_exchange(from, to, for_both(success), for_load(failure))
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
