//! The sandbox: runs kernels that nobody has to trust, on streams mapped into their own memory.
//!
//! ```text
//! bytes ── Engine::load ──▶ Program ── open ──▶ Instance ── compute_into ──▶ Ok or Fault
//!          (admission,       (compiled,          (windows mapped,
//!           wrap, cache)      not yet run)        init called)
//! ```
//!
//! It knows no pipelines and no configuration files: it is given bytes, [`Window`]s over shared memory, a [`Context`] and
//! [`Limits`], and turns everything a guest can do wrong into a [`Fault`].

mod admission;
mod cache;
mod context;
mod contract;
mod deadline;
mod engine;
mod fault;
mod guest;
mod host;
mod instance;
mod limits;
mod memory;
mod program;
mod text;
mod windows;
mod wrap;

pub use admission::{Facts, Form, LoadError, MODULE_BYTES, Memory};
pub use context::{Array, Context, Part};
pub use contract::{WIT, World};
pub use deadline::Deadline;
pub use engine::{CacheDirectory, Engine, EngineError, EngineOptions};
pub use fault::{Cause, Code, Fault};
pub use host::{LogConsumer, LogLevel, LogMessage, log_to_tracing};
pub use instance::Instance;
pub use limits::Limits;
pub use program::{Digest, Program};
pub use windows::layout::{MAX_WINDOWS, PAGE};
pub use windows::{Access, Window};
