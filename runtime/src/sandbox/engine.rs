//! The one configuration of wasmtime that all kernels run under.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel};

use super::admission::{self, Facts, Form, LoadError};
use super::cache::Cache;
use super::deadline::Watchdog;
use super::host::{Host, LogConsumer, link, log_to_tracing};
use super::limits::Limits;
use super::memory::Creator;
use super::program::{Digest, Program};
use super::wrap;

/// Address space that each memory gets: with all of it reserved, no access needs a bounds check.
const RESERVATION: u64 = 4 << 30;
/// Behind the reservation, for accesses with a constant offset.
const GUARD: u64 = 32 << 20;
/// Stack of a compiling thread.
const COMPILER_STACK: usize = 16 << 20;

/// Where compiled code is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheDirectory {
    /// `$XDG_CACHE_HOME/sandpipe`, or `~/.cache/sandpipe`.
    #[default]
    Default,
    /// A directory of the caller's choice.
    At(PathBuf),
    /// Nowhere: every load compiles.
    None,
}

/// What can be chosen about an engine.
#[derive(Clone)]
pub struct EngineOptions {
    /// Where compiled code is kept.
    pub cache: CacheDirectory,
    /// Takes guests' log messages; the default hands them to `tracing`.
    pub log: LogConsumer,
    /// Time for compiling one module. The default, two minutes, is ten times what CPython takes.
    pub compile_time: Duration,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            cache: CacheDirectory::default(),
            log: Arc::new(log_to_tracing),
            compile_time: Duration::from_secs(120),
        }
    }
}

/// The engine could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot start: {0}")]
pub struct EngineError(String);

/// Compiles and runs kernels. Cheap to clone; one for the process is enough.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub wasmtime: wasmtime::Engine,
    pub linker: Linker<Host>,
    pub watchdog: Watchdog,
    pub log: LogConsumer,
    cache: Option<Cache>,
    compile_time: Duration,
}

impl Engine {
    /// Installs the fault handler, configures wasmtime, starts the watchdog's thread and looks for the cache.
    ///
    /// # Errors
    /// The machine lacks what the sandbox needs: signal handlers, threads, a processor that wasmtime compiles for.
    pub fn new(options: EngineOptions) -> Result<Engine, EngineError> {
        // Before the first wasmtime engine, so that wasmtime's own handler comes first and passes on what is not a trap.
        crate::stream::guard::install().map_err(|error| EngineError(error.to_string()))?;
        let wasmtime = wasmtime::Engine::new(&config()).map_err(failed)?;
        let mut linker = Linker::new(&wasmtime);
        link(&mut linker).map_err(failed)?;
        let weak = wasmtime.weak();
        let watchdog = Watchdog::start(move || {
            if let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
            }
        })
        .map_err(|error| EngineError(error.to_string()))?;
        let cache = Cache::open(&options.cache, &wasmtime);
        Ok(Engine(Arc::new(Inner {
            wasmtime,
            linker,
            watchdog,
            log: options.log,
            cache,
            compile_time: options.compile_time,
        })))
    }

    /// Makes a program of a module: a core module or a component, binary or text. Nothing of it runs.
    ///
    /// # Errors
    /// The module is damaged, too large, not a kernel, or wants what kernels do not get; a sentence for its author.
    pub fn load(&self, module: &[u8], limits: &Limits) -> Result<Program, LoadError> {
        let binary = wrap::to_binary(module)?;
        let facts = admission::inspect(&binary, limits)?;
        let digest = Digest::of(module);
        let cached = self
            .0
            .cache
            .as_ref()
            .map(|cache| (cache, cache.key(&digest)));
        let loaded = cached
            .as_ref()
            .and_then(|(cache, key)| cache.load(key, &self.0.wasmtime));
        let component = match loaded {
            Some(component) => component,
            None => {
                let component = self.compile(binary.into_owned(), facts.clone())?;
                if let Some((cache, key)) = &cached {
                    cache.store(key, &component);
                }
                component
            }
        };
        Program::new(self, component, facts, digest)
    }

    /// Compiles on a thread of its own, because there are modules that pass every limit and still take hours: compile time
    /// grows faster than a function's size, and a compiler cannot be interrupted. Such a thread is left behind; it ends
    /// with the process.
    fn compile(&self, binary: Vec<u8>, facts: Facts) -> Result<Component, LoadError> {
        let engine = self.0.wasmtime.clone();
        let (send, receive) = mpsc::sync_channel(1);
        let compile = move || {
            // Nobody listens any more when it took too long.
            let _ = send.send(compile(&engine, &binary, &facts));
        };
        thread::Builder::new()
            .name("compile".to_owned())
            .stack_size(COMPILER_STACK)
            .spawn(compile)
            .map_err(|error| LoadError::new(format!("The module cannot be compiled: {error}.")))?;
        receive.recv_timeout(self.0.compile_time).map_err(|error| {
            LoadError::new(match error {
                RecvTimeoutError::Timeout => format!(
                    "The module did not compile within {:?}. Split very long functions.",
                    self.0.compile_time
                ),
                RecvTimeoutError::Disconnected => "The module makes the compiler fail.".to_owned(),
            })
        })?
    }
}

fn compile(
    engine: &wasmtime::Engine,
    binary: &[u8],
    facts: &Facts,
) -> Result<Component, LoadError> {
    admission::validate(binary)?;
    let component = match facts.form {
        Form::Module => wrap::wrap(binary, facts)?.into(),
        Form::Component => {
            wrap::check_component(binary, facts.world)?;
            Cow::Borrowed(binary)
        }
    };
    Component::from_binary(engine, &component)
        .map_err(|error| LoadError::new(format!("The module does not compile: {error:#}.")))
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError(format!("{error:#}"))
}

fn config() -> Config {
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
        .epoch_interruption(true)
        // What admission refuses the compiler need not know either.
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_threads(false)
        .wasm_custom_page_sizes(false)
        .wasm_relaxed_simd(false);
    config
}
