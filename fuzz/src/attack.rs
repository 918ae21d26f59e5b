use std::fmt::Write;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::stage::{LIMITS, engine, kernel, run as run_stage};
use sandpipe::sandbox::Isolation;

/// Where a kernel may reach for. The first two are its input and its output.
const BASES: [&str; 8] = [
    "(i32.load (local.get $frame))",
    "(i32.load offset=4 (local.get $frame))",
    "(local.get $frame)",
    "(global.get $block)",
    "(i32.mul (memory.size) (i32.const 65536))",
    "(global.get $heap)",
    "(i32.const 0)",
    "(i32.const 16)",
];

/// How far beside it, or how many bytes.
const DISTANCES: [i32; 24] = [
    0,
    1,
    3,
    4,
    8,
    15,
    16,
    100,
    4092,
    4095,
    4096,
    4097,
    8192,
    12287,
    12288,
    65535,
    65536,
    131_072,
    1 << 20,
    i32::MAX,
    i32::MIN,
    -1,
    -4,
    -4096,
];

/// What the kernel does with such places: `A` and `B` are addresses, `N` a length, `V` a number.
const STEPS: [&str; 28] = [
    "(i32.store8 A (i32.const V))",
    "(i32.store A (i32.const V))",
    "(i64.store A (i64.const V))",
    "(v128.store A (v128.const i64x2 V V))",
    "(f64.store A (f64.const nan))",
    "(v128.store32_lane 3 A (v128.const i64x2 V V))",
    "(i32.store offset=4294967295 A (i32.const V))",
    "(memory.fill A (i32.const V) N)",
    "(memory.copy A B N)",
    "(memory.init $bytes A (i32.const 0) N)",
    "(data.drop $bytes)",
    "(drop (memory.grow (i32.const V)))",
    "(drop (i32.load A))",
    "(drop (v128.load offset=65536 A))",
    "(i32.store8 offset=4096 A (i32.load8_u B))",
    "(call $log (i32.const V) A N)",
    "(return (call $fail (i32.const V) A N))",
    "(return A)",
    "(call $again)",
    "(drop (call_indirect (result i32) (i32.const V)))",
    "(drop (table.grow (ref.null func) N))",
    "(table.set (i32.const V) (ref.func $ok))",
    "(global.set $heap A)",
    "unreachable",
    "(loop $l (br $l))",
    "(loop $l (memory.fill A (i32.const V) (i32.const 4096)) (br $l))",
    "(return (call $ok))",
    "(i32.store (i32.const 16) (i32.const V))",
];

/// A step in two of which the kernel ends would make most others unseen, so the last ones come seldom.
fn step(entropy: &mut Unstructured<'_>) -> Result<String> {
    let all = entropy.ratio(1, 3)?;
    let step = entropy.choose(if all { &STEPS[..] } else { &STEPS[..16] })?;
    let mut text = String::from(" ");
    for character in step.chars() {
        match character {
            'A' | 'B' => {
                let base = entropy.choose(&BASES)?;
                let distance = entropy.choose(&DISTANCES)?;
                write!(text, "(i32.add {base} (i32.const {distance}))")
            }
            'N' => write!(text, "(i32.const {})", entropy.choose(&DISTANCES)?),
            'V' => write!(text, "{}", u8::arbitrary(entropy)?),
            other => write!(text, "{other}"),
        }
        .map_err(|_| arbitrary::Error::IncorrectFormat)?;
    }
    Ok(text)
}

fn steps(entropy: &mut Unstructured<'_>) -> Result<String> {
    let count = entropy.int_in_range(0..=4)?;
    (0..count).map(|_| step(entropy)).collect()
}

fn text(entropy: &mut Unstructured<'_>) -> Result<String> {
    let log = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
    let declarations = r#"(global $block (mut i32) (i32.const 0)) (table 3 1000 funcref) (elem declare func $ok)
        (data $bytes "0123456789") (func $again (call $again))"#;
    // Mostly honest: otherwise nothing else is reached.
    let reserve = if entropy.ratio(4, 5)? {
        "(global.set $block (i32.mul (memory.size) (i32.const 65536)))".to_owned()
    } else {
        let base = entropy.choose(&[
            "(i32.const 0)",
            "(i32.mul (memory.size) (i32.const 65536))",
            "(i32.const 4096)",
        ])?;
        let distance = entropy.choose(&DISTANCES)?;
        let pages = u8::arbitrary(entropy)? % 4;
        format!(
            "(drop (memory.grow (i32.const {pages}))) (return (i32.add {base} (i32.const {distance})))"
        )
    };
    // `$frame` is not known there.
    let early = |steps: String| steps.replace("(local.get $frame)", "(global.get $block)");
    let init = if entropy.ratio(1, 5)? {
        early(steps(entropy)?)
    } else {
        String::new()
    };
    let compute = steps(entropy)?;
    let mut text = kernel(&[
        ("imports", log),
        ("declarations", declarations),
        ("reserve", &reserve),
        ("init", &init),
        ("compute", &compute),
    ]);
    if entropy.ratio(1, 8)? {
        let allocator = early(step(entropy)?).replace("(return (call $ok))", "");
        text = text.replace("(local $at i32)", &format!("(local $at i32) {allocator}"));
    }
    Ok(text)
}

/// Nothing that a kernel does in its own memory reaches anything else.
pub fn run(bytes: &[u8]) {
    let Ok(text) = text(&mut Unstructured::new(bytes)) else {
        return;
    };
    match engine().load(text.as_bytes(), &LIMITS, Isolation::Thread) {
        Ok(program) => run_stage(&program),
        Err(error) => panic!("{error}\n{text}"),
    }
}
