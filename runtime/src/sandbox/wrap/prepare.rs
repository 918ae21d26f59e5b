//! Small changes to a core module before it is wrapped.
//!
//! - Of its custom sections only the names of functions stay, for messages about traps. A `component-type` section says, in
//!   a format that is decoded with trust, what the exports already say, and the host embeds its own; the others would only be
//!   parsed and carried along.
//! - A module without `cabi_realloc` gets one that takes fresh pages from `memory.grow`. The host needs it to hand over the
//!   context, twice in an instance's life, so that nothing is ever freed does not matter; authors of WebAssembly text need
//!   no allocator.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection, TypeSection,
    ValType,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExportSectionReader, FunctionSectionReader,
    ImportSectionReader, KnownCustom, Parser, TypeRef, TypeSectionReader,
};

use crate::sandbox::admission::LoadError;

/// The function by which the host asks a guest for memory.
const REALLOC: &str = "cabi_realloc";

/// The module, ready to be given the host's own metadata. `exports` are the names of its function exports.
pub(super) fn prepare(module: &[u8], exports: &[String]) -> Result<Vec<u8>, LoadError> {
    let mut change = Change {
        add_realloc: !exports.iter().any(|name| name == REALLOC),
        imported_functions: 0,
        realloc_type: 0,
        realloc_function: 0,
    };
    let mut changed = wasm_encoder::Module::new();
    change
        .parse_core_module(&mut changed, Parser::new(0), module)
        .map_err(|error| LoadError::new(format!("The module cannot be wrapped: {error}.")))?;
    Ok(changed.finish())
}

struct Change {
    add_realloc: bool,
    imported_functions: u32,
    realloc_type: u32,
    realloc_function: u32,
}

type Outcome = Result<(), Error<Infallible>>;

impl Reencode for Change {
    type Error = Infallible;

    fn parse_custom_section(
        &mut self,
        module: &mut wasm_encoder::Module,
        section: CustomSectionReader<'_>,
    ) -> Outcome {
        if let KnownCustom::Name(names) = section.as_known()
            && names.into_iter().all(|names| names.is_ok())
        {
            module.section(&CustomSection {
                name: section.name().into(),
                data: section.data().into(),
            });
        }
        Ok(())
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Outcome {
        utils::parse_type_section(self, types, section)?;
        if self.add_realloc {
            self.realloc_type = types.len();
            types.ty().function([ValType::I32; 4], [ValType::I32]);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut wasm_encoder::ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Outcome {
        for import in section.clone().into_imports() {
            self.imported_functions += u32::from(matches!(import?.ty, TypeRef::Func(_)));
        }
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Outcome {
        utils::parse_function_section(self, functions, section)?;
        if self.add_realloc {
            self.realloc_function = self.imported_functions + functions.len();
            functions.function(self.realloc_type);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Outcome {
        utils::parse_export_section(self, exports, section)?;
        if self.add_realloc {
            exports.export(REALLOC, ExportKind::Func, self.realloc_function);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Outcome {
        utils::parse_code_section(self, code, section)?;
        if self.add_realloc {
            code.function(&realloc());
        }
        Ok(())
    }
}

/// `(old, old size, align, size) -> address`, at the beginning of fresh pages.
fn realloc() -> Function {
    let (old, old_size, align, size, at) = (0, 1, 2, 3, 4);
    let mut function = Function::new([(1, ValType::I32)]);
    function
        .instructions()
        // Nothing asked for: any aligned address will do.
        .local_get(size)
        .i32_eqz()
        .if_(wasm_encoder::BlockType::Empty)
        .local_get(align)
        .return_()
        .end()
        // at = memory.grow((size - 1) / 64 KiB + 1), trapping where it fails
        .local_get(size)
        .i32_const(1)
        .i32_sub()
        .i32_const(16)
        .i32_shr_u()
        .i32_const(1)
        .i32_add()
        .memory_grow(0)
        .local_tee(at)
        .i32_const(-1)
        .i32_eq()
        .if_(wasm_encoder::BlockType::Empty)
        .unreachable()
        .end()
        .local_get(at)
        .i32_const(16)
        .i32_shl()
        .local_tee(at)
        // memory.copy(at, old, min(old size, size))
        .local_get(old)
        .local_get(old_size)
        .local_get(size)
        .local_get(old_size)
        .local_get(size)
        .i32_lt_u()
        .select()
        .memory_copy(0, 0)
        .local_get(at)
        .end();
    function
}
