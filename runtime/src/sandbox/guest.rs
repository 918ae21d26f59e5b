//! A running guest: its store, the watch over its time, and what an error of wasmtime means.

#![allow(
    unsafe_code,
    reason = "learns the address of a guest's fault in the signal handler"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::unix::StoreExt;
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

use super::abi::{self, Outcome};
use super::advice::{ALLOCATOR, InAllocator, REALLOC};
use super::context::Context;
use super::deadline::{Revoked, Watch};
use super::engine::Inner;
use super::executable::{Executable, Linked};
use super::fault::{Cause, Fault};
use super::functions::{ComputeInto, Functions};
use super::host::{Breach, Host};
use super::interruption::Interruption;
use super::limits::Limits;
use super::memory::{self, GuestMemory};
use super::page::Pages;

/// Function names of a trap's backtrace that are shown.
const FRAMES: usize = 6;

/// One instance's store and everything that is needed to call into it.
pub(super) struct Guest {
    pub store: Store<Host>,
    pub watch: Watch,
    functions: Functions,
    /// Host address of the last fault that the guest's code or code running for it had; 0: none.
    fault_address: Arc<AtomicUsize>,
    pages: Arc<Pages>,
    memory_limit: u64,
    /// Keeps the watchdog running as long as there is somebody to watch.
    _engine: Arc<Inner>,
}

impl Guest {
    /// Instantiates a kernel; this is where a `start` function runs. `windows` is the size of the block that will be reserved.
    /// Also returns the memories that were created.
    pub fn start(
        executable: &Executable,
        context: &Context,
        limits: &Limits,
        windows: u64,
    ) -> Result<(Guest, Vec<GuestMemory>), Fault> {
        let engine = &executable.engine;
        let pages = Arc::default();
        let stop = executable.target.stop(&pages);
        let watch = engine.watchdog.watch(limits.startup, stop);
        Guest::instantiate(executable, context, limits, windows, pages, watch)
    }

    /// Instantiates a kernel that is to take this one's place, under its deadline.
    pub fn successor(
        &self,
        executable: &Executable,
        context: &Context,
        limits: &Limits,
    ) -> Result<Guest, Fault> {
        let pages = Arc::default();
        let stop = executable.target.stop(&pages);
        let watchdog = &executable.engine.watchdog;
        let watch = watchdog.watch_successor(&self.watch, stop);
        Guest::instantiate(executable, context, limits, 0, pages, watch).map(|(guest, _)| guest)
    }

    fn instantiate(
        executable: &Executable,
        context: &Context,
        limits: &Limits,
        windows: u64,
        pages: Arc<Pages>,
        mut watch: Watch,
    ) -> Result<(Guest, Vec<GuestMemory>), Fault> {
        let engine = &executable.engine;
        let log = Arc::clone(&engine.log);
        let host = Host::new(&context.name, limits, windows, log, watch.revoked());
        let mut store = Store::new(&executable.target.compiler.engine, host);
        store.limiter(|host| &mut host.limiter);
        if executable.target.interruption() == Interruption::Epochs {
            ask_at_epochs(&mut store, watch.revoked());
        }
        let fault_address = Arc::new(AtomicUsize::new(0));
        note_faults(&mut store, Arc::clone(&fault_address));

        watch.begin();
        let (outcome, memories) = memory::record(&pages, || match &executable.linked {
            Linked::Component(pre, exports) => {
                let instance = pre.instantiate(&mut store)?;
                Ok(Functions::Component(instance, *exports))
            }
            Linked::Module(pre) => abi::Functions::start(pre, &mut store)
                .map(|functions| Functions::Module(Box::new(functions))),
        });
        let revoked = watch.end();
        match outcome {
            Ok(functions) => Ok((
                Guest {
                    store,
                    watch,
                    functions,
                    fault_address,
                    pages,
                    memory_limit: limits.memory,
                    _engine: Arc::clone(engine),
                },
                memories,
            )),
            Err(error) => Err(explain(&error, &store, &pages, revoked, limits.memory)),
        }
    }

    /// Calls into the guest under its deadline.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&Functions, &mut Store<Host>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.begin();
        let outcome = call(&self.functions, &mut self.store);
        let revoked = self.watch.end();
        outcome.map_err(|error| self.explain(&error, revoked))
    }

    /// A call begins, at the time that is returned; `watch.end` ends it.
    #[inline]
    pub fn begin(&mut self) -> u64 {
        self.store.data_mut().limiter.forget_refusal();
        self.watch.begin()
    }

    /// Calls `validate-config`.
    pub fn validate_config(&mut self, context: &Context) -> Result<(), Fault> {
        self.report(|functions, store| functions.validate_config(store, context))
    }

    /// Calls `init`.
    pub fn init(&mut self, context: &Context) -> Result<(), Fault> {
        self.report(|functions, store| functions.init(store, context))
    }

    fn report(
        &mut self,
        call: impl FnOnce(&Functions, &mut Store<Host>) -> wasmtime::Result<Outcome>,
    ) -> Result<(), Fault> {
        self.call(call)?.map_err(Fault::reported)
    }

    /// Calls `reserve`; the copied world has none.
    pub fn reserve(&mut self, bytes: u32) -> Result<Option<u32>, Fault> {
        self.call(|functions, store| functions.reserve(store, bytes))
    }

    /// `compute-into` of the mapped world.
    pub fn mapped(&mut self) -> Result<ComputeInto, Fault> {
        self.functions.mapped(&mut self.store).map_err(unfit)
    }

    /// `compute-into` of the copied world.
    pub fn copied(&mut self) -> Result<wasmtime::component::Func, Fault> {
        self.functions.copied(&mut self.store).map_err(unfit)
    }

    /// Bytes of linear memory that it has.
    pub fn memory_bytes(&self) -> u64 {
        self.store.data().limiter.memory_used()
    }

    /// What a failed call means, as far as the guest alone is concerned.
    #[cold]
    pub fn explain(&self, error: &wasmtime::Error, revoked: bool) -> Fault {
        explain(error, &self.store, &self.pages, revoked, self.memory_limit)
    }

    /// The host address of the last fault, and forgets it.
    pub fn take_fault_address(&self) -> Option<usize> {
        match self.fault_address.swap(0, Ordering::Relaxed) {
            0 => None,
            address => Some(address),
        }
    }
}

fn unfit(error: wasmtime::Error) -> Fault {
    Fault::new(
        Cause::Contract,
        format!("A function of the kernel does not fit the contract: {error:#}."),
    )
}

/// At each new epoch the guest asks whether it is meant.
fn ask_at_epochs(store: &mut Store<Host>, revoked: Revoked) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        Ok(if revoked.is_set() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Continue(1)
        })
    });
}

/// Has wasmtime's fault handler write down each fault's address, which it otherwise only puts into the text of its error.
fn note_faults(store: &mut Store<Host>, note: Arc<AtomicUsize>) {
    let handler =
        move |signal: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void| {
            if signal == libc::SIGSEGV {
                // SAFETY: wasmtime passes on the siginfo that the kernel gave it, and SIGSEGV comes with an address.
                let address = unsafe { (*info).si_addr() } as usize;
                note.store(address, Ordering::Relaxed);
            }
            // Not handled: wasmtime goes on as if this were not here.
            false
        };
    // SAFETY: the handler has to be async-signal-safe, and all it does is one atomic store.
    unsafe { store.set_signal_handler(handler) };
}

fn explain(
    error: &wasmtime::Error,
    store: &Store<Host>,
    pages: &Pages,
    revoked: bool,
    memory_limit: u64,
) -> Fault {
    let refused = store.data().limiter.refused();
    if revoked {
        return Fault::new(
            Cause::Deadline,
            format!(
                "The kernel ran past its deadline and was stopped{}.",
                place(error)
            ),
        );
    }
    if pages.lost() {
        return Fault::new(
            Cause::Host,
            "The sandbox failed: the page by which the kernel is stopped could not be given back to it.",
        );
    }
    if let Some(Breach(what)) = error.downcast_ref() {
        return Fault::new(
            Cause::Contract,
            format!("The kernel broke the contract: {what}."),
        );
    }
    if let Some(refused) = refused {
        return Fault::new(
            Cause::Memory,
            format!(
                "The kernel wanted {refused} bytes of memory or table elements, more than its limit (memory {memory_limit} bytes, \
                 windows not counted){}. Raise `limits: memory` for the stage.",
                place(error)
            ),
        );
    }
    let mut what = match error.downcast_ref::<Trap>() {
        Some(trap) => trap
            .to_string()
            .trim_start_matches("wasm trap: ")
            .to_owned(),
        None => error.root_cause().to_string(),
    };
    if what.starts_with(memory::NO_ROOM) {
        return Fault::new(Cause::Host, format!("The sandbox failed: {what}."));
    }
    // wasmtime's own note of the address, a context of the error.
    let texts = error.chain().map(ToString::to_string);
    if let Some(fault) = texts
        .into_iter()
        .find(|text| text.starts_with("memory fault at"))
    {
        what = format!("{what}: {fault}");
    }
    let who = if in_allocator(error) {
        ALLOCATOR
    } else {
        "The kernel "
    };
    Fault::new(
        Cause::Trap,
        format!("{who}trapped: {what}{}.", place(error)),
    )
}

/// Whether an error arose in the function by which the host asks for memory.
fn in_allocator(error: &wasmtime::Error) -> bool {
    let called = |backtrace: &WasmBacktrace| {
        let mut names = backtrace
            .frames()
            .iter()
            .filter_map(|frame| frame.func_name());
        names.any(|name| name == REALLOC)
    };
    error.downcast_ref::<InAllocator>().is_some() || error.downcast_ref().is_some_and(called)
}

/// Where in the guest an error arose: names of functions, innermost first.
fn place(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<String> = backtrace
        .frames()
        .iter()
        .take(FRAMES)
        .map(|frame| match frame.func_name() {
            Some(name) => super::text::clean(name, 80),
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" (in {})", names.join(" < "))
}
