//! What kernels are compiled for: one configuration of wasmtime, and what guests of it are linked to.

use std::sync::Arc;

use wasmtime::component::Linker;

use super::abi;
use super::compiler::Compiler;
use super::deadline::Stop;
use super::host::{Host, link};
use super::interruption::{Epoch, Interruption};
use super::page::Pages;

/// A compiler, and the linkers for what it makes.
pub(super) struct Target {
    pub compiler: Compiler,
    pub linker: Linker<Host>,
    pub module_linker: wasmtime::Linker<Host>,
}

impl Target {
    pub fn new(compiler: Compiler) -> wasmtime::Result<Target> {
        let mut linker = Linker::new(&compiler.engine);
        link(&mut linker)?;
        let mut module_linker = wasmtime::Linker::new(&compiler.engine);
        abi::link(&mut module_linker)?;
        Ok(Target {
            compiler,
            linker,
            module_linker,
        })
    }

    /// How guests of this configuration are stopped.
    pub fn interruption(&self) -> Interruption {
        self.compiler.interruption
    }

    /// What stops a guest whose pages, if it has any, are `pages`.
    pub fn stop(&self, pages: &Arc<Pages>) -> Arc<dyn Stop> {
        match self.interruption() {
            Interruption::Epochs => Arc::new(Epoch(self.compiler.engine.weak())),
            Interruption::Page | Interruption::None => Arc::clone(pages) as Arc<dyn Stop>,
        }
    }
}
