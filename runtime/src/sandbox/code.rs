//! Machine code that the compiler made: of this program, in this or an earlier process.

#![allow(unsafe_code, reason = "loads machine code")]

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Precompiled};

/// The serialized form of a compiled component or core module. There is no way to make one of a file that somebody gives: it comes from
/// [`Compiler`](super::compiler::Compiler), here or in a child, or from the cache, which keeps what it was given.
#[derive(Clone)]
pub(super) struct Code(pub Vec<u8>);

/// Code in this process.
pub(super) enum Loaded {
    Component(Component),
    Module(Module),
}

impl Code {
    /// Loads it into this process. wasmtime checks that its own version and configuration fit.
    pub fn load(&self, engine: &Engine) -> wasmtime::Result<Loaded> {
        let module = Engine::detect_precompiled(&self.0) == Some(Precompiled::Module);
        // SAFETY: `deserialize` must be given what `serialize` returned, unchanged, by the same version of wasmtime. `Code` comes
        // from the compiler of this program: in this process; in a child, which SECURITY.md says how far to trust; or in an
        // earlier run, from a file that nobody else can have written and whose checksum binds it to module, version and
        // configuration.
        unsafe {
            Ok(match module {
                true => Loaded::Module(Module::deserialize(engine, &self.0)?),
                false => Loaded::Component(Component::deserialize(engine, &self.0)?),
            })
        }
    }
}
