//! Kernels that trap, fail, break the contract or want too much memory.

use crate::harness::{Ring, Stage, context, kernel};
use sandpipe::sandbox::{Access, Cause, Code, Fault, Instance, Limits};

/// Opens a kernel and calls it once.
fn run(parts: &[(&str, &str)]) -> (Fault, Instance, Stage) {
    let stage = Stage::new(&kernel(parts));
    let mut instance = stage.open().unwrap();
    let fault = instance.compute_into(3, &[0, 0]).unwrap_err();
    (fault, instance, stage)
}

#[test]
fn a_trap_says_what_and_where() {
    for (body, what) in [
        ("unreachable", "unreachable"),
        (
            "(drop (i32.load (i32.const 0x10000000)))",
            "memory fault at wasm address 0x10000000",
        ),
        (
            "(drop (i32.load offset=0xffffffff (i32.const -1)))",
            "out of bounds memory access",
        ),
        (
            "(i32.store (i32.const -1) (i32.const 0))",
            "out of bounds memory access",
        ),
        (
            "(memory.fill (i32.const -10) (i32.const 0) (i32.const 100))",
            "out of bounds memory access",
        ),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            "integer divide by zero",
        ),
        (
            "(drop (i32.trunc_f32_s (f32.const nan)))",
            "invalid conversion to integer",
        ),
        ("(call $down)", "call stack exhausted"),
        ("(call_indirect (i32.const 0))", "uninitialized element"),
    ] {
        let declarations = "(table 1 funcref) (func $down (call $down) (call $down))
            (func $culprit (result i32) unreachable)";
        let (fault, mut instance, _stage) =
            run(&[("declarations", declarations), ("compute", body)]);
        assert_eq!(fault.cause, Cause::Trap, "{fault}");
        assert!(fault.message.contains(what), "{what:?} is not in {fault}");
        assert!(instance.is_dead());
        assert_eq!(
            instance.compute_into(4, &[0, 0]).unwrap_err().cause,
            Cause::Dead
        );
    }
    let (fault, ..) = run(&[
        ("declarations", "(func $culprit unreachable)"),
        ("compute", "(call $culprit)"),
    ]);
    assert!(fault.message.contains("(in culprit < "), "{fault}");
}

#[test]
fn a_function_cannot_write_to_the_terminal_by_its_name() {
    let text = kernel(&[
        ("declarations", "(func $culprit unreachable)"),
        ("compute", "(call $culprit)"),
    ])
    .replace("$culprit", "$\"evil\\1b[2J\\n\\u{202e}\"");
    let fault = Stage::new(&text)
        .open()
        .unwrap()
        .compute_into(0, &[0, 0])
        .unwrap_err();
    assert!(fault.message.contains("evil\u{fffd}[2J"), "{fault:?}");
    assert!(!fault.message.chars().any(char::is_control));
}

const MESSAGE: (&str, &str) = (
    "declarations",
    r#"(data (i32.const 64) "no\nstar \1b[1mfound")"#,
);

#[test]
fn a_reported_failure_leaves_the_instance_alive() {
    for (code, expected) in [
        (0, Code::Arity),
        (1, Code::Dtype),
        (2, Code::Shape),
        (3, Code::Parameter),
        (4, Code::Failed),
    ] {
        let fail = format!(
            "(if (i64.eq (local.get $frame_id) (i64.const 3))
               (then (return (call $fail (i32.const {code}) (i32.const 64) (i32.const 17)))))"
        );
        let (fault, mut instance, stage) = run(&[MESSAGE, ("compute", &fail)]);
        assert_eq!(fault.cause, Cause::Failed(expected));
        assert_eq!(fault.message, "no star \u{fffd}[1mfound");
        assert!(!instance.is_dead());
        stage.input.put(0, 1);
        instance.compute_into(4, &[0, 0]).unwrap();
        assert_eq!(stage.output.get(0), 2);
    }
}

#[test]
fn validation_and_init_report_their_failures() {
    let fail = "(return (call $fail (i32.const 2) (i32.const 64) (i32.const 2)))";
    let stage = Stage::new(&kernel(&[MESSAGE, ("validate", fail)]));
    let fault = stage
        .program
        .validate_config(&context(), &stage.limits)
        .unwrap_err();
    assert_eq!(
        (fault.cause, fault.message.as_str()),
        (Cause::Failed(Code::Shape), "no")
    );
    stage.open().unwrap();

    let stage = Stage::new(&kernel(&[MESSAGE, ("init", fail)]));
    assert_eq!(
        stage.program.validate_config(&context(), &stage.limits),
        Ok(())
    );
    assert_eq!(
        stage.open().err().unwrap().cause,
        Cause::Failed(Code::Shape)
    );
}

#[test]
fn a_failure_without_a_message_gets_one() {
    let (fault, ..) = run(&[(
        "compute",
        "(return (call $fail (i32.const 4) (i32.const 0) (i32.const 0)))",
    )]);
    assert_eq!(fault.message, "The kernel failed and did not say why.");
}

#[test]
fn a_huge_message_is_cut() {
    let (fault, ..) = run(&[(
        "compute",
        "(local $at i32)
         (local.set $at (i32.mul (memory.grow (i32.const 160)) (i32.const 65536)))
         (memory.fill (local.get $at) (i32.const 0x41) (i32.const 10000000))
         (return (call $fail (i32.const 4) (local.get $at) (i32.const 10000000)))",
    )]);
    assert_eq!(fault.cause, Cause::Failed(Code::Failed));
    assert!(
        fault.message.chars().count() <= 1001,
        "{}",
        fault.message.len()
    );
}

#[test]
fn a_damaged_result_is_a_trap() {
    for body in [
        "(return (call $fail (i32.const 99) (i32.const 64) (i32.const 2)))",
        "(return (call $fail (i32.const 4) (i32.const -4) (i32.const 100)))",
        "(return (call $fail (i32.const 4) (i32.const 64) (i32.const -1)))",
        "(i32.store8 (i32.const 16) (i32.const 7)) (return (i32.const 16))",
        "(return (i32.const -4))",
        "(return (i32.const 17))",
        "(i32.store8 (i32.const 64) (i32.const 0xff)) (return (call $fail (i32.const 4) (i32.const 64) (i32.const 1)))",
    ] {
        let (fault, instance, _stage) = run(&[("compute", body)]);
        assert_eq!(fault.cause, Cause::Trap, "{body}: {fault}");
        assert!(instance.is_dead());
    }
}

#[test]
fn a_bad_allocator_is_a_trap() {
    for body in [
        "(return (i32.const 0xfffffff0))",
        "(return (i32.const 0x7fffffff))",
        "(return (i32.const 3))",
        "unreachable",
        "(call $log (i32.const 0) (i32.const 0) (i32.const 0))",
    ] {
        let log = r#"(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
        let text = kernel(&[("imports", log)])
            .replace("(local $at i32)", &format!("(local $at i32) {body}"));
        let stage = Stage::new(&text);
        let validated = stage.program.validate_config(&context(), &stage.limits);
        assert_eq!(validated.unwrap_err().cause, Cause::Trap, "{body}");
        assert_eq!(stage.open().err().unwrap().cause, Cause::Trap, "{body}");
    }
}

#[test]
fn a_trap_while_tidying_up_is_a_trap() {
    let post = r#"(func (export "cabi_post_sandpipe:kernel/mapped@0.1.0#compute-into") (param i32) unreachable)"#;
    let (fault, instance, _stage) = run(&[("declarations", post)]);
    assert_eq!(fault.cause, Cause::Trap, "{fault}");
    assert!(instance.is_dead());
}

#[test]
fn an_unusable_answer_of_reserve_is_refused() {
    for (answer, words) in [
        ("(i32.const 0)", "returned 0"),
        ("(i32.const 65537)", "not a multiple of 4096"),
        ("(i32.const -1)", "not a multiple of 4096"),
        ("(i32.const 0xfffff000)", "past the end"),
        (
            "(i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4096))",
            "past the end",
        ),
        ("(i32.mul (memory.size) (i32.const 65536))", "past the end"),
    ] {
        let stage = Stage::new(&kernel(&[("reserve", &format!("(return {answer})"))]));
        let (input, output) = (stage.input.bytes(), stage.output.bytes());
        let fault = stage.open().err().unwrap();
        assert_eq!(fault.cause, Cause::Contract, "{answer}: {fault}");
        assert!(fault.message.contains(words), "{answer}: {fault}");
        assert!(stage.input.bytes() == input && stage.output.bytes() == output);
    }
}

#[test]
fn a_block_over_the_kernels_own_data_harms_the_kernel_alone() {
    // Everything the guest has lies in the block: its results are now read from its input's window.
    let stage = Stage::new(&kernel(&[("reserve", "(return (i32.const 4096))")]));
    let input = stage.input.bytes();
    if let Ok(mut instance) = stage.open() {
        let _ = instance.compute_into(0, &[0, 0]);
    }
    assert!(stage.input.bytes() == input);
}

#[test]
fn a_kernel_that_goes_on_using_the_block_is_told() {
    let declarations = "(global $block (mut i32) (i32.const 0))";
    let reserve = "(global.set $block (i32.mul (memory.size) (i32.const 65536)))";
    for place in [
        "(global.get $block)",
        "(i32.add (global.get $block) (i32.const 4092))",
    ] {
        let stage = Stage::new(&kernel(&[
            ("declarations", declarations),
            ("reserve", reserve),
            ("init", &format!("(i32.store {place} (i32.const 5))")),
        ]));
        let fault = stage.open().err().unwrap();
        assert_eq!(fault.cause, Cause::Contract, "{fault}");
        assert!(fault.message.contains("reserve"), "{fault}");
    }
}

#[test]
fn memory_that_grows_and_grows_meets_its_limit() {
    let bomb =
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let (fault, ..) = run(&[("compute", bomb)]);
    assert_eq!(fault.cause, Cause::Memory, "{fault}");
    assert!(fault.message.contains("67108864"), "{fault}");

    // A kernel that takes the refusal well goes on.
    let polite = "(drop (memory.grow (i32.const 60000)))";
    let stage = Stage::new(&kernel(&[("compute", polite)]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    // And a later trap is not blamed on memory.
    let later = "(if (i64.eq (local.get $frame_id) (i64.const 0))
          (then (drop (memory.grow (i32.const 60000)))) (else unreachable))";
    let stage = Stage::new(&kernel(&[("compute", later)]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    assert_eq!(
        instance.compute_into(1, &[0, 0]).unwrap_err().cause,
        Cause::Trap
    );
}

#[test]
fn windows_do_not_count_as_memory() {
    // The limit is what the module begins with; the windows come on top.
    let mut stage = Stage::new(&kernel(&[]));
    stage.limits.memory = 2 << 16;
    stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
    stage.limits.memory -= 1;
    let fault = stage
        .program
        .validate_config(&context(), &stage.limits)
        .unwrap_err();
    assert_eq!(fault.cause, Cause::Memory, "{fault}");
}

#[test]
fn a_table_that_grows_and_grows_meets_its_limit() {
    let (fault, ..) = run(&[
        ("declarations", "(table $t 1 funcref)"),
        (
            "compute",
            "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable",
        ),
    ]);
    assert_eq!(fault.cause, Cause::Memory, "{fault}");
}

#[test]
fn the_callers_own_mistakes_are_told() {
    let stage = Stage::new(&kernel(&[]));
    let input = stage.input.window(Access::Read);
    let output = stage.output.window(Access::Write);
    let open = |windows: &[_]| {
        stage
            .program
            .open(&context(), windows, &Limits::default())
            .map(drop)
            .unwrap_err()
            .cause
    };
    assert_eq!(open(&[input]), Cause::Host);
    assert_eq!(open(&[output, input]), Cause::Host);
    let mut bad = output;
    bad.stride = 100;
    assert_eq!(open(&[input, bad]), Cause::Host);
    let mut bad = output;
    bad.slots = 4;
    assert_eq!(open(&[input, bad]), Cause::Segment { window: 1 });

    let mut instance = stage.open().unwrap();
    for slots in [&[0][..], &[0, 0, 0], &[3, 0], &[0, u32::MAX]] {
        assert_eq!(
            instance.compute_into(0, slots).unwrap_err().cause,
            Cause::Host
        );
    }
    assert!(!instance.is_dead());
    instance.compute_into(0, &[0, 0]).unwrap();
}

#[test]
fn a_file_that_cannot_be_mapped_is_told() {
    let stage = Stage::new(&kernel(&[]));
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let mut window = stage.output.window(Access::Write);
    window.file = std::os::fd::AsFd::as_fd(&file);
    let windows = [stage.input.window(Access::Read), window];
    let fault = stage
        .program
        .open(&context(), &windows, &stage.limits)
        .err()
        .unwrap();
    assert_eq!(fault.cause, Cause::Host, "{fault}");
    drop(Ring::new(0));
}

/// Set in a process that gets no address space.
const CHILD: &str = "SANDPIPE_NO_ADDRESS_SPACE";

#[test]
fn child_without_address_space() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    use rustix::process::{Resource, Rlimit, setrlimit};
    let stage = Stage::new(&kernel(&[]));
    let limit = Rlimit {
        current: Some(3 << 30),
        maximum: None,
    };
    setrlimit(Resource::As, limit).unwrap();
    let fault = stage.open().err().unwrap();
    assert_eq!(fault.cause, Cause::Host, "{fault}");
}

#[test]
fn no_address_space_is_not_the_kernels_fault() {
    crate::harness::in_a_process_of_its_own("faults::child_without_address_space", CHILD);
}
