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
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use wasmparser::{Parser, Validator, WasmFeatures};

    use super::*;
    use crate::sandbox::admission::FEATURES;

    fn polled(text: &str) -> Vec<u8> {
        let binary = wat::parse_str(text).unwrap();
        Validator::new_with_features(FEATURES | WasmFeatures::MULTI_MEMORY)
            .validate_all(&binary)
            .unwrap();
        let polled = add_polls(&binary).unwrap();
        // A poll is an atomic load from a second memory; all else has to be as valid as it was.
        Validator::new_with_features(FEATURES | WasmFeatures::THREADS | WasmFeatures::MULTI_MEMORY)
            .validate_all(&polled)
            .unwrap();
        polled
    }

    /// Each function's instructions, polls of memory `page` as `poll K`, without the end.
    fn code(module: &[u8], page: u32) -> Vec<String> {
        let mut functions = Vec::new();
        for payload in own_payloads(module) {
            let Payload::CodeSectionEntry(body) = payload.unwrap() else {
                continue;
            };
            let mut words: Vec<String> = Vec::new();
            for operator in body.get_operators_reader().unwrap() {
                match operator.unwrap() {
                    Operator::I32AtomicLoad8U { memarg } => {
                        assert_eq!((memarg.memory, memarg.align), (page, 0));
                        assert_eq!(words.pop().unwrap(), "I32Const");
                        words.push(format!("poll {}", memarg.offset));
                    }
                    Operator::Drop if words.last().is_some_and(|word| word.starts_with("poll")) => {
                    }
                    operator => {
                        let word = format!("{operator:?}");
                        let end = word.find([' ', '{', '(']).unwrap_or(word.len());
                        words.push(word[..end].to_owned());
                    }
                }
            }
            assert_eq!(words.pop().unwrap(), "End");
            functions.push(words.join(", "));
        }
        functions
    }

    /// Sections but for those of memories and code, as they are in the file.
    fn others(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
        own_payloads(module)
            .filter_map(|payload| payload.unwrap().as_section())
            .filter(|(id, _)| ![SectionId::Memory as u8, SectionId::Code as u8].contains(id))
            .map(|(id, range)| (id, module[range].to_vec()))
            .collect()
    }

    fn memories_of(module: &[u8]) -> Vec<(u64, Option<u64>)> {
        let own = own_payloads(module).filter_map(|payload| match payload.unwrap() {
            Payload::MemorySection(memories) => Some(memories),
            _ => None,
        });
        own.flatten()
            .map(|memory| memory.unwrap())
            .map(|memory| (memory.initial, memory.maximum))
            .collect()
    }

    #[test]
    fn every_loop_and_every_function_that_calls_polls_at_its_own_offset() {
        let module = polled(
            "(module (type $f (func)) (memory 1) (table 1 funcref)
               (func $leaf (drop (i32.const 0)))
               (func (nop) (call $leaf))
               (func (call_indirect (type $f) (i32.const 0)))
               (func (return_call $leaf))
               (func (return_call_indirect (type $f) (i32.const 0)))
               (func (loop (loop)) (loop))
               (func (loop (nop) (call $leaf))))",
        );
        assert_eq!(
            code(&module, 1),
            [
                "I32Const, Drop",
                "poll 0, Nop, Call",
                "poll 0, I32Const, CallIndirect",
                "poll 0, ReturnCall",
                "poll 0, I32Const, ReturnCallIndirect",
                "Loop, poll 0, Loop, poll 1, End, End, Loop, poll 2, End",
                "poll 0, Loop, poll 1, Nop, Call, End",
            ]
        );
        assert_eq!(memories_of(&module), [(1, None), (0, Some(MARK))]);
    }

    #[test]
    fn everything_else_stays_as_it_was() {
        // Names, exports, globals, two tables, active and passive segments with their count, a start function.
        let text = r#"(module $named
            (import "env" "f" (func $imported (param i32)))
            (memory (export "memory") 2 5)
            (table $a 3 funcref) (table $b (export "second") 2 4 funcref)
            (global $g (export "g") (mut i64) (i64.const 7))
            (data $passive "passive") (data $active (i32.const 8) "active")
            (elem $segment func $work)
            (func $work (export "work") (param $x i32) (result i32) (local $y i64)
              (loop $l (call $imported (local.get $x)) (br_if $l (local.get $x)))
              (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))
              (data.drop $passive) (table.init $a $segment (i32.const 0) (i32.const 0) (i32.const 1))
              (memory.size))
            (func $begin (loop))
            (start $begin)
            (@custom "sandpipe:manifest" "{}") (@custom "producers" "\00"))"#;
        let binary = wat::parse_str(text).unwrap();
        let module = polled(text);
        assert_eq!(others(&module), others(&binary));
        assert_eq!(memories_of(&module), [(2, Some(5)), (0, Some(MARK))]);
        assert!(code(&module, 1)[0].ends_with(
            "poll 2, MemoryInit, DataDrop, I32Const, I32Const, I32Const, poll 3, TableInit, MemorySize"
        ));
    }

    #[test]
    fn a_module_without_memories_gets_its_section_in_the_right_place() {
        let module = polled(
            r#"(module (import "env" "f" (func $f)) (table 1 funcref) (global i32 (i32.const 1))
                 (elem (i32.const 0) $g) (func $g (export "g") (call $f)))"#,
        );
        assert_eq!(memories_of(&module), [(0, Some(MARK))]);
        assert_eq!(code(&module, 0), ["poll 0, Call"]);
        // Nothing but types and code.
        let module = polled("(module (func (loop)))");
        assert_eq!(memories_of(&module), [(0, Some(MARK))]);
    }

    #[test]
    fn memories_that_are_imported_count_too() {
        let module = polled(
            r#"(module (import "env" "a" (memory 1)) (import "env" "f" (func)) (import "env" "b" (memory 1))
                 (memory 1) (func (loop)))"#,
        );
        assert_eq!(code(&module, 3), ["Loop, poll 0, End"]);
    }

    #[test]
    fn bulk_operations_one_behind_the_other_are_polled_each() {
        let text = r#"(module (memory 1)
            (func (i32.const 0) (i32.const 0) (i32.const 9) memory.fill (i32.const 0) (i32.const 8) (i32.const 9) memory.copy))"#;
        assert_eq!(
            code(&polled(text), 1),
            [
                "I32Const, I32Const, I32Const, poll 0, MemoryFill, I32Const, I32Const, I32Const, poll 1, MemoryCopy"
            ]
        );
        let looped = add_loops(&wat::parse_str(text).unwrap()).unwrap();
        Validator::new_with_features(FEATURES)
            .validate_all(&looped)
            .unwrap();
        assert_eq!(
            code(&looped, 1),
            [
                "I32Const, I32Const, I32Const, Loop, End, MemoryFill, I32Const, I32Const, I32Const, Loop, End, MemoryCopy"
            ]
        );
    }

    #[test]
    fn a_module_that_always_ends_is_left_alone() {
        for text in [
            "(module)",
            r#"(module (memory 1) (func (drop (i32.const 1))) (@custom "linking" "x") (@custom ".debug_info" "x"))"#,
        ] {
            assert_eq!(polled(text), wat::parse_str(text).unwrap());
        }
    }

    #[test]
    fn what_points_into_the_code_is_dropped() {
        let module = polled(
            r#"(module (memory 1) (func $f (loop))
                 (@custom ".debug_line" "x") (@custom "metadata.code.branch_hint" "\00") (@custom "sourceMappingURL" "x")
                 (@custom "linking" "x") (@custom "reloc.CODE" "x") (@custom "target_features" "\00"))"#,
        );
        let names: Vec<String> = own_payloads(&module)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CustomSection(custom) => Some(custom.name().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["target_features", "name"]);
    }

    #[test]
    fn long_bodies_and_large_offsets_are_encoded_anew() {
        let many = POLLS as usize;
        let text = format!("(module (func {}))", "(loop)".repeat(many));
        let code = code(&polled(&text), 0);
        assert!(code[0].ends_with(&format!("Loop, poll {}, End", many - 1)));
        let more = format!("(module (func {}))", "(loop)".repeat(many + 1));
        let error = add_polls(&wat::parse_str(more).unwrap()).unwrap_err();
        assert!(error.to_string().contains("65537 loops"), "{error}");
    }

    #[test]
    fn the_modules_of_a_component_get_polls_at_any_depth() {
        let module = "(core module (memory 1) (func (loop)))";
        let text = format!(
            r#"(component {module} (core module $quiet (memory 1))
                 (component {module} (component {module} (type (func)) {module})) (core instance (instantiate $quiet))
                 (@custom "kept" "x"))"#
        );
        let component = polled(&text);
        let bodies = Parser::new(0)
            .parse_all(&component)
            .filter(|payload| matches!(payload.as_ref().unwrap(), Payload::CodeSectionEntry(_)));
        assert_eq!(bodies.count(), 4);
        let polls = component
            .windows(3)
            .filter(|bytes| bytes == &[0xfe, 0x12, 0x40])
            .count();
        assert_eq!(polls, 4, "an atomic load that names its memory");
        assert_eq!(
            others(&component).len(),
            others(&wat::parse_str(text).unwrap()).len()
        );
    }
}
