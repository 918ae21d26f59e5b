//! What all kernels run under: a compiler, a linker, a watchdog, a cache.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use wasmtime::component::{Component, Linker};

use super::admission::{self, Facts, LoadError};
use super::cache::Cache;
use super::compiler::Compiler;
use super::deadline::{Stop, Watchdog};
use super::host::{Host, LogConsumer, link, log_to_tracing};
use super::interruption::{self, Epoch, Interruption};
use super::limits::Limits;
use super::page::Pages;
use super::program::{Digest, Program};
use super::wrap;

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
    /// How guests are stopped at their deadline. By default the engine chooses; see [`Engine::interruption`].
    pub interruption: Option<Interruption>,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            cache: CacheDirectory::default(),
            log: Arc::new(log_to_tracing),
            compile_time: Duration::from_secs(120),
            interruption: None,
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
    pub compiler: Compiler,
    pub linker: Linker<Host>,
    pub watchdog: Watchdog,
    pub log: LogConsumer,
    cache: Option<Cache>,
    compile_time: Duration,
    /// Why guests are stopped by epochs although nobody asked for that.
    fallback: Option<String>,
}

impl Engine {
    /// Installs the fault handler, configures wasmtime, starts the watchdog's thread and looks for the cache.
    ///
    /// # Errors
    /// The machine lacks what the sandbox needs: signal handlers, threads, a processor that wasmtime compiles for.
    pub fn new(options: EngineOptions) -> Result<Engine, EngineError> {
        // Before the first wasmtime engine, so that wasmtime's own handler comes first and passes on what is not a trap.
        crate::stream::guard::install().map_err(|error| EngineError(error.to_string()))?;
        let (interruption, fallback) = match options.interruption {
            Some(interruption) => (interruption, None),
            None => match interruption::page_is_impossible() {
                None => (Interruption::Page, None),
                Some(why) => (Interruption::Epochs, Some(why)),
            },
        };
        let compiler = Compiler::new(interruption).map_err(failed)?;
        let mut linker = Linker::new(&compiler.engine);
        link(&mut linker).map_err(failed)?;
        let watchdog = Watchdog::start().map_err(|error| EngineError(error.to_string()))?;
        let cache = Cache::open(&options.cache);
        Ok(Engine(Arc::new(Inner {
            compiler,
            linker,
            watchdog,
            log: options.log,
            cache,
            compile_time: options.compile_time,
            fallback,
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
            .map(|cache| (cache, cache.key(&self.0.compiler, &digest)));
        let loaded = cached
            .as_ref()
            .and_then(|(cache, key)| cache.load(key, &self.0.compiler.engine));
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

    /// How guests of this engine are stopped at their deadline: by a revoked page where that works, and by epochs elsewhere,
    /// unless [`EngineOptions::interruption`] says otherwise.
    pub fn interruption(&self) -> Interruption {
        self.0.compiler.interruption
    }

    /// Why guests are stopped by epochs although nobody asked for that: the rest of a sentence after "because".
    pub fn fallback(&self) -> Option<&str> {
        self.0.fallback.as_deref()
    }

    /// Both in words: `revoked page`, or `epoch checks, because …`.
    pub fn interruption_in_words(&self) -> String {
        let interruption = self.interruption();
        match self.fallback() {
            Some(why) => format!("{interruption}, because {why}"),
            None => interruption.to_string(),
        }
    }

    /// Compiles on a thread of its own, because there are modules that pass every limit and still take hours: compile time
    /// grows faster than a function's size, and a compiler cannot be interrupted. Such a thread is left behind; it ends
    /// with the process.
    fn compile(&self, binary: Vec<u8>, facts: Facts) -> Result<Component, LoadError> {
        let compiler = self.0.compiler.clone();
        let (send, receive) = mpsc::sync_channel(1);
        let compile = move || {
            // Nobody listens any more when it took too long.
            let _ = send.send(compiler.compile(&binary, &facts));
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

impl Inner {
    /// What stops a guest whose pages, if it has any, are `pages`.
    pub fn stop(&self, pages: &Arc<Pages>) -> Arc<dyn Stop> {
        match self.compiler.interruption {
            Interruption::Epochs => Arc::new(Epoch(self.compiler.engine.weak())),
            Interruption::Page | Interruption::None => Arc::clone(pages) as Arc<dyn Stop>,
        }
    }
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError(format!("{error:#}"))
}
