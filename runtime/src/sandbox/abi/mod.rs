//! The canonical ABI of the contract's functions, for kernels that are core modules.
//!
//! wasmtime speaks it for components, at a price of 120 ns a call, ten times that of a call into a core module. So a core module
//! of the mapped world is called directly, and what it is given and returns is written and read here: the context's record, a
//! `result<_, failure>`, a message for the log. That its functions have the types of the contract is checked by wrapping it
//! (see [`wrap`](super::wrap)); what its functions return is checked here, copied, and then used.
//!
//! Source: the component model's `CanonicalABI.md`, sections "Lifting and Lowering Values" and "Alignment".

mod lift;
mod log;
mod lower;

use wasmtime::{Instance, InstancePre, Store, TypedFunc, WasmParams};

use super::advice::{InAllocator, REALLOC};
use super::context::Context;
use super::contract::{MAPPED, STAGE, types};
use super::host::Host;
use super::memory::{self, GuestMemory};

pub(super) use log::link;

/// A kernel does not keep to the canonical ABI.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Violation(String);

/// What a function of the contract says of itself.
pub(super) type Outcome = Result<(), types::Failure>;

/// The functions of one instance.
pub(super) struct Functions {
    memory: GuestMemory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    validate_config: Reporting<u32>,
    init: Reporting<u32>,
    reserve: TypedFunc<u32, u32>,
    compute_into: Reporting<(u64, u32)>,
}

impl Functions {
    /// Makes an instance, and finds them. To be called while memories are recorded.
    pub fn start(pre: &InstancePre<Host>, store: &mut Store<Host>) -> wasmtime::Result<Functions> {
        let instance = pre.instantiate(&mut *store)?;
        let memory = memory::recorded().ok_or_else(|| {
            // Admission and the contract see to it that there is exactly one.
            Violation("it has no memory".to_owned())
        })?;
        store.data_mut().memory = Some(memory.clone());
        // By which C and C++ run constructors; a component made of the module would call it.
        if let Some(initialize) = instance.get_func(&mut *store, "_initialize") {
            initialize.typed::<(), ()>(&*store)?.call(&mut *store, ())?;
        }
        Ok(Functions {
            realloc: instance.get_typed_func(&mut *store, REALLOC)?,
            validate_config: Reporting::find(&instance, store, &memory, STAGE, "validate-config")?,
            init: Reporting::find(&instance, store, &memory, STAGE, "init")?,
            reserve: instance.get_typed_func(&mut *store, &format!("{MAPPED}#reserve"))?,
            compute_into: Reporting::find(&instance, store, &memory, MAPPED, "compute-into")?,
            memory,
        })
    }

    /// `validate-config`.
    pub fn validate_config(
        &self,
        store: &mut Store<Host>,
        context: &Context,
    ) -> wasmtime::Result<Outcome> {
        let context = self.lower(store, context)?;
        self.validate_config.call(store, context)
    }

    /// `init`.
    pub fn init(&self, store: &mut Store<Host>, context: &Context) -> wasmtime::Result<Outcome> {
        let context = self.lower(store, context)?;
        self.init.call(store, context)
    }

    /// `reserve`.
    pub fn reserve(&self, store: &mut Store<Host>, bytes: u32) -> wasmtime::Result<u32> {
        self.reserve.call(store, bytes)
    }

    /// `compute-into`, to be called for every frame.
    pub fn compute_into(&self) -> Reporting<(u64, u32)> {
        self.compute_into.clone()
    }

    /// Writes the context into memory that the guest gives for it, and says where it is.
    fn lower(&self, store: &mut Store<Host>, context: &Context) -> wasmtime::Result<u32> {
        // As for components: an allocator may not call the host, nor may the function that frees a result.
        store.data_mut().may_call = false;
        let lowered = lower::context(&self.memory, context, |align, size| {
            let address = self.realloc.call(&mut *store, (0, 0, align, size));
            address.map_err(|error| error.context(InAllocator))
        });
        store.data_mut().may_call = true;
        lowered
    }
}

/// A function that returns `result<_, failure>`: the address of one.
#[derive(Clone)]
pub(super) struct Reporting<P> {
    memory: GuestMemory,
    function: TypedFunc<P, u32>,
    /// By which the guest frees what it has returned.
    post_return: Option<TypedFunc<u32, ()>>,
}

impl<P: WasmParams> Reporting<P> {
    fn find(
        instance: &Instance,
        store: &mut Store<Host>,
        memory: &GuestMemory,
        interface: &str,
        name: &str,
    ) -> wasmtime::Result<Self> {
        let post_return = format!("cabi_post_{interface}#{name}");
        let post_return = match instance.get_func(&mut *store, &post_return) {
            Some(function) => Some(function.typed(&*store)?),
            None => None,
        };
        Ok(Reporting {
            memory: memory.clone(),
            function: instance.get_typed_func(&mut *store, &format!("{interface}#{name}"))?,
            post_return,
        })
    }

    /// Calls it.
    #[inline]
    pub fn call(&self, store: &mut Store<Host>, parameters: P) -> wasmtime::Result<Outcome> {
        let at = self.function.call(&mut *store, parameters)?;
        let outcome = lift::outcome(&self.memory, at)?;
        if let Some(post_return) = &self.post_return {
            store.data_mut().may_call = false;
            post_return.call(&mut *store, at)?;
            store.data_mut().may_call = true;
        }
        Ok(outcome)
    }
}
