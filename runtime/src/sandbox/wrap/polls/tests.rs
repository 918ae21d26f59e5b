//! What is added, and what stays.

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
                Operator::Drop if words.last().is_some_and(|word| word.starts_with("poll")) => {}
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
