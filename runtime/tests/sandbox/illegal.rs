//! The windows: they are the streams' memory, inputs cannot be changed, and a truncated file kills nobody.

use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{FRAME, Ring, SLOTS, Stage, kernel, maps_of_guest};
use sandpipe::sandbox::{Cause, Instance};

const INPUT: &str = "(i32.load (local.get $frame))";
const OUTPUT: &str = "(i32.load offset=4 (local.get $frame))";

/// Runs one call of a kernel that misbehaves there, checks that the input's bytes stay, and that a new instance works.
fn attack(compute: &str) -> Cause {
    let stage = Stage::new(&kernel(&[(
        "compute",
        &format!("(if (i64.eq (local.get $frame_id) (i64.const 666)) (then {compute}))"),
    )]));
    let before = stage.input.bytes();
    let mut instance = stage.open().unwrap();
    let fault = instance.compute_into(666, &[1, 0]).unwrap_err();
    assert!(stage.input.bytes() == before, "the input has changed");
    assert!(instance.is_dead());
    assert_eq!(
        instance.compute_into(1, &[1, 0]).unwrap_err().cause,
        Cause::Dead
    );
    stage.input.put(2, 5);
    stage.open().unwrap().compute_into(2, &[2, 2]).unwrap();
    assert_eq!(stage.output.get(2), 6);
    fault.cause
}

const ILLEGAL: Cause = Cause::IllegalWrite { window: 0 };

#[test]
fn a_store_into_an_input_is_an_illegal_write() {
    assert_eq!(
        attack(&format!("(i32.store8 {INPUT} (i32.const 9))")),
        ILLEGAL
    );
    assert_eq!(
        attack(&format!("(v128.store {INPUT} (v128.const i64x2 1 2))")),
        ILLEGAL
    );
}

#[test]
fn a_store_across_the_border_changes_nothing() {
    // The input's window ends where the output's begins; slot 1 is not the last, so step to the end.
    let border = format!("(i32.sub {OUTPUT} (i32.const 8))");
    let stage = Stage::new(&kernel(&[(
        "compute",
        &format!("(v128.store {border} (v128.const i64x2 -1 -1))"),
    )]));
    let (input, output) = (stage.input.bytes(), stage.output.bytes());
    let fault = stage.open().unwrap().compute_into(0, &[1, 0]).unwrap_err();
    assert_eq!(fault.cause, ILLEGAL, "{fault}");
    assert!(stage.input.bytes() == input && stage.output.bytes() == output);
}

#[test]
fn a_fill_of_an_input_is_an_illegal_write() {
    assert_eq!(
        attack(&format!(
            "(memory.fill {INPUT} (i32.const 9) (i32.const {FRAME}))"
        )),
        ILLEGAL
    );
    let all = "(memory.fill (i32.const 0) (i32.const 0) (i32.mul (memory.size) (i32.const 65536)))";
    assert_eq!(attack(all), ILLEGAL);
}

#[test]
fn a_copy_into_an_input_is_an_illegal_write() {
    assert_eq!(
        attack(&format!(
            "(memory.copy {INPUT} (i32.const 0) (i32.const 100))"
        )),
        ILLEGAL
    );
    let stage = Stage::new(&kernel(&[
        ("declarations", r#"(data $bytes "0123456789")"#),
        (
            "compute",
            &format!("(memory.init $bytes {INPUT} (i32.const 0) (i32.const 10))"),
        ),
    ]));
    let before = stage.input.bytes();
    let fault = stage.open().unwrap().compute_into(0, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, ILLEGAL);
    assert!(stage.input.bytes() == before);
}

#[test]
fn arguments_that_the_host_is_made_to_write_into_an_input_are_an_illegal_write() {
    // From the second string of `init` on, the allocator hands out the input's window: the host itself then stores there.
    let stage = Stage::new(&kernel(&[
        ("declarations", "(global $block (mut i32) (i32.const 0))"),
        (
            "reserve",
            "(global.set $block (i32.mul (memory.size) (i32.const 65536)))
             (global.set $heap (i32.add (global.get $block) (i32.const 4096)))",
        ),
    ]));
    let before = stage.input.bytes();
    let fault = stage.open().err().unwrap();
    assert_eq!(fault.cause, ILLEGAL, "{fault}");
    assert!(stage.input.bytes() == before);
}

#[test]
fn the_window_is_the_streams_memory() {
    // Shows the address of its input, and that of its output.
    let stage = Stage::new(&kernel(&[(
        "compute",
        &format!(
            "(i32.store {OUTPUT} {INPUT})
             (i32.store offset=4 {OUTPUT} {OUTPUT})
             (return (call $ok))"
        ),
    )]));
    let mut instance = stage.open().unwrap();
    instance.compute_into(0, &[0, 0]).unwrap();
    let inode = |ring: &Ring| rustix::fs::fstat(&ring.file).unwrap().st_ino;
    let bytes = stage.output.bytes();
    let word = |index: usize| {
        let at = FRAME as usize + 4 * index;
        u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
    };

    let maps = maps_of_guest(&stage.input);
    let lines: Vec<Vec<&str>> = maps
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let range = |line: &[&str]| {
        let (from, to) = line[0].split_once('-').unwrap();
        (
            u64::from_str_radix(from, 16).unwrap(),
            u64::from_str_radix(to, 16).unwrap(),
        )
    };
    let find = |ring: &Ring| {
        let inode = inode(ring).to_string();
        let found: Vec<_> = lines.iter().filter(|line| line[4] == inode).collect();
        assert_eq!(found.len(), 1, "mapped once");
        found[0]
    };
    let (input, output) = (find(&stage.input), find(&stage.output));
    assert_eq!((input[1], output[1]), ("r--s", "rw-s"));
    assert_eq!(
        input[2],
        format!("{FRAME:08x}"),
        "its first page is not mapped"
    );
    let (start, end) = range(input);
    assert_eq!(end - start, u64::from(FRAME * SLOTS));
    // Both lie where the guest says, in the same reservation, which begins with the guest's own memory.
    let base = start - word(0);
    assert_eq!(range(output).0 - word(1), base);
    assert!(
        lines
            .iter()
            .any(|line| range(line).0 == base && line[1] == "rw-p")
    );
}

#[test]
fn bytes_pass_between_a_running_guest_and_another_process() {
    // Says 1, waits for another process to write 7, says 2, waits for 8.
    let wait = |value: u32, label: &str| {
        format!("(loop ${label} (br_if ${label} (i32.ne (i32.load {INPUT}) (i32.const {value}))))")
    };
    let stage = Stage::new(&kernel(&[(
        "compute",
        &format!(
            "(i32.store {OUTPUT} (i32.const 1)) {} (i32.store {OUTPUT} (i32.const 2)) {} (return (call $ok))",
            wait(7, "a"),
            wait(8, "b")
        ),
    )]));
    let stage = Stage {
        limits: sandpipe::sandbox::Limits {
            deadline: Duration::from_secs(30),
            ..stage.limits
        },
        ..stage
    };
    let mut instance: Instance = stage.open().unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(move || instance.compute_into(0, &[0, 0]));
        let saw = |value: u32| {
            let start = Instant::now();
            while stage.output.get(0) != value {
                assert!(
                    start.elapsed() < Duration::from_secs(20),
                    "no {value} from the guest"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        saw(1);
        let path = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            stage.input.file.as_raw_fd()
        );
        let script =
            format!("printf '\\007\\000\\000\\000' | dd of={path} bs=1 seek={FRAME} conv=notrunc");
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        saw(2);
        stage.input.put(0, 8);
        call.join().unwrap().unwrap();
    });
}

#[test]
fn a_truncated_input_is_a_fault_and_not_the_end() {
    let stage = Stage::new(&kernel(&[]));
    let mut instance = stage.open().unwrap();
    stage.input.truncate(u64::from(FRAME));
    let fault = instance.compute_into(0, &[0, 0]).unwrap_err();
    assert_eq!(fault.cause, Cause::Segment { window: 0 });
    let reopened = stage.open().err().unwrap();
    assert_eq!(
        reopened.cause,
        Cause::Segment { window: 0 },
        "too short to map"
    );
}

#[test]
fn a_truncated_output_is_a_fault_and_not_the_end() {
    for compute in [
        "",
        "(memory.fill (i32.load offset=4 (local.get $frame)) (i32.const 1) (i32.const 4096))",
    ] {
        let stage = Stage::new(&kernel(&[("compute", compute)]));
        let mut instance = stage.open().unwrap();
        stage.output.truncate(u64::from(FRAME));
        let fault = instance.compute_into(0, &[0, 0]).unwrap_err();
        assert_eq!(fault.cause, Cause::Segment { window: 1 });
    }
}
