//! What the ring's protocol is made of. The crate `loom` at the top of the repository compiles `ring/` with loom's atomics in
//! place of these.

pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// How many publications back the ring knows the slot: more than there are slots.
pub(super) const HISTORY: usize = 256;
