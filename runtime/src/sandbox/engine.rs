//! The one configuration of wasmtime that all kernels run under.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel};

use super::admission::{self, LoadError};
use super::cache::Cache;
use super::deadline::Watchdog;
use super::host::{Host, LogConsumer, link, log_to_tracing};
use super::limits::Limits;
use super::memory::Creator;
use super::program::Program;
use super::wrap;

/// Address space that each memory gets: with all of it reserved, no access needs a bounds check.
const RESERVATION: u64 = 4 << 30;
/// Behind the reservation, for accesses with a constant offset.
const GUARD: u64 = 32 << 20;

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
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            cache: CacheDirectory::default(),
            log: Arc::new(log_to_tracing),
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
        })))
    }

    /// Makes a program of a module: a core module or a component, binary or text. Nothing of it runs.
    ///
    /// # Errors
    /// The module is damaged, too large, not a kernel, or wants what kernels do not get; a sentence for its author.
    pub fn load(&self, module: &[u8], limits: &Limits) -> Result<Program, LoadError> {
        let binary = wrap::to_binary(module)?;
        let facts = admission::admit(&binary, limits)?;
        let cached = self
            .0
            .cache
            .as_ref()
            .map(|cache| (cache, cache.key(&binary)));
        let loaded = cached
            .as_ref()
            .and_then(|(cache, key)| cache.load(key, &self.0.wasmtime));
        let component = match loaded {
            Some(component) => component,
            None => {
                let component = self.compile(&binary, &facts)?;
                if let Some((cache, key)) = &cached {
                    cache.store(key, &component);
                }
                component
            }
        };
        Program::new(self, component, facts, module)
    }

    fn compile(&self, binary: &[u8], facts: &admission::Facts) -> Result<Component, LoadError> {
        let component = match facts.form {
            admission::Form::Module => wrap::wrap(binary, facts)?.into(),
            admission::Form::Component => {
                wrap::check_component(binary, facts.world)?;
                Cow::Borrowed(binary)
            }
        };
        Component::from_binary(&self.0.wasmtime, &component)
            .map_err(|error| LoadError::new(format!("The module does not compile: {error:#}.")))
    }
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
