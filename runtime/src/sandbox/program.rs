//! A kernel that has been admitted and compiled, ready to be instantiated any number of times.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use super::admission::{Facts, LoadError};
use super::context::Context;
use super::contract::World;
use super::engine::{Engine, Inner};
use super::fault::Fault;
use super::guest::Guest;
use super::host::Host;
use super::instance::Instance;
use super::limits::Limits;
use super::windows::Window;

/// SHA-256 of a module as it was given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A loaded kernel. Cheap to clone.
#[derive(Clone)]
pub struct Program(Arc<Loaded>);

struct Loaded {
    engine: Arc<Inner>,
    pre: InstancePre<Host>,
    exports: Exports,
    facts: Facts,
    digest: Digest,
}

/// Where a component keeps the functions of the contract.
pub(super) struct Exports {
    pub validate_config: ComponentExportIndex,
    pub init: ComponentExportIndex,
    pub compute_into: ComponentExportIndex,
    /// Only in the mapped world.
    pub reserve: Option<ComponentExportIndex>,
}

impl Exports {
    fn find(component: &Component, world: World) -> Result<Exports, LoadError> {
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

impl Program {
    pub(super) fn new(
        engine: &Engine,
        component: Component,
        facts: Facts,
        digest: Digest,
    ) -> Result<Program, LoadError> {
        let exports = Exports::find(&component, facts.world)?;
        let pre = engine
            .0
            .linker
            .instantiate_pre(&component)
            .map_err(|error| {
                LoadError::new(format!(
                    "The module's imports do not fit the contract: {error:#}."
                ))
            })?;
        Ok(Program(Arc::new(Loaded {
            engine: Arc::clone(&engine.0),
            pre,
            exports,
            facts,
            digest,
        })))
    }

    /// The world the kernel belongs to.
    pub fn world(&self) -> World {
        self.0.facts.world
    }

    /// SHA-256 of the module as it was given to [`Engine::load`].
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Imports, exports, memory and sizes.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Asks the kernel, in a throw-away instance without windows, whether it can run in this place.
    ///
    /// # Errors
    /// The kernel's own objection ([`Cause::Failed`](super::Cause::Failed)), or whatever else ended the call.
    pub fn validate_config(&self, context: &Context, limits: &Limits) -> Result<(), Fault> {
        let (mut guest, _) = Guest::start(self, context, limits, 0)?;
        guest.stage_call(&self.0.exports.validate_config, context)
    }

    /// Makes an instance: instantiates the module, lets it `reserve` a block, maps the windows over it, and calls `init`.
    ///
    /// `windows` are in frame-table order: trigger inputs, auxiliary inputs, outputs, then for each state array its previous
    /// (read) and its next value (write).
    ///
    /// # Errors
    /// Whatever the guest does wrong meanwhile, or windows that do not fit the context or cannot be mapped.
    pub fn open(
        &self,
        context: &Context,
        windows: &[Window<'_>],
        limits: &Limits,
    ) -> Result<Instance, Fault> {
        Instance::open(self, context, windows, limits)
    }

    pub(super) fn engine(&self) -> &Arc<Inner> {
        &self.0.engine
    }

    pub(super) fn pre(&self) -> &InstancePre<Host> {
        &self.0.pre
    }

    pub(super) fn exports(&self) -> &Exports {
        &self.0.exports
    }
}
