//! Compiling: one configuration of wasmtime, and what is done to a module before.

use std::borrow::Cow;

use wasmtime::component::Component;

use super::admission::{self, Facts, Form, LoadError};
use super::code::Code;
use super::contract::World;
use super::executable::Exports;
use super::interruption::Interruption;
use super::wrap;

/// Stack of a compiling thread.
pub(super) const COMPILER_STACK: usize = 16 << 20;

/// Compiles kernels for one way of stopping them.
#[derive(Clone)]
pub(super) struct Compiler {
    pub engine: wasmtime::Engine,
    pub interruption: Interruption,
}

impl Compiler {
    /// A compiler for this machine.
    pub fn new(interruption: Interruption) -> wasmtime::Result<Compiler> {
        Ok(Compiler {
            engine: wasmtime::Engine::new(&interruption.config())?,
            interruption,
        })
    }

    /// Machine code of what admission has looked at, with all functions of the contract.
    pub fn code(&self, binary: &[u8], facts: &Facts) -> Result<Code, LoadError> {
        let component = self.compile(binary, facts)?;
        Exports::find(&component, facts.world)?;
        component.serialize().map(Code).map_err(|error| {
            LoadError::new(format!("The compiled module cannot be kept: {error:#}."))
        })
    }

    /// Compiles what admission has looked at. `binary` is a core module or a component in the binary format.
    pub fn compile(&self, binary: &[u8], facts: &Facts) -> Result<Component, LoadError> {
        admission::validate(binary)?;
        let component: Cow<'_, [u8]> = match facts.form {
            Form::Module => wrap::wrap(binary, facts)?.into(),
            Form::Component => {
                wrap::check_component(binary, facts.world)?;
                if facts.world == World::Mapped {
                    wrap::check_one_memory(&self.engine, binary)?;
                }
                binary.into()
            }
        };
        self.translate(&component)
    }

    /// Compiles a component that is valid as it is.
    pub fn translate(&self, component: &[u8]) -> Result<Component, LoadError> {
        // Made in any case, so that what is refused for its loops is refused everywhere.
        let polled = wrap::add_polls(component)?;
        let component = match self.interruption {
            Interruption::Page => polled.into(),
            Interruption::Epochs => wrap::add_loops(component)?.into(),
            Interruption::None => Cow::Borrowed(component),
        };
        Component::from_binary(&self.engine, &component)
            .map_err(|error| LoadError::new(format!("The module does not compile: {error:#}.")))
    }
}
