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
//!
//! | what a guest may try | what it meets |
//! |---|---|
//! | to be something else than a kernel: other imports, several or special memories, sizes out of hand | `admission` |
//! | to compile for hours | the time limit of `engine` |
//! | to have precompiled code loaded | `wrap` refuses it, `cache` loads only what this user's runs have written |
//! | to run for ever, in any function and at instantiation | `deadline`, which stops it by `page` or by epochs (`interruption`) |
//! | to take all memory | `limits` |
//! | to give away a bad block, to write into its inputs in its own code or through the host's | `windows`, and the fault guard of streams |
//! | to crash: traps, deep recursion, damaged results | wasmtime, `abi`, and `guest`, which says what it was |
//! | to flood logs and terminals | `host`, `text` |

mod abi;
mod admission;
mod advice;
pub mod bounds;
mod cache;
mod child;
mod code;
mod compiler;
mod context;
mod contract;
mod deadline;
mod engine;
mod executable;
mod fault;
mod floats;
mod functions;
mod guest;
mod host;
mod instance;
mod interruption;
mod isolation;
mod limits;
mod local;
mod memory;
mod page;
mod program;
mod renewal;
mod room;
mod schedule;
mod selftest;
mod target;
mod text;
mod windows;
mod wrap;

pub use admission::{Facts, Form, LoadError, Memory};
pub use advice::{Advice, Adviser, Mistake};
pub use child::{Confinement, enter};
pub use context::{Array, Context, Part};
pub use contract::{WIT, World};
pub use deadline::{Deadline, observe_deadlines};
pub use engine::{CacheDirectory, Engine, EngineError, EngineOptions};
pub use fault::{Cause, Code, Fault};
pub use floats::Nans;
pub use host::{LogConsumer, LogLevel, LogMessage, log_to_tracing};
pub use instance::Instance;
pub use interruption::Interruption;
pub use isolation::Isolation;
pub use limits::Limits;
pub use program::{Digest, Program};
pub use room::{NoRoom, check_address_space};
pub use schedule::run_in_real_time;
pub use windows::layout::{MAX_WINDOWS, PAGE};
pub use windows::{Access, Window};
