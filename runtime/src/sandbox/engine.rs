//! What all kernels run under: a compiler, a linker, a watchdog, a cache.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::admission::{self, Facts, LoadError};
use super::advice::{Advice, Adviser};
use super::cache::Cache;
use super::child::compile::CompileLimits;
use super::child::remote::RemoteProgram;
use super::child::spawn::Spawner;
use super::child::{self, Confinement};
use super::code::Code;
use super::compiler::{COMPILER_STACK, Compiler};
use super::deadline::Watchdog;
use super::executable::Executable;
use super::floats::Nans;
use super::host::{LogConsumer, log_to_tracing};
use super::interruption::{self, Interruption};
use super::isolation::Isolation;
use super::limits::Limits;
use super::program::{Digest, Program, Runs};
use super::room::check_address_space;
use super::target::Target;
use super::{selftest, wrap};

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
    /// Memory for compiling one module in a child. The default is 2 GiB.
    pub compile_memory: u64,
    /// The program that is started for children: they compile modules, and run the guests of [`Isolation::Process`]. Its
    /// `main` must call [`enter`](super::enter) before anything else. A program that does so itself gives `/proc/self/exe`.
    /// Without one, modules are compiled on a thread of this process, and [`Isolation::Process`] is refused.
    pub helper: Option<PathBuf>,
    /// How much of the confinement of children this machine must offer.
    pub confinement: Confinement,
    /// Says what authors of a module's language do about mistakes. By default nobody does.
    pub adviser: Adviser,
    /// How guests are stopped at their deadline. By default the engine chooses; see [`Engine::interruption`].
    pub interruption: Option<Interruption>,
    /// Which NaNs kernels compute.
    pub nans: Nans,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            cache: CacheDirectory::default(),
            log: Arc::new(log_to_tracing),
            compile_time: CompileLimits::default().time,
            compile_memory: CompileLimits::default().memory,
            helper: None,
            confinement: Confinement::Full,
            adviser: |_| None,
            interruption: None,
            nans: Nans::default(),
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
    pub target: Arc<Target>,
    /// For kernels of several components, made with the first of them; see [`Inner::target_for`].
    composed: OnceLock<Result<Arc<Target>, LoadError>>,
    pub watchdog: Watchdog,
    pub log: LogConsumer,
    adviser: Adviser,
    children: Option<Children>,
    cache: Option<Cache>,
    compiling: CompileLimits,
    /// Why guests are stopped by epochs although nobody asked for that.
    fallback: Option<String>,
}

/// How children are started.
struct Children {
    helper: PathBuf,
    confinement: Confinement,
    /// Started with the first child.
    spawner: OnceLock<Result<Spawner, String>>,
}

impl Engine {
    /// Lets the thread that stops guests run in real time, at a priority of 1 to 99: above the threads that call guests.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn watch_in_real_time(&self, priority: u32) -> std::io::Result<()> {
        self.0.watchdog.run_in_real_time(priority)
    }

    /// Installs the fault handler, configures wasmtime, starts the watchdog's thread and looks for the cache.
    ///
    /// # Errors
    /// The machine lacks what the sandbox needs: signal handlers, threads, a processor that wasmtime compiles for.
    pub fn new(options: EngineOptions) -> Result<Engine, EngineError> {
        if child::is_child() {
            return Err(EngineError(
                "this process was started as a child, but its `main` does not call \
                 `sandpipe::sandbox::enter` first"
                    .to_owned(),
            ));
        }
        check_address_space(0, 0).map_err(|error| EngineError(error.to_string()))?;
        // Before the first wasmtime engine, so that wasmtime's own handler comes first and passes on what is not a trap.
        crate::stream::guard::install().map_err(|error| EngineError(error.to_string()))?;
        let watchdog = Watchdog::start().map_err(|error| EngineError(error.to_string()))?;
        let cache = Cache::open(&options.cache);
        let self_test = |compiler: &Compiler| {
            // The same for all engines of a process.
            static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
            let test = || selftest::run(compiler, cache.as_ref(), &watchdog);
            OUTCOME.get_or_init(test).clone()
        };
        let (compiler, fallback) = choose(options.interruption, options.nans, self_test)?;
        Ok(Engine(Arc::new(Inner {
            target: Arc::new(Target::new(compiler).map_err(failed)?),
            composed: OnceLock::new(),
            watchdog,
            log: options.log,
            adviser: options.adviser,
            children: options.helper.map(|helper| Children {
                helper,
                confinement: options.confinement,
                spawner: OnceLock::new(),
            }),
            cache,
            compiling: CompileLimits {
                time: options.compile_time,
                memory: options.compile_memory,
            },
            fallback,
        })))
    }

    /// The engine of a child: for machine code that the parent has compiled without any way to stop it, because the parent
    /// kills the child.
    pub(super) fn of_child(log: LogConsumer) -> Result<Engine, EngineError> {
        crate::stream::guard::install().map_err(|error| EngineError(error.to_string()))?;
        let compiler = Compiler::new(Interruption::None, Nans::Any).map_err(failed)?;
        Ok(Engine(Arc::new(Inner {
            target: Arc::new(Target::new(compiler).map_err(failed)?),
            composed: OnceLock::new(),
            watchdog: Watchdog::absent(),
            log,
            adviser: |_| None,
            children: None,
            cache: None,
            compiling: CompileLimits::default(),
            fallback: None,
        })))
    }

    /// Makes a program of a module: a core module or a component, binary or text. Nothing of it runs.
    ///
    /// # Errors
    /// The module is damaged, too large, not a kernel, or wants what kernels do not get; a sentence for its author.
    pub fn load(
        &self,
        module: &[u8],
        limits: &Limits,
        isolation: Isolation,
    ) -> Result<Program, LoadError> {
        let binary = wrap::to_binary(module)?;
        let advice = (self.0.adviser)(&binary);
        self.load_binary(module, binary, limits, isolation, advice)
            .map_err(|error| error.advised(advice))
    }

    fn load_binary(
        &self,
        module: &[u8],
        binary: Cow<'_, [u8]>,
        limits: &Limits,
        isolation: Isolation,
        advice: Option<&'static Advice>,
    ) -> Result<Program, LoadError> {
        let facts = admission::inspect(&binary, limits)?;
        let digest = Digest::of(module);
        let target = match isolation {
            Isolation::Thread => self.0.target_for(&facts)?,
            Isolation::Process => &self.0.target,
        };
        let compiler = self.0.compiler_for(isolation, target)?;
        let cache = self.0.cache.as_ref();
        let cached = cache.map(|cache| (cache, cache.key(&compiler, &digest)));
        let runs = |code: &Code| match isolation {
            Isolation::Thread => {
                Executable::new(&self.0, target, code, facts.world).map(Runs::Here)
            }
            Isolation::Process => {
                RemoteProgram::new(&self.0, code, facts.world).map(Runs::InChildren)
            }
        };
        let kept = cached.as_ref().and_then(|(cache, key)| cache.load(key));
        let (runs, compiled) = match kept.and_then(|code| runs(&code).ok()) {
            Some(runs) => (runs, false),
            None => {
                let code = self
                    .0
                    .compile(compiler, binary.into_owned(), limits, facts.clone())?;
                if let Some((cache, key)) = &cached {
                    cache.store(key, &code);
                }
                (runs(&code)?, true)
            }
        };
        Ok(Program::new(runs, facts, digest, compiled, advice))
    }

    /// How guests of this engine are stopped at their deadline: by a revoked page where that works, and by epochs elsewhere,
    /// unless [`EngineOptions::interruption`] says otherwise. (Kernels of several components, as those in JavaScript are, are
    /// stopped by epochs in any case.)
    pub fn interruption(&self) -> Interruption {
        self.0.target.interruption()
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
}

/// A compiler for the interruption that is wanted or, if none is, for the best that works; and why that is not the page.
fn choose(
    wanted: Option<Interruption>,
    nans: Nans,
    self_test: impl FnOnce(&Compiler) -> Result<(), String>,
) -> Result<(Compiler, Option<String>), EngineError> {
    if let Some(other @ (Interruption::Epochs | Interruption::None)) = wanted {
        return Ok((Compiler::new(other, nans).map_err(failed)?, None));
    }
    let why = match interruption::page_is_impossible() {
        Some(why) => why,
        None => {
            let compiler = Compiler::new(Interruption::Page, nans).map_err(failed)?;
            match self_test(&compiler) {
                Ok(()) => return Ok((compiler, None)),
                Err(why) => why,
            }
        }
    };
    if wanted == Some(Interruption::Page) {
        return Err(EngineError(format!(
            "guests cannot be stopped by a revoked page, because {why}"
        )));
    }
    let compiler = Compiler::new(Interruption::Epochs, nans).map_err(failed)?;
    Ok((compiler, Some(why)))
}

impl Inner {
    /// Starts children; `None` where there is no program for them.
    pub fn children(&self) -> Option<Result<&Spawner, LoadError>> {
        let children = self.children.as_ref()?;
        let spawner = children
            .spawner
            .get_or_init(|| Spawner::start(&children.helper).map_err(|error| error.to_string()));
        Some(spawner.as_ref().map_err(|error| {
            LoadError::new(format!(
                "No process can be started for the kernel: {error}."
            ))
        }))
    }

    /// How much of the confinement of children has to be there.
    pub fn confinement(&self) -> Confinement {
        let children = self.children.as_ref();
        children.map_or(Confinement::Full, |children| children.confinement)
    }

    /// What a guest on a thread is compiled for and linked to. For calls from one component to another the engine makes code
    /// of its own, after polls have been added; it loops as long as the lists that are passed, which are of guests' making.
    /// Checks of the epoch are in that code too.
    fn target_for(&self, facts: &Facts) -> Result<&Arc<Target>, LoadError> {
        if !facts.composed || self.target.interruption() != Interruption::Page {
            return Ok(&self.target);
        }
        let nans = self.target.compiler.nans;
        let new = || Target::new(Compiler::new(Interruption::Epochs, nans)?);
        let composed = self
            .composed
            .get_or_init(|| new().map(Arc::new).map_err(no_compiler));
        composed.as_ref().map_err(Clone::clone)
    }

    /// The compiler for guests that run on a thread, or in a process that can be killed.
    fn compiler_for(&self, isolation: Isolation, target: &Target) -> Result<Compiler, LoadError> {
        match (isolation, target.interruption()) {
            (Isolation::Thread, _) => Ok(target.compiler.clone()),
            (Isolation::Process, _) if self.children.is_none() => Err(LoadError::new(
                "The kernel is to run in a process of its own, but this program has no helper for that; let it run on a thread.",
            )),
            (Isolation::Process, Interruption::Epochs) => {
                Compiler::new(Interruption::None, target.compiler.nans).map_err(no_compiler)
            }
            // They share one configuration.
            (Isolation::Process, Interruption::Page | Interruption::None) => Ok(Compiler {
                interruption: Interruption::None,
                ..target.compiler.clone()
            }),
        }
    }

    /// Compiles in a child where there is a program for it, because there are modules that pass every limit and still take hours
    /// or all memory: compile time grows faster than a function's size, and a compiler cannot be interrupted.
    fn compile(
        &self,
        compiler: Compiler,
        binary: Vec<u8>,
        stage: &Limits,
        facts: Facts,
    ) -> Result<Code, LoadError> {
        match self.children() {
            Some(spawner) => {
                child::compile::compile(spawner?, &compiler, &binary, stage, &self.compiling)
            }
            None => compile_on_a_thread(compiler, binary, facts, &self.compiling),
        }
    }
}

/// A thread whose compiler does not come to an end is left behind; it ends with the process.
fn compile_on_a_thread(
    compiler: Compiler,
    binary: Vec<u8>,
    facts: Facts,
    limits: &CompileLimits,
) -> Result<Code, LoadError> {
    let (send, receive) = mpsc::sync_channel(1);
    let compile = move || {
        // Nobody listens any more when it took too long.
        let _ = send.send(compiler.code(&binary, &facts));
    };
    thread::Builder::new()
        .name("compile".to_owned())
        .stack_size(COMPILER_STACK)
        .spawn(compile)
        .map_err(|error| LoadError::new(format!("The module cannot be compiled: {error}.")))?;
    receive
        .recv_timeout(limits.time)
        .map_err(|error| match error {
            RecvTimeoutError::Timeout => limits.too_slow(),
            RecvTimeoutError::Disconnected => LoadError::new("The module makes the compiler fail."),
        })?
}

fn no_compiler(error: wasmtime::Error) -> LoadError {
    LoadError::new(format!("The compiler cannot start: {error:#}."))
}

fn failed(error: wasmtime::Error) -> EngineError {
    EngineError(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn chosen(
        wanted: Option<Interruption>,
        self_test: Result<(), String>,
    ) -> Result<(Interruption, Option<String>), String> {
        choose(wanted, Nans::Any, |_| self_test)
            .map(|(compiler, fallback)| (compiler.interruption, fallback))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_page_is_chosen_where_it_works_and_epochs_where_it_does_not() {
        let broken = || Err("the moon is full".to_owned());
        assert_eq!(chosen(None, Ok(())), Ok((Interruption::Page, None)));
        assert_eq!(
            chosen(None, broken()),
            Ok((Interruption::Epochs, Some("the moon is full".to_owned())))
        );
        for forced in [Interruption::Epochs, Interruption::None] {
            assert_eq!(chosen(Some(forced), Ok(())), Ok((forced, None)));
        }
        let refused = chosen(Some(Interruption::Page), broken()).unwrap_err();
        assert!(refused.contains("because the moon is full"), "{refused}");
    }
}
