//! The contract's functions of one instance, of a component or of a core module.

use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc,
};

use super::abi::{self, Outcome, Reporting};
use super::context::Context;
use super::contract::types;
use super::executable::Exports;
use super::host::Host;

/// How an instance is called.
pub(super) enum Functions {
    /// By wasmtime.
    Component(Instance, Exports),
    /// By ourselves.
    Module(Box<abi::Functions>),
}

/// `compute-into` of the mapped world: the number of the frame, and the address of the frame table.
pub(super) enum ComputeInto {
    Component(TypedFunc<(u64, u32), (Outcome,)>),
    Module(Reporting<(u64, u32)>),
}

impl ComputeInto {
    /// Calls it.
    #[inline]
    pub fn call(
        &self,
        store: &mut Store<Host>,
        frame_id: u64,
        table: u32,
    ) -> wasmtime::Result<Outcome> {
        match self {
            ComputeInto::Module(function) => function.call(store, (frame_id, table)),
            ComputeInto::Component(function) => {
                let (outcome,) = function.call(store, (frame_id, table))?;
                Ok(outcome)
            }
        }
    }
}

impl Functions {
    /// `validate-config`.
    pub fn validate_config(
        &self,
        store: &mut Store<Host>,
        context: &Context,
    ) -> wasmtime::Result<Outcome> {
        match self {
            Functions::Module(functions) => functions.validate_config(store, context),
            Functions::Component(instance, exports) => {
                with_context(instance, &exports.validate_config, store, context)
            }
        }
    }

    /// `init`.
    pub fn init(&self, store: &mut Store<Host>, context: &Context) -> wasmtime::Result<Outcome> {
        match self {
            Functions::Module(functions) => functions.init(store, context),
            Functions::Component(instance, exports) => {
                with_context(instance, &exports.init, store, context)
            }
        }
    }

    /// `reserve`; none in the copied world.
    pub fn reserve(&self, store: &mut Store<Host>, bytes: u32) -> wasmtime::Result<Option<u32>> {
        match self {
            Functions::Module(functions) => functions.reserve(store, bytes).map(Some),
            Functions::Component(instance, exports) => {
                let Some(reserve) = &exports.reserve else {
                    return Ok(None);
                };
                let reserve = instance.get_typed_func::<(u32,), (u32,)>(&mut *store, reserve)?;
                let (block,) = reserve.call(store, (bytes,))?;
                Ok(Some(block))
            }
        }
    }

    /// `compute-into` of the mapped world.
    pub fn mapped(&self, store: &mut Store<Host>) -> wasmtime::Result<ComputeInto> {
        Ok(match self {
            Functions::Module(functions) => ComputeInto::Module(functions.compute_into()),
            Functions::Component(instance, exports) => {
                ComputeInto::Component(typed(instance, &exports.compute_into, store)?)
            }
        })
    }

    /// `compute-into` of the copied world, to which only components belong.
    pub fn copied(&self, store: &mut Store<Host>) -> wasmtime::Result<wasmtime::component::Func> {
        match self {
            Functions::Module(_) => Err(wasmtime::format_err!("it is of the mapped world")),
            Functions::Component(instance, exports) => {
                let function = typed::<(u64, &[Vec<u8>], &[Vec<u8>]), (Outcome,)>(
                    instance,
                    &exports.compute_into,
                    store,
                )?;
                Ok(*function.func())
            }
        }
    }
}

fn with_context(
    instance: &Instance,
    export: &ComponentExportIndex,
    store: &mut Store<Host>,
    context: &Context,
) -> wasmtime::Result<Outcome> {
    let function = typed::<(types::Context,), (Outcome,)>(instance, export, store)?;
    let (outcome,) = function.call(store, (context.to_guest(),))?;
    Ok(outcome)
}

fn typed<P, R>(
    instance: &Instance,
    export: &ComponentExportIndex,
    store: &mut Store<Host>,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance
        .get_typed_func(store, export)
        .map_err(|error| error.context("a function of the kernel has the wrong type"))
}
