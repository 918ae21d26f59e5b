//! Compiling: one configuration of wasmtime, and what is done to a module before.

use std::borrow::Cow;

use wasmparser::Parser;
use wasmtime::component::Component;

use super::admission::{self, Facts, Form, LoadError};
use super::code::Code;
use super::contract::World;
use super::executable::Exports;
use super::floats::Nans;
use super::interruption::Interruption;
use super::wrap;

/// Stack of a compiling thread.
pub(super) const COMPILER_STACK: usize = 16 << 20;

/// Compiles kernels for one way of stopping them.
#[derive(Clone)]
pub(super) struct Compiler {
    pub engine: wasmtime::Engine,
    pub interruption: Interruption,
    pub nans: Nans,
}

impl Compiler {
    /// A compiler for this machine.
    pub fn new(interruption: Interruption, nans: Nans) -> wasmtime::Result<Compiler> {
        Ok(Compiler {
            engine: wasmtime::Engine::new(&interruption.config(nans))?,
            interruption,
            nans,
        })
    }

    /// Machine code of what admission has looked at, with all functions of the contract. `binary` is a core module or a
    /// component in the binary format.
    pub fn code(&self, binary: &[u8], facts: &Facts) -> Result<Code, LoadError> {
        admission::validate(binary)?;
        let binary: Cow<'_, [u8]> = match facts.form {
            Form::Module => wrap::wrap(binary, facts)?.into(),
            Form::Component => {
                wrap::check_component(binary, facts.world)?;
                if facts.world == World::Mapped {
                    wrap::check_one_memory(&self.engine, binary)?;
                }
                binary.into()
            }
        };
        if !Parser::is_component(&binary) {
            let module = self.stoppable(&binary)?;
            let code = self
                .engine
                .precompile_module(&module)
                .map_err(not_compiled)?;
            return Ok(Code(code));
        }
        let component = self.translate(&binary)?;
        Exports::find(&component, facts.world)?;
        component.serialize().map(Code).map_err(|error| {
            LoadError::new(format!("The compiled module cannot be kept: {error:#}."))
        })
    }

    /// Compiles a component that is valid as it is.
    pub fn translate(&self, component: &[u8]) -> Result<Component, LoadError> {
        Component::from_binary(&self.engine, &self.stoppable(component)?).map_err(not_compiled)
    }

    /// The same, made to be stopped.
    fn stoppable<'a>(&self, binary: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
        // Made in any case, so that what is refused for its loops is refused everywhere.
        let polled = wrap::add_polls(binary)?;
        Ok(match self.interruption {
            Interruption::Page => polled.into(),
            Interruption::Epochs => wrap::add_loops(binary)?.into(),
            Interruption::None => Cow::Borrowed(binary),
        })
    }
}

fn not_compiled(error: wasmtime::Error) -> LoadError {
    LoadError::new(format!("The module does not compile: {error:#}."))
}
