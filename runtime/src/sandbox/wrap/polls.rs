//! Polls: loads from a page that can be revoked, added to every loop and call of a module.
//!
//! A module gets one more memory, the last, with no bytes and the maximum [`MARK`], by which the creator of memories knows it
//! and maps a page there. As the last it shifts no index, and nothing but polls names it. A poll is
//!
//! ```wat
//! (drop (i32.atomic.load8_u $page offset=k (i32.const 0)))
//! ```
//!
//! in this form because each part is needed for the compiler to leave it where it is:
//!
//! - *atomic*: of two plain loads from one address the compiler drops the second, so that the inner of two nested loops has
//!   none. Atomic loads stay, and on x86-64 they are plain loads.
//! - *offset*: a different `k` for each poll of a function, for the same reason, should atomic loads ever be merged.
//! - *no bytes*: a load that is within the memory's minimum could be proven harmless one day, and then be dropped.
//!
//! Where: after every `loop`, at the entry of every function that calls, and before every bulk operation. A function without
//! calls ends unless it loops, and whatever goes on without a loop (recursion, tail calls, a chain of calls that doubles at every
//! link) passes through functions that call. A bulk operation takes milliseconds, and a function can hold a hundred thousand of
//! them one behind the other.
//!
//! wasmtime's own checks of the epoch are at loops and entries only: there an empty loop goes before every bulk operation.
//!
//! The module must be valid **before** this: one that names a memory which it does not have would get the page.

use wasm_encoder::{
    BlockType, CodeSection, InstructionSink, MemArg, MemorySection, MemoryType, RawSection,
    Section, SectionId, reencode::Reencode, reencode::RoundtripReencoder,
};
use wasmparser::{FunctionBody, MemorySectionReader, Operator, Payload, TypeRef};

use crate::sandbox::admission::LoadError;
use crate::sandbox::page::{MARK, POLLS};

use super::nested::{change_modules, own_payloads, preamble, slice, unreadable};

/// `binary`, a core module or a component that is valid, with polls in all its code.
pub(crate) fn add_polls(binary: &[u8]) -> Result<Vec<u8>, LoadError> {
    change_modules(binary, &polls_in_module)
}

/// `binary`, a core module or a component that is valid, with an empty loop before every bulk operation.
pub(crate) fn add_loops(binary: &[u8]) -> Result<Vec<u8>, LoadError> {
    change_modules(binary, &loops_in_module)
}

fn loops_in_module(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut code = CodeSection::new();
    for payload in own_payloads(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            let places = places(&body, Where::Bulk)?;
            code.raw(&insert(module, &body, &places, |code, _| {
                code.loop_(BlockType::Empty).end();
            })?);
        }
    }
    change_sections(module, |_, payload, changed| {
        match payload {
            Payload::CodeSectionStart { .. } => code.append_to(changed),
            Payload::CustomSection(custom) => return Ok(points_into_code(custom.name())),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn polls_in_module(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let page = memories(module)?;
    let mut polls = 0;
    let mut code = CodeSection::new();
    for payload in own_payloads(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            let (body, more) = in_function(module, &body, page)?;
            polls += more;
            code.raw(&body);
        }
    }
    if polls == 0 {
        return Ok(module.to_vec());
    }

    let mut added = false;
    change_sections(module, |id, payload, changed| {
        if !added && comes_after_memories(id) {
            page_memory(&mut MemorySection::new()).append_to(changed);
            added = true;
        }
        match payload {
            Payload::MemorySection(own) => {
                page_memory(&mut own_memories(own.clone())?).append_to(changed);
                added = true;
            }
            Payload::CodeSectionStart { .. } => code.append_to(changed),
            Payload::CustomSection(custom) => return Ok(points_into_code(custom.name())),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

/// The module with its sections changed. `change` is given each section with what there is before it, and says whether it has
/// seen to it; where not, the section is kept as it is.
fn change_sections(
    module: &[u8],
    mut change: impl FnMut(u8, &Payload<'_>, &mut Vec<u8>) -> Result<bool, LoadError>,
) -> Result<Vec<u8>, LoadError> {
    let mut changed = preamble(module)?.to_vec();
    for payload in own_payloads(module) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        if !change(id, &payload, &mut changed)? {
            let data = slice(module, range)?;
            RawSection { id, data }.append_to(&mut changed);
        }
    }
    Ok(changed)
}

/// Number of a module's memories, which is the index of one more.
fn memories(module: &[u8]) -> Result<u32, LoadError> {
    let mut memories = 0;
    for payload in own_payloads(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let ty = import.map_err(unreadable)?.ty;
                    memories += u32::from(matches!(ty, TypeRef::Memory(_)));
                }
            }
            Payload::MemorySection(own) => memories += own.count(),
            _ => {}
        }
    }
    Ok(memories)
}

/// The function's body, and how many polls were added to it.
fn in_function(
    module: &[u8],
    body: &FunctionBody<'_>,
    page: u32,
) -> Result<(Vec<u8>, u32), LoadError> {
    let places = places(body, Where::Everywhere)?;
    let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
    if count > POLLS {
        return Err(LoadError::new(format!(
            "A function of the module has {count} loops and bulk operations; kernels may have {POLLS}. Split the function."
        )));
    }
    let polled = insert(module, body, &places, |code, offset| {
        code.i32_const(0)
            .i32_atomic_load8_u(MemArg {
                offset,
                align: 0,
                memory_index: page,
            })
            .drop();
    })?;
    Ok((polled, count))
}

/// Where something is inserted.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// Before every bulk operation.
    Bulk,
    /// There, after every `loop`, and at the entry of every function that calls.
    Everywhere,
}

/// The places in a function, in order.
fn places(body: &FunctionBody<'_>, wanted: Where) -> Result<Vec<usize>, LoadError> {
    let everywhere = wanted == Where::Everywhere;
    let mut places = Vec::new();
    let mut entry = None;
    let mut after_loop = false;
    for operator in body
        .get_operators_reader()
        .map_err(unreadable)?
        .into_iter_with_offsets()
    {
        let (operator, at) = operator.map_err(unreadable)?;
        let start = *entry.get_or_insert(at);
        if after_loop || is_bulk(&operator) {
            places.push(at);
        }
        after_loop = everywhere && matches!(operator, Operator::Loop { .. });
        if everywhere && calls(&operator) && places.first() != Some(&start) {
            places.insert(0, start);
        }
    }
    Ok(places)
}

/// The function's body with instructions inserted; `instructions` is given the number of the place.
fn insert(
    module: &[u8],
    body: &FunctionBody<'_>,
    places: &[usize],
    instructions: impl Fn(&mut InstructionSink<'_>, u64),
) -> Result<Vec<u8>, LoadError> {
    let mut changed = Vec::new();
    let mut done = body.range().start;
    for (number, &place) in (0..).zip(places) {
        changed.extend_from_slice(slice(module, done..place)?);
        instructions(&mut InstructionSink::new(&mut changed), number);
        done = place;
    }
    changed.extend_from_slice(slice(module, done..body.range().end)?);
    Ok(changed)
}

/// Takes as long as its operands say, in code of the host's that nothing interrupts.
fn is_bulk(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. }
    )
}

fn calls(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

fn own_memories(section: MemorySectionReader<'_>) -> Result<MemorySection, LoadError> {
    let mut memories = MemorySection::new();
    for memory in section {
        let memory = RoundtripReencoder
            .memory_type(memory.map_err(unreadable)?)
            .map_err(|error| LoadError::new(format!("The module cannot be read: {error}.")))?;
        memories.memory(memory);
    }
    Ok(memories)
}

fn page_memory(memories: &mut MemorySection) -> &MemorySection {
    memories.memory(MemoryType {
        minimum: 0,
        maximum: Some(MARK),
        memory64: false,
        shared: false,
        page_size_log2: None,
    })
}

/// Sections of these kinds come before that of memories; custom ones may be anywhere.
fn comes_after_memories(id: u8) -> bool {
    ![
        SectionId::Custom,
        SectionId::Type,
        SectionId::Import,
        SectionId::Function,
        SectionId::Table,
        SectionId::Memory,
    ]
    .into_iter()
    .any(|before| id == before as u8)
}

/// Names places in the code, which is longer afterwards: such a section is left out.
fn points_into_code(custom: &str) -> bool {
    custom.starts_with(".debug_")
        || custom.starts_with("metadata.code.")
        || custom == "sourceMappingURL"
        || custom == "linking"
        || custom.starts_with("reloc.")
}

#[cfg(test)]
mod tests;
