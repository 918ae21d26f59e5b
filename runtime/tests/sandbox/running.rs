//! Kernels that behave, in every form a kernel can have.

use std::sync::{Arc, Mutex};

use crate::harness::{FRAME, Ring, Stage, component, context, engine, kernel, options};
use sandpipe::sandbox::{
    Access, Cause, Digest, Engine, EngineOptions, Form, Limits, LogLevel, World,
};

#[test]
fn a_kernel_computes_on_the_slots_it_is_given() {
    let stage = Stage::new(&kernel(&[]));
    assert_eq!(stage.program.world(), World::Mapped);
    stage
        .program
        .validate_config(&context(), &Limits::default())
        .unwrap();
    let mut instance = stage.open().unwrap();
    for (frame_id, (from, to)) in [(0, 2), (2, 0), (1, 1)].into_iter().enumerate() {
        stage.input.put(from, 100 + from);
        instance.compute_into(frame_id as u64, &[from, to]).unwrap();
        assert_eq!(stage.output.get(to), 101 + from);
    }
}

#[test]
fn text_binary_and_component_are_the_same_kernel() {
    let engine = engine();
    let limits = Limits::default();
    let text = kernel(&[]);
    let binary = wat::parse_str(&text).unwrap();
    let component = component(&binary);
    for (module, form) in [
        (text.as_bytes(), Form::Module),
        (&binary, Form::Module),
        (&component, Form::Component),
    ] {
        let program = engine.load(module, &limits, crate::ISOLATION).unwrap();
        assert_eq!(program.facts().form, form);
        assert_eq!(program.digest(), Digest::of(module));
        assert_eq!(program.facts().memories[0].initial, 2 << 16);
        let stage = Stage::with(program, limits);
        stage.input.put(1, 6);
        stage.open().unwrap().compute_into(0, &[1, 0]).unwrap();
        assert_eq!(stage.output.get(0), 7);
    }
}

#[test]
fn component_types_of_the_modules_own_do_not_matter() {
    let stage = Stage::new(&kernel(&[(
        "imports",
        r#"(@custom "component-type:nonsense" "\00\01\02")"#,
    )]));
    stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
}

#[test]
fn damaged_custom_sections_hurt_nobody() {
    for (name, bytes) in [
        ("name", r"\01\ff\ff\ff\ff\ff\ff"),
        ("name", r"\01\02\ff\ff"),
        ("name", r"\00\03\02\ff\fe"),
        ("producers", r"\ff\ff\ff\ff\ff\ff"),
        ("target_features", r"\ff"),
        (".debug_info", r"\00\01\02"),
        ("metadata.code.branch_hint", r"\ff\ff"),
    ] {
        let section = format!(r#"(@custom "{name}" "{bytes}")"#);
        let trap = "(if (i64.eqz (local.get $frame_id)) (then unreachable))";
        let stage = Stage::new(&kernel(&[("imports", &section), ("compute", trap)]));
        let fault = stage.open().unwrap().compute_into(0, &[0, 0]).unwrap_err();
        assert_eq!(fault.cause, Cause::Trap, "{name}: {fault}");
    }
}

#[test]
fn windows_stay_when_memory_grows() {
    let stage = Stage::new(&kernel(&[(
        "compute",
        "(drop (memory.grow (i32.const 16)))
         (i32.store (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)) (i32.const 1))",
    )]));
    let mut instance = stage.open().unwrap();
    for frame in 0..20 {
        stage.input.put(0, frame);
        instance.compute_into(0, &[0, 1]).unwrap();
        assert_eq!(stage.output.get(1), frame + 1);
    }
}

#[test]
fn a_kernel_without_an_allocator_gets_one() {
    // The context's name is at address 0 of the record, and its parameters, the last field, 68 bytes on.
    let text = kernel(&[
        (
            "init",
            "(i32.store (i32.const 64) (i32.load8_u (i32.load (local.get $context))))
             (i32.store (i32.const 68) (i32.load8_u (i32.load offset=68 (local.get $context))))",
        ),
        (
            "compute",
            "(i32.store (i32.load offset=4 (local.get $frame)) (i32.load (i32.const 64)))
             (i32.store offset=4 (i32.load offset=4 (local.get $frame)) (i32.load (i32.const 68)))
             (return (call $ok))",
        ),
    ]);
    let without = text.replace(r#"(export "cabi_realloc")"#, "");
    assert_ne!(text, without);
    for text in [text, without] {
        let stage = Stage::new(&text);
        stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
        assert_eq!(stage.output.get(0), u32::from(b's'));
        assert_eq!(stage.output.bytes()[FRAME as usize + 4], b'{');
    }
}

#[test]
fn wasi_gives_a_kernel_nothing() {
    let import = |name: &str, ty: &str| {
        format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {ty}))"#)
    };
    let imports = [
        import("clock_time_get", "(param i32 i64 i32) (result i32)"),
        import("random_get", "(param i32 i32) (result i32)"),
        import("fd_write", "(param i32 i32 i32 i32) (result i32)"),
        import(
            "path_open",
            "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
        ),
        import("environ_sizes_get", "(param i32 i32) (result i32)"),
        import("proc_exit", "(param i32)"),
    ]
    .concat();
    let out = "(i32.load offset=4 (local.get $frame))";
    let stage = Stage::new(&kernel(&[
        ("imports", &imports),
        (
            "compute",
            &format!(
                "(if (i64.eq (local.get $frame_id) (i64.const 9)) (then (call $proc_exit (i32.const 0))))
                 (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 64)))
                 (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 72)))
                 (i64.store {out} (i64.sub (i64.load (i32.const 72)) (i64.load (i32.const 64))))
                 (drop (call $random_get (i32.const 64) (i32.const 8)))
                 (i32.store offset=8 {out} (i32.wrap_i64 (i64.load (i32.const 64))))
                 (i32.store (i32.const 64) (i32.const 80)) (i32.store (i32.const 68) (i32.const 5))
                 (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))
                 (i32.store offset=12 {out} (i32.load (i32.const 72)))
                 (i32.store offset=16 {out} (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)
                   (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64)))
                 (drop (call $environ_sizes_get (i32.const 64) (i32.const 68)))
                 (i32.store offset=20 {out} (i32.load (i32.const 64)))
                 (return (call $ok))"
            ),
        ),
    ]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    let bytes = stage.output.bytes();
    let word = |index: usize| {
        let at = FRAME as usize + 4 * index;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    assert_eq!((word(0), word(1)), (1000, 0), "time passes, but not ours");
    assert_ne!(word(2), 0, "random numbers look random");
    assert_eq!(word(3), 5, "output is swallowed");
    assert_eq!(word(4), 8, "there are no files");
    assert_eq!(word(5), 0, "there is no environment");

    let fault = instance.compute_into(9, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, Cause::Trap, "to exit is to trap: {fault}");
}

#[test]
fn the_built_in_kernels_load() {
    let engine = engine();
    for kernel in sandpipe_kernels::BUILT_IN {
        let program = engine.load(kernel.wasm, &Limits::default(), crate::ISOLATION);
        assert!(program.is_ok(), "{}: {:?}", kernel.name, program.err());
    }
}

#[test]
fn state_is_a_window_to_read_and_a_window_to_write() {
    // Window 2 is the previous state, window 3 the next: counts frames in the next state and shows the count.
    let stage = Stage::new(&kernel(&[(
        "compute",
        "(i32.store (i32.load offset=12 (local.get $frame))
                    (i32.add (i32.load (i32.load offset=8 (local.get $frame))) (i32.const 1)))
         (i32.store (i32.load offset=4 (local.get $frame)) (i32.load (i32.load offset=12 (local.get $frame))))
         (return (call $ok))",
    )]));
    let state = Ring::new(0);
    let mut context = context();
    context.state = context.outputs.clone();
    let windows = [
        stage.input.window(Access::Read),
        stage.output.window(Access::Write),
        state.window(Access::Read),
        state.window(Access::Write),
    ];
    let mut instance = stage
        .program
        .open(&context, &windows, &stage.limits)
        .unwrap();
    for frame in 0..5 {
        instance
            .compute_into(u64::from(frame), &[0, 0, frame % 2, (frame + 1) % 2])
            .unwrap();
        assert_eq!(stage.output.get(0), frame + 1);
    }
}

/// What a test saw of a guest's messages: level, text, and how many were dropped before.
type Seen = Arc<Mutex<Vec<(LogLevel, String, u64)>>>;

fn listening() -> (Engine, Seen) {
    let seen = Seen::default();
    let messages = Arc::clone(&seen);
    let engine = Engine::new(EngineOptions {
        log: Arc::new(move |message| {
            assert_eq!(message.stage, "stage");
            let row = (message.level, message.text.to_owned(), message.dropped);
            messages.lock().unwrap().push(row);
        }),
        ..options()
    })
    .unwrap();
    (engine, seen)
}

const LOG: &str = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;

#[test]
fn messages_are_cleaned_and_bounded() {
    let (engine, seen) = listening();
    let stage = Stage::on(
        &engine,
        &kernel(&[
            ("imports", LOG),
            (
                "declarations",
                r#"(data (i32.const 64) "two\nlines \1b[31mred\00")"#,
            ),
            (
                "compute",
                "(call $log (i32.const 2) (i32.const 64) (i32.const 19))
                 (memory.fill (i32.const 4096) (i32.const 0x41) (i32.const 60000))
                 (call $log (i32.const 0) (i32.const 4096) (i32.const 60000))",
            ),
        ]),
    );
    stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
    let seen = seen.lock().unwrap();
    let first = (
        LogLevel::Warn,
        "two lines \u{fffd}[31mred\u{fffd}".to_owned(),
        0,
    );
    assert_eq!(seen[0], first);
    assert_eq!(seen[1].1.chars().count(), 501, "500 and the mark of a cut");
}

#[test]
fn a_flood_of_messages_is_counted_and_dropped() {
    let (engine, seen) = listening();
    let flood = "(local $i i32)
         (loop $again
           (call $log (i32.const 1) (i32.const 64) (i32.const 4))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 100000))))";
    let stage = Stage::on(&engine, &kernel(&[("imports", LOG), ("compute", flood)]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    let passed = seen.lock().unwrap().len();
    assert!(
        passed <= 2 * stage.limits.log_rate as usize,
        "{passed} messages"
    );
    std::thread::sleep(std::time::Duration::from_millis(1100));
    instance.compute_into(1, &[0, 0]).unwrap();
    let seen = seen.lock().unwrap();
    let dropped: u64 = seen.iter().map(|message| message.2).sum();
    assert!(dropped >= 99_000, "{dropped} dropped messages are reported");
}

#[test]
fn a_message_that_is_not_text_is_a_trap() {
    let (engine, seen) = listening();
    let stage = Stage::on(
        &engine,
        &kernel(&[
            ("imports", LOG),
            ("declarations", r#"(data (i32.const 64) "\ff\fe")"#),
            (
                "compute",
                "(call $log (i32.const 2) (i32.const 64) (i32.const 2))",
            ),
        ]),
    );
    let fault = stage.open().unwrap().compute_into(0, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, Cause::Trap, "{fault}");
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn engines_are_shared_and_instances_move_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Engine>();
    shared::<sandpipe::sandbox::Program>();
    moved::<sandpipe::sandbox::Instance>();
}
