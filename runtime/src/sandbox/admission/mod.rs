//! What may be loaded at all: limits on a module's size and shape, checked before anything is compiled.
//!
//! A module is walked once for sizes and names ([`inspect`]), which costs little and gives messages that an author can act on,
//! and then, before it is compiled, validated whole by wasmparser under [`FEATURES`] ([`validate`]). Modules nested in a component are walked and counted like the outer one.

mod instances;
pub(crate) mod names;

use wasmparser::{
    ComponentExternalKind, Encoding, ExternalKind, FunctionBody, MemoryType, Operator, Parser,
    Payload, TypeRef, Validator, WasmFeatures,
};

use super::advice::{Advice, Mistake};
use super::bounds::{
    BLOCK_DEPTH, DEPTH, EXPORTS, FUNCTION_BYTES, FUNCTION_LOCALS, FUNCTIONS, GLOBALS, IMPORTS,
    MODULE_BYTES, NESTED, SEGMENTS, TABLE_ELEMENTS, TABLES, TYPES,
};
use super::contract::World;
use super::limits::Limits;
use super::page::MARK;
use super::text::clean;
use instances::Instances;

/// What WebAssembly a kernel may use: the second version of the standard, and tail calls and constant expressions of the
/// third. No 64-bit, shared or second memory, no custom page size (windows need one plain memory), no relaxed SIMD (results
/// would depend on the machine), no garbage collection or exceptions (the engine is built without).
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL)
    .difference(WasmFeatures::GC_TYPES);

/// A module or component cannot be loaded. A full sentence for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    message: String,
    mistake: Option<Mistake>,
}

impl LoadError {
    pub(crate) fn new(message: impl AsRef<str>) -> LoadError {
        LoadError {
            message: clean(message.as_ref(), 2000),
            mistake: None,
        }
    }

    /// Says what kind of mistake it is.
    pub(super) fn by(self, mistake: Mistake) -> LoadError {
        LoadError {
            mistake: Some(mistake),
            ..self
        }
    }

    /// The same with the remedy behind it, if there is one for it.
    pub(super) fn advised(self, advice: Option<&Advice>) -> LoadError {
        match (self.mistake, advice) {
            (Some(mistake), Some(advice)) => {
                LoadError::new(format!("{} {}", self.message, advice.about(mistake)))
            }
            _ => self,
        }
    }
}

/// What a kernel was delivered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// What was found out about a module without running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Core module or component.
    pub form: Form,
    /// Chosen by the exports found.
    pub world: World,
    /// Whether it consists of several components with code. For calls from one to the other the engine makes code of its own.
    pub composed: bool,
    /// Names of the imports: `module#name` for a core module, the interface for a component.
    pub imports: Vec<String>,
    /// Names of the exports.
    pub exports: Vec<String>,
    /// Linear memories, those of nested modules included.
    pub memories: Vec<Memory>,
    /// Number of functions.
    pub functions: usize,
    /// Bytes of all function bodies.
    pub code_bytes: usize,
}

/// The size that a module declares for its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes at the start.
    pub initial: u64,
    /// Bytes it can grow to, if the module sets a bound.
    pub maximum: Option<u64>,
}

/// Checks the size of a module, in either format.
pub(crate) fn check_size(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MODULE_BYTES {
        return Err(LoadError::new(format!(
            "The module has {} bytes; a kernel may have {MODULE_BYTES}. Build it with optimisation and without debug information.",
            bytes.len()
        )));
    }
    Ok(())
}

/// Walks through `binary`, checks sizes and names, and says what it is.
pub(crate) fn inspect(binary: &[u8], limits: &Limits) -> Result<Facts, LoadError> {
    check_size(binary)?;
    let mut walk = Walk::new(limits);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(binary) {
        walk.payload(payload.map_err(damaged)?)?;
    }
    walk.finish()
}

/// Checks that `binary` is valid. Code from the cache has been through this: it is kept under the digest of what it was made of.
pub(crate) fn validate(binary: &[u8]) -> Result<(), LoadError> {
    Validator::new_with_features(FEATURES)
        .validate_all(binary)
        .map(drop)
        .map_err(damaged)
}

/// Something that is not valid WebAssembly, or valid only with proposals that kernels may not use.
fn damaged(error: wasmparser::Error) -> LoadError {
    LoadError::new(format!(
        "The module is damaged or uses WebAssembly that kernels may not use: {} (at byte {}).",
        error.message(),
        error.offset()
    ))
}

/// The counts so far.
struct Walk<'a> {
    limits: &'a Limits,
    form: Option<Form>,
    depth: usize,
    /// Depth of the component that is being walked: only components contain something.
    component_depth: usize,
    nested: usize,
    /// Whether a component inside another has code: core modules, or functions lifted from or lowered to them. Components that only
    /// pass functions on, which `wit-component` makes, have none.
    composed: bool,
    instances: Instances,
    /// Core imports as (module, name), or a component's as (name, "").
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    exported_memory: bool,
    memories: Vec<Memory>,
    functions: usize,
    code_bytes: usize,
    counts: [(&'static str, usize, usize); 6],
}

impl<'a> Walk<'a> {
    fn new(limits: &'a Limits) -> Walk<'a> {
        Walk {
            limits,
            form: None,
            depth: 0,
            component_depth: 0,
            nested: 0,
            composed: false,
            instances: Instances::default(),
            imports: Vec::new(),
            exports: Vec::new(),
            exported_memory: false,
            memories: Vec::new(),
            functions: 0,
            code_bytes: 0,
            counts: [
                ("types", 0, TYPES),
                ("imports", 0, IMPORTS),
                ("exports", 0, EXPORTS),
                ("globals", 0, GLOBALS),
                ("data and element segments", 0, SEGMENTS),
                ("tables", 0, TABLES),
            ],
        }
    }

    /// Adds to one of `counts`.
    fn count(&mut self, what: usize, more: u32) -> Result<(), LoadError> {
        let (name, count, limit) = &mut self.counts[what];
        *count = count.saturating_add(more as usize);
        within(name, *count, *limit)
    }

    /// The outermost module or component, not one nested in it.
    fn outermost(&self) -> bool {
        self.depth == 1
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => return self.enter(encoding),
            Payload::End(_) => {
                if self.component_depth == self.depth {
                    self.instances.leave();
                }
                self.depth = self.depth.saturating_sub(1);
                self.component_depth = self.component_depth.min(self.depth);
            }
            Payload::ComponentCanonicalSection(_) => self.composed |= self.component_depth > 1,
            Payload::InstanceSection(reader) => self.instances.core_instances(reader)?,
            Payload::ComponentInstanceSection(reader) => self.instances.instances(reader)?,
            Payload::TypeSection(reader) => self.count(0, reader.count())?,
            Payload::CoreTypeSection(reader) => self.count(0, reader.count())?,
            Payload::ComponentTypeSection(reader) => self.count(0, reader.count())?,
            Payload::ComponentAliasSection(reader) => {
                self.count(0, reader.count())?;
                self.instances.aliases(reader)?;
            }
            Payload::GlobalSection(reader) => self.count(3, reader.count())?,
            Payload::DataSection(reader) => self.count(4, reader.count())?,
            Payload::ElementSection(reader) => self.count(4, reader.count())?,
            Payload::ImportSection(reader) => {
                self.count(1, reader.count())?;
                for import in reader.into_imports() {
                    let import = import.map_err(damaged)?;
                    if let TypeRef::Memory(memory) = import.ty {
                        plain_memory(&memory)?;
                    }
                    if self.outermost() {
                        self.imports
                            .push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
            }
            Payload::ComponentImportSection(reader) => {
                self.count(1, reader.count())?;
                self.instances.imports(reader.clone())?;
                for import in reader {
                    let import = import.map_err(damaged)?;
                    if self.outermost() {
                        self.imports
                            .push((import.name.name.to_owned(), String::new()));
                    }
                }
            }
            Payload::ExportSection(reader) => {
                self.count(2, reader.count())?;
                for export in reader {
                    let export = export.map_err(damaged)?;
                    if self.outermost() {
                        self.exported_memory |=
                            export.name == "memory" && export.kind == ExternalKind::Memory;
                        if export.kind == ExternalKind::Func {
                            self.exports.push(export.name.to_owned());
                        }
                    }
                }
            }
            Payload::ComponentExportSection(reader) => {
                self.count(2, reader.count())?;
                self.instances.exports(reader.clone())?;
                for export in reader {
                    let export = export.map_err(damaged)?;
                    if self.outermost() && export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                self.functions = self.functions.saturating_add(reader.count() as usize);
                within("functions", self.functions, FUNCTIONS)?;
            }
            Payload::TableSection(reader) => {
                self.count(5, reader.count())?;
                for table in reader {
                    let elements = table.map_err(damaged)?.ty.initial;
                    within(
                        "elements in a table",
                        usize::try_from(elements).unwrap_or(usize::MAX),
                        TABLE_ELEMENTS,
                    )?;
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    let memory = memory.map_err(damaged)?;
                    plain_memory(&memory)?;
                    self.memory(&memory)?;
                }
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len();
                within("bytes in one function", bytes, FUNCTION_BYTES)?;
                self.code_bytes = self.code_bytes.saturating_add(bytes);
                let mut locals = 0u64;
                for group in body.get_locals_reader().map_err(damaged)? {
                    locals = locals.saturating_add(u64::from(group.map_err(damaged)?.0));
                }
                if locals > FUNCTION_LOCALS {
                    return Err(LoadError::new(format!(
                        "A function of the module has {locals} locals; kernels may have {FUNCTION_LOCALS}. Split the function."
                    )));
                }
                // Each level has a byte to begin, one for its type and one to end: most functions are too short to look at.
                if bytes > 3 * BLOCK_DEPTH {
                    within(
                        "blocks inside one another",
                        block_depth(&body)?,
                        BLOCK_DEPTH,
                    )?;
                }
            }
            Payload::UnknownSection { id, .. } => {
                return Err(LoadError::new(format!(
                    "The module is damaged: it has a section of the unknown kind {id}."
                )));
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, encoding: Encoding) -> Result<(), LoadError> {
        self.depth += 1;
        match encoding {
            Encoding::Component => {
                self.component_depth = self.depth;
                self.instances.enter();
            }
            Encoding::Module => self.composed |= self.component_depth > 1,
        }
        if self.depth == 1 {
            self.form = Some(match encoding {
                Encoding::Module => Form::Module,
                Encoding::Component => Form::Component,
            });
        } else {
            self.nested += 1;
            within("nested modules and components", self.nested, NESTED)?;
            within("levels of nested components", self.depth, DEPTH)?;
        }
        Ok(())
    }

    fn memory(&mut self, memory: &MemoryType) -> Result<(), LoadError> {
        // A plain memory's sizes are 32 bits of pages of 64 KiB; what a damaged file says beyond that saturates.
        let bytes = |pages: u64| pages.saturating_mul(65536);
        let initial = bytes(memory.initial);
        if initial > self.limits.memory {
            return Err(LoadError::new(format!(
                "The module's memory begins with {initial} bytes, more than the limit of {} bytes. Raise `limits: memory` for \
                 the stage, or give the module a smaller stack and less static data.",
                self.limits.memory
            )));
        }
        self.memories.push(Memory {
            initial,
            maximum: memory.maximum.map(bytes),
        });
        within("memories", self.memories.len(), NESTED)
    }

    fn finish(self) -> Result<Facts, LoadError> {
        let form = self
            .form
            .ok_or_else(|| LoadError::new("The module is damaged: it ends before it has begun."))?;
        let world = match form {
            Form::Module => names::of_module(&self.exports)?,
            Form::Component => names::of_component(&self.exports)?,
        };
        names::check_imports(form, world, &self.imports)?;
        if self.composed && world == World::Mapped {
            return Err(LoadError::new(
                "A component inside the module has code of its own. A kernel of the mapped world is one component: build it from its \
                 parts as one, or link them as core modules.",
            ));
        }
        let one_memory = world == World::Mapped || form == Form::Module;
        if one_memory && self.memories.len() != 1 {
            return Err(LoadError::new(format!(
                "The module has {} linear memories; a kernel has exactly one{}.",
                self.memories.len(),
                if form == Form::Component {
                    ", over all the modules it consists of"
                } else {
                    ""
                }
            )));
        }
        if form == Form::Module && !self.exported_memory {
            return Err(LoadError::new(
                "The module does not export its linear memory; export it under the name `memory`.",
            ));
        }
        Ok(Facts {
            form,
            world,
            composed: self.composed,
            imports: self
                .imports
                .into_iter()
                .map(|(module, name)| match form {
                    Form::Module => format!("{module}#{name}"),
                    Form::Component => module,
                })
                .collect(),
            exports: self.exports,
            memories: self.memories,
            functions: self.functions,
            code_bytes: self.code_bytes,
        })
    }
}

/// Refuses memories of the kinds that windows cannot be mapped into, and one that looks like a page for polls.
fn plain_memory(memory: &MemoryType) -> Result<(), LoadError> {
    let kind = if memory.memory64 {
        "has a 64-bit memory; kernels use 32-bit addresses. Build for wasm32."
    } else if memory.shared {
        "has a shared memory; kernels run on one thread. Build without threads and atomics."
    } else if memory.page_size_log2.is_some_and(|size| size != 16) {
        "has a memory with its own page size; kernels use pages of 64 KiB."
    } else if memory.maximum == Some(MARK) {
        "has a memory whose maximum is just that by which the host knows its own; choose another maximum."
    } else {
        return Ok(());
    };
    Err(LoadError::new(format!("The module {kind}")))
}

/// How deep the blocks of a function lie inside one another.
fn block_depth(body: &FunctionBody<'_>) -> Result<usize, LoadError> {
    let (mut depth, mut deepest) = (0usize, 0);
    for operator in body.get_operators_reader().map_err(damaged)? {
        match operator.map_err(damaged)? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    Ok(deepest)
}

fn within(what: &str, count: usize, limit: usize) -> Result<(), LoadError> {
    if count <= limit {
        return Ok(());
    }
    Err(LoadError::new(format!(
        "The module has {count} {what}; kernels may have {limit}."
    )))
}
