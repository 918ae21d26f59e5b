//! A kernel's machine code, loaded into this process and linked: ready to be instantiated any number of times.

use std::sync::Arc;

use wasmtime::InstancePre;
use wasmtime::component::{self, Component, ComponentExportIndex};

use super::admission::LoadError;
use super::code::{Code, Loaded};
use super::contract::World;
use super::engine::Inner;
use super::host::Host;
use super::target::Target;

/// A kernel that can run in this process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Executable {
    pub engine: Arc<Inner>,
    pub target: Arc<Target>,
    pub linked: Linked,
    pub world: World,
}

/// What instances are made of.
#[derive(Clone)]
pub(super) enum Linked {
    Component(component::InstancePre<Host>, Exports),
    Module(InstancePre<Host>),
}

impl Executable {
    /// Loads and links machine code.
    pub fn new(
        engine: &Arc<Inner>,
        target: &Arc<Target>,
        code: &Code,
        world: World,
    ) -> Result<Executable, LoadError> {
        let loaded = code.load(&target.compiler.engine).map_err(|error| {
            LoadError::new(format!("The compiled module cannot be loaded: {error:#}."))
        })?;
        let unfit = |error: wasmtime::Error| {
            LoadError::new(format!(
                "The module's imports do not fit the contract: {error:#}."
            ))
        };
        let linked = match &loaded {
            Loaded::Component(component) => Linked::Component(
                target.linker.instantiate_pre(component).map_err(unfit)?,
                Exports::find(component, world)?,
            ),
            Loaded::Module(module) => Linked::Module(
                target
                    .module_linker
                    .instantiate_pre(module)
                    .map_err(unfit)?,
            ),
        };
        Ok(Executable {
            engine: Arc::clone(engine),
            target: Arc::clone(target),
            linked,
            world,
        })
    }
}

/// Where a component keeps the functions of the contract.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub validate_config: ComponentExportIndex,
    pub init: ComponentExportIndex,
    pub compute_into: ComponentExportIndex,
    /// Only in the mapped world.
    pub reserve: Option<ComponentExportIndex>,
}

impl Exports {
    pub fn find(component: &Component, world: World) -> Result<Exports, LoadError> {
        let mut found = Vec::new();
        for (interface, function) in world.exports() {
            let index = component
                .get_export_index(None, *interface)
                .and_then(|instance| component.get_export_index(Some(&instance), *function));
            found.push(index.ok_or_else(|| {
                LoadError::new(format!(
                    "The component exports `{interface}` without the function `{function}`."
                ))
            })?);
        }
        let mut found = found.into_iter();
        // The order of `World::exports`.
        match (
            world,
            found.next(),
            found.next(),
            found.next(),
            found.next(),
        ) {
            (
                World::Mapped,
                Some(validate_config),
                Some(init),
                reserve @ Some(_),
                Some(compute_into),
            ) => Ok(Exports {
                validate_config,
                init,
                compute_into,
                reserve,
            }),
            (World::Copied, Some(validate_config), Some(init), Some(compute_into), None) => {
                Ok(Exports {
                    validate_config,
                    init,
                    compute_into,
                    reserve: None,
                })
            }
            _ => Err(LoadError::new(
                "The component lacks functions of the contract.",
            )),
        }
    }
}
