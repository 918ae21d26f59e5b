//! How much of the machine a guest may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use super::bounds::{INSTANCES, TABLE_ELEMENTS};

/// What a stage's guest may use. The defaults suit kernels that compute for less than a second on their streams and little
/// else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of linear memory; windows are not counted. One bulk operation (`memory.fill`) over all of it cannot be
    /// interrupted, so this also bounds by how much a deadline can be overrun.
    pub memory: u64,
    /// Time for one `compute-into`. A guest that takes longer is stopped, as late as the machine wakes a sleeping thread; a time
    /// under 0.25 ms is looked at that often.
    pub deadline: Duration,
    /// Time for each step before the first frame: instantiation, `validate-config`, `reserve`, `init`.
    pub startup: Duration,
    /// Log messages a second; what comes faster is counted and dropped.
    pub log_rate: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: 64 << 20,
            deadline: Duration::from_secs(1),
            startup: Duration::from_secs(2),
            log_rate: 10,
        }
    }
}

/// What memory grows by.
const WASM_PAGE: u64 = 65536;

/// Enforces [`Limits::memory`] and the fixed limits while the guest runs. Growth beyond them fails as the guest's
/// `memory.grow` returning -1; that it happened is remembered, because guests then tend to trap.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_limit: u64,
    memory_used: u64,
    table_used: usize,
    refused: Option<u64>,
}

impl Limiter {
    /// `windows` is the size of the block that the guest will reserve for the host. Memory grows by pages, and the guest may
    /// have to align the block to one, so two pages come on top.
    pub fn new(limits: &Limits, windows: u64) -> Limiter {
        let block = match windows {
            0 => 0,
            windows => windows.saturating_add(2 * WASM_PAGE),
        };
        Limiter {
            memory_limit: limits.memory.saturating_add(block),
            memory_used: 0,
            table_used: 0,
            refused: None,
        }
    }

    /// A call begins: earlier refusals have nothing to do with it.
    #[inline]
    pub fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// Bytes of linear memory that were granted.
    pub fn memory_used(&self) -> u64 {
        self.memory_used
    }

    /// The size that was asked for when memory or a table was last refused in this call.
    pub fn refused(&self) -> Option<u64> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = (desired as u64).saturating_sub(current as u64);
        let total = self.memory_used.saturating_add(grown);
        if total > self.memory_limit {
            self.refused = Some(total);
            return Ok(false);
        }
        self.memory_used = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_used
            .saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS {
            self.refused = Some(total as u64);
            return Ok(false);
        }
        self.table_used = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        // Beside its own, each may have a page for polls.
        2 * INSTANCES
    }
}
