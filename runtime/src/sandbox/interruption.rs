//! How a guest that runs too long is made to stop, and what its code is compiled with for that.
//!
//! | | in the code | to stop it | costs |
//! |---|---|---|---|
//! | [`Page`](Interruption::Page) | a load from one page at every loop and call ([`wrap::polls`](super::wrap)) | the page becomes inaccessible ([`page`](super::page)), so the load traps | next to nothing |
//! | [`Epochs`](Interruption::Epochs) | a comparison at every loop and call | wasmtime's epoch advances | up to four times a tight loop's time |
//! | [`None`](Interruption::None) | nothing | the process it runs in is killed | nothing |

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::{Config, Inlining, InstanceAllocationStrategy, OptLevel};

use super::deadline::Stop;
use super::floats::Nans;
use super::memory::Creator;

/// Address space that each memory gets: with all of it reserved, no access needs a bounds check.
pub(super) const RESERVATION: u64 = 4 << 30;
/// Behind the reservation, for accesses with a constant offset.
pub(super) const GUARD: u64 = 32 << 20;

/// How a running guest can be stopped. Part of what compiled code is cached under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Interruption {
    /// Its code reads a page that can be revoked.
    Page,
    /// Its code compares wasmtime's epoch with its own.
    Epochs,
    /// Not at all. Only for guests in a process of their own, which can be killed, and for measuring what the others cost: on
    /// a thread of this process an endless guest runs for ever.
    None,
}

impl Interruption {
    /// A word for files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Interruption::Page => "page",
            Interruption::Epochs => "epochs",
            Interruption::None => "none",
        }
    }

    /// The configuration of wasmtime. `Page` and `None` share one.
    pub(super) fn config(self, nans: Nans) -> Config {
        let epochs = self == Interruption::Epochs;
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .memory_reservation(RESERVATION)
            .memory_guard_size(GUARD)
            .memory_may_move(false)
            // A custom creator cannot be combined with copy-on-write images.
            .memory_init_cow(false)
            .with_host_memory(Arc::new(Creator))
            .allocation_strategy(InstanceAllocationStrategy::OnDemand)
            .signals_based_traps(true)
            .cranelift_opt_level(OptLevel::Speed)
            .compiler_inlining(Inlining::No)
            .epoch_interruption(epochs)
            // The page is a memory of its own, polls are atomic loads, and code for calls between components uses the memories of
            // both. Guests may have none of it: admission validates them before anything of ours is added.
            .wasm_multi_memory(true)
            .wasm_threads(!epochs)
            // What admission refuses the compiler need not know either.
            .wasm_memory64(false)
            .wasm_custom_page_sizes(false)
            .wasm_relaxed_simd(false)
            .cranelift_nan_canonicalization(nans == Nans::Canonical);
        config
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interruption::Page => "revoked page",
            Interruption::Epochs => "epoch checks",
            Interruption::None => "none",
        })
    }
}

/// Why no page can be used here, if so.
pub(super) fn page_is_impossible() -> Option<String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("this is not Linux on x86-64".to_owned());
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    Some(format!("address space is limited to {limit} bytes"))
}

/// Stops guests by advancing the epoch of the engine they run in: every guest then asks whether it is meant.
pub(super) struct Epoch(pub wasmtime::EngineWeak);

impl Stop for Epoch {
    fn stop(&self) {
        if let Some(engine) = self.0.upgrade() {
            engine.increment_epoch();
        }
    }

    fn allow(&self) {}
}
