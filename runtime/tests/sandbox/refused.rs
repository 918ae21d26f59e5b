//! Modules that are refused, before anything of them has run.

use std::time::{Duration, Instant};

use crate::harness::{component, engine, engine_by, kernel, options};
use sandpipe::sandbox::{Engine, EngineOptions, Interruption, Limits};

/// Loads a module whose start function traps, and returns the refusal. Loading runs nothing, so the trap is never seen.
fn refusal(engine: &Engine, module: &[u8]) -> String {
    match engine.load(module, &Limits::default(), crate::ISOLATION) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// A kernel that would trap if it were only instantiated.
fn trapping(parts: &[(&str, &str)]) -> String {
    kernel(parts).replacen(
        "(func $ok",
        "(func $boom unreachable) (start $boom) (func $ok",
        1,
    )
}

#[track_caller]
fn check(module: impl AsRef<[u8]>, words: &[&str]) {
    let message = refusal(&engine(), module.as_ref());
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    let sentence = message.starts_with(char::is_uppercase) && message.ends_with(['.', '?']);
    assert!(sentence, "not a sentence: {message:?}");
}

#[test]
fn loading_runs_nothing() {
    let text = trapping(&[]);
    assert!(
        engine()
            .load(text.as_bytes(), &Limits::default(), crate::ISOLATION)
            .is_ok()
    );
}

#[test]
fn imports_that_no_kernel_gets_are_named() {
    let imports = r#"(import "env" "abort" (func (param i32)))
        (import "wasi_unstable" "fd_write" (func (param i32)))
        (import "sandpipe:kernel/log@0.1.0" "log" (func (param i32 i32 i32)))"#;
    let text = trapping(&[("imports", imports)]);
    check(
        &text,
        &["`env#abort`", "`wasi_unstable#fd_write`", "--use abort="],
    );
    let message = refusal(&engine(), text.as_bytes());
    assert_eq!(
        message.matches("log@0.1.0").count(),
        1,
        "allowed imports are not in the list: {message}"
    );

    let memory = trapping(&[]).replace(
        r#"(memory (export "memory") 2)"#,
        r#"(import "env" "memory" (memory 2)) (export "memory" (memory 0))"#,
    );
    check(memory, &["`env#memory`"]);
    let sink = r#"(import "sandpipe:kernel/sink@0.1.0" "write-output" (func (param i32 i32 i32)))"#;
    check(
        trapping(&[("imports", sink)]),
        &["`sandpipe:kernel/sink@0.1.0#write-output`", "frame table"],
    );
    let wasi = r#"(import "wasi_snapshot_preview1" "made_up" (func (param i32)))"#;
    check(trapping(&[("imports", wasi)]), &["made_up"]);
}

#[test]
fn an_import_of_the_wrong_type_is_refused() {
    let log = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func (param i64)))"#;
    check(trapping(&[("imports", log)]), &["contract", "log"]);
    let log = r#"(import "sandpipe:kernel/log@0.1.0" "shout" (func (param i32 i32 i32)))"#;
    check(trapping(&[("imports", log)]), &["shout"]);
}

#[test]
fn a_missing_export_is_named() {
    let drop = |name: &str| {
        let export = format!("(export \"{name}\")");
        let text = trapping(&[]);
        assert!(text.contains(&export));
        text.replace(&export, "")
    };
    for name in [
        "sandpipe:kernel/stage@0.1.0#validate-config",
        "sandpipe:kernel/stage@0.1.0#init",
        "sandpipe:kernel/mapped@0.1.0#reserve",
        "sandpipe:kernel/mapped@0.1.0#compute-into",
    ] {
        check(drop(name), &[name, "does not export"]);
    }
    check(drop("memory"), &["does not export its linear memory"]);
    check("(module (memory 1))", &["exports no functions"]);
    check(
        r#"(module (memory 1) (func (export "main")))"#,
        &["does not export", "wit/kernel.wit"],
    );
}

#[test]
fn a_misspelt_export_is_recognised() {
    let text = trapping(&[]);
    for (right, wrong) in [
        ("#compute-into", "#compute_into"),
        ("#compute-into", "#comput-into"),
        ("#validate-config", "#validateConfig"),
        ("/mapped@0.1.0#reserve", "/maped@0.1.0#reserve"),
    ] {
        check(text.replace(right, wrong), &["did you mean", wrong, right]);
    }
    check(
        text.replace("@0.1.0", "@0.2.0"),
        &["@0.2.0", "version 0.1.0"],
    );
}

#[test]
fn an_export_of_the_wrong_type_is_refused() {
    let text = trapping(&[])
        .replace(
            "(param $frame_id i64) (param $frame i32)",
            "(param $frame_id i32) (param $frame i32)",
        )
        .replace("(i64.eq", "(i32.eq");
    check(text, &["contract", "compute-into"]);
}

#[test]
fn there_is_exactly_one_plain_memory() {
    let memory = r#"(memory (export "memory") 2)"#;
    let with = |replacement: &str| trapping(&[]).replace(memory, replacement);
    check(
        with(&format!("{memory} (memory 1)")),
        &["2 linear memories", "exactly one"],
    );
    check(
        with(r#"(memory (export "memory") i64 2)"#),
        &["64-bit memory"],
    );
    check(
        with(r#"(memory (export "memory") 2 4 shared)"#),
        &["shared memory"],
    );
    check(
        with(r#"(memory (export "memory") 4096 (pagesize 1))"#),
        &["page size"],
    );
    check(
        with(r#"(memory (export "memory") 1025)"#),
        &["67174400 bytes", "limit of 67108864", "limits: memory"],
    );
    check(
        with(r#"(memory (export "memory") 65536)"#),
        &["4294967296 bytes"],
    );
    let largest = with(r#"(memory (export "memory") 1024 65536)"#);
    assert!(
        engine()
            .load(largest.as_bytes(), &Limits::default(), crate::ISOLATION)
            .is_ok(),
        "growth is limited while it runs"
    );
}

#[test]
fn a_component_may_not_have_two_memories_either() {
    for way in [Interruption::Page, Interruption::Epochs] {
        let engine = engine_by(Some(way));
        let component = component(&wat::parse_str(kernel(&[])).unwrap());
        assert!(
            engine
                .load(&component, &Limits::default(), crate::ISOLATION)
                .is_ok()
        );

        // One more instance of its module: a section for core instances (2) of four bytes, with one instance (1) made by
        // instantiation (0) of module 0 with 0 arguments.
        let mut twice = component;
        twice.extend([2, 4, 1, 0, 0, 0]);
        let message = refusal(&engine, &twice);
        assert!(message.contains("creates 2 linear memories"), "{message}");

        let two = wat::parse_str(
            r#"(component
                (core module $m (memory 1)) (core module $n (memory 1))
                (instance $i)
                (export "sandpipe:kernel/stage@0.1.0" (instance $i))
                (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))"#,
        );
        assert!(refusal(&engine, &two.unwrap()).contains("2 linear memories"));
    }
}

#[test]
fn nobody_gets_at_the_page_that_stops_guests() {
    // By the maximum of its memory, by naming a memory that is not there yet, with the instruction of a poll.
    let memory = r#"(memory (export "memory") 2)"#;
    check(
        trapping(&[]).replace(memory, r#"(memory (export "memory") 2 2837)"#),
        &["maximum", "choose another"],
    );
    for other in ["2836", "2838"] {
        let near =
            trapping(&[]).replace(memory, &format!("(memory (export \"memory\") 2 {other})"));
        assert!(
            engine()
                .load(near.as_bytes(), &Limits::default(), crate::ISOLATION)
                .is_ok()
        );
    }
    let nested = r#"(component
        (core module $m (memory 1) (memory 0 2837)) (instance $i)
        (export "sandpipe:kernel/stage@0.1.0" (instance $i))
        (export "sandpipe:kernel/copied@0.1.0" (instance $i)))"#;
    check(nested, &["maximum", "choose another"]);
    for body in [
        "(drop (i32.load 1 (i32.const 0)))",
        "(drop (i32.atomic.load8_u 0 (i32.const 0)))",
    ] {
        let stolen = trapping(&[("compute", body)]);
        let binary = wat::parse_str(&stolen).unwrap();
        let message = refusal(&engine(), &binary);
        assert!(message.contains("may not use"), "{message}");
    }
}

#[test]
fn a_function_with_more_loops_than_polls_is_refused() {
    let loops = |count: usize| {
        trapping(&[(
            "declarations",
            &format!("(func {})", "(loop)".repeat(count)),
        )])
    };
    check(loops(65537), &["65537 loops", "65536", "Split"]);
}

#[test]
fn a_component_inside_a_kernel_of_the_mapped_world_has_no_code() {
    for inner in [
        "(component (core module))",
        "(component (core module (func (export \"f\"))) (core instance $i (instantiate 0)) (func (canon lift (core func $i \"f\"))))",
        "(component (import \"f\" (func $f)) (core func (canon lower (func $f))))",
    ] {
        let outer = format!(
            r#"(component {inner} (instance $i)
                (export "sandpipe:kernel/stage@0.1.0" (instance $i))
                (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))"#
        );
        check(outer, &["component inside", "mapped world", "link"]);
    }
}

#[test]
fn components_that_are_not_kernels_are_refused() {
    check("(component)", &["does not export"]);
    check(
        r#"(component (import "wasi:cli/environment@0.2.6" (instance)) (instance $i)
            (core module (memory 1))
            (export "sandpipe:kernel/stage@0.1.0" (instance $i))
            (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))"#,
        &["`wasi:cli/environment@0.2.6`", "WASI"],
    );
    check(
        r#"(component (instance $i) (core module (memory 1))
            (export "sandpipe:kernel/stage@0.1.0" (instance $i))
            (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))"#,
        &["types of the contract"],
    );
}

#[test]
fn what_is_no_module_is_refused() {
    check("", &["not WebAssembly"]);
    check([0u8; 4096], &["not WebAssembly"]);
    check(b"\xff\xfe(module)", &["not WebAssembly"]);
    check("kind: cpu.scale\n", &["not WebAssembly"]);
    check("(module (func $f)", &["does not parse", "line 1"]);
    check("(".repeat(1_000_000), &["does not parse"]);
    check(
        "(module (func ".to_owned() + &"(block ".repeat(300_000),
        &["does not parse"],
    );
    check("(component ".repeat(100_000), &["does not parse"]);
    check(b"\0asm", &["damaged"]);
    check(b"\0asm\x02\0\0\0", &["damaged"]);
    check(b"\x7fELF\x02\x01\x01", &["Precompiled"]);
    let component = wasmtime_like_precompiled();
    check(component, &["Precompiled"]);
}

/// The beginning of what wasmtime itself writes for compiled code.
fn wasmtime_like_precompiled() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\xc8");
    bytes
}

#[test]
fn features_that_kernels_do_not_get_are_refused() {
    let with = |body: &str| trapping(&[("compute", body)]);
    check(
        with("(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))"),
        &["relaxed"],
    );
    check(with("(drop (i32.atomic.load (i32.const 0)))"), &["threads"]);
    check(trapping(&[("declarations", "(tag $t)")]), &["exceptions"]);
}

#[test]
fn counts_are_limited() {
    let functions: String = (0..200_001).map(|_| "(func)").collect();
    check(
        trapping(&[("declarations", &functions)]),
        &["functions", "200000"],
    );
    let locals = format!("(func (local {}))", "i32 ".repeat(10_001));
    check(trapping(&[("declarations", &locals)]), &["10001 locals"]);
    let long = format!("(func {})", "(drop (i32.const 1))".repeat(400_000));
    check(
        trapping(&[("declarations", &long)]),
        &["bytes in one function"],
    );
    check(
        trapping(&[("declarations", "(table 1000000 funcref)")]),
        &["elements in a table"],
    );
    let tables = "(table 1 funcref)".repeat(257);
    check(trapping(&[("declarations", &tables)]), &["tables"]);
    let exports: String = (0..10_001)
        .map(|i| format!("(export \"e{i}\" (func 0))"))
        .collect();
    check(trapping(&[("declarations", &exports)]), &["exports"]);
    let deep = "(component ".repeat(20) + &")".repeat(20);
    check(deep, &["levels of nested components"]);
    let mut large = wat::parse_str(kernel(&[])).unwrap();
    large.resize((64 << 20) + 1, 0);
    check(large, &["67108865 bytes"]);
}

#[test]
fn damage_anywhere_is_an_error_and_never_a_panic() {
    let engine = engine();
    let binary = wat::parse_str(trapping(&[])).unwrap();
    // A generator of our own (xorshift): the damages are the same in every run.
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut refused = 0;
    for _ in 0..1500 {
        let mut damaged = binary.clone();
        for _ in 0..=next(3) {
            let at = next(damaged.len());
            match next(4) {
                0 => damaged[at] = u8::try_from(next(256)).unwrap(),
                1 => damaged[at] ^= 1 << next(8),
                2 => damaged.truncate(at + 1),
                _ => damaged.insert(at, u8::try_from(next(256)).unwrap()),
            }
        }
        refused += usize::from(
            engine
                .load(&damaged, &Limits::default(), crate::ISOLATION)
                .is_err(),
        );
    }
    assert!(refused > 500, "{refused} refused");
}

#[test]
fn a_module_that_takes_too_long_to_compile_is_given_up() {
    // Seconds of work in a tenth of the size that is allowed.
    let ifs = "(if (local.get $x) (then (local.set $x (i32.const 3))))".repeat(12_000);
    let bomb = trapping(&[("declarations", &format!("(func (local $x i32) {ifs})"))]);
    let engine = Engine::new(EngineOptions {
        compile_time: Duration::from_millis(50),
        ..options()
    })
    .unwrap();
    let start = Instant::now();
    let message = refusal(&engine, bomb.as_bytes());
    assert!(message.contains("did not compile within 50ms"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(10));
}
