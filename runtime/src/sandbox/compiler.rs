//! Compiling: one configuration of wasmtime, and what is done to a module before.

use std::borrow::Cow;

use wasmtime::component::Component;

use super::admission::{self, Facts, Form, LoadError};
use super::contract::World;
use super::interruption::Interruption;
use super::wrap;

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
        let component = match self.interruption {
            Interruption::Page => wrap::add_polls(component)?.into(),
            Interruption::Epochs | Interruption::None => Cow::Borrowed(component),
        };
        Component::from_binary(&self.engine, &component)
            .map_err(|error| LoadError::new(format!("The module does not compile: {error:#}.")))
    }
}
