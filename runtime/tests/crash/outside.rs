//! `kill -9`, and stops, of the processes that write and read a running pipeline's streams.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sandpipe::endpoint::npy;
use sandpipe::stream::{self, Delivery, Stream};

use super::chance::Chance;
use super::harness::{PATIENCE, Running, Workbench};
use super::remains::of_streams;
use super::support::{Child, frame, peer, role, run};

/// Numbers in a frame: 128 KiB, so that a write takes long enough to be killed in.
const LENGTH: usize = 16 * 1024;
/// How long one set of outside processes lives.
const LIFE: Duration = Duration::from_millis(300);
/// Of the frame that is written at the very end.
const LAST: u64 = 1_000_000_000;

/// Reads every frame that it can and checks it: a process that is killed while it holds a slot.
#[test]
fn consumer() {
    let Some(role) = role() else { return };
    let (delivery, name) = role.split_once(' ').unwrap();
    let delivery = if delivery == "every" {
        Delivery::Every
    } else {
        Delivery::Latest
    };
    let stream = Stream::join(name).unwrap();
    let mut reader = stream.reader(delivery).unwrap();
    let mut bytes = vec![0; stream.bytes()];
    println!("consumer: reading");
    loop {
        stream::wait(&[reader.word()], Duration::ZERO, None);
        if let Some(taken) = reader.next() {
            reader.read(&taken, &mut bytes).unwrap();
            assert_eq!(
                bytes,
                frame(taken.frame_id, bytes.len() / 8),
                "torn frame {taken:?}"
            );
            if taken.frame_id > LAST {
                println!("consumer: frame {}", taken.frame_id);
            }
        }
    }
}

fn signal(process: u32, signal: Signal) {
    let process = rustix::process::Pid::from_raw(process as i32).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

/// Waits until the newest frame of a stream is this one, and whole: at most so long. Whether it came.
pub fn frame_comes(run: &mut Running<'_>, name: &str, number: u64, patience: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Ok(newest) = stream::read_frame(name)
            && newest.frame_id == number
        {
            assert!(
                newest.bytes == frame(number, newest.bytes.len() / 8),
                "torn"
            );
            return true;
        }
        assert!(run.is_running(), "the run has ended");
        thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn producers_and_consumers_killed_at_any_moment_tear_nothing_and_hold_nothing_up() {
    let mut chance = Chance::new();
    let bench = Workbench::new("outside");
    bench.pipeline(&format!(
        "
shared_memory:
  - {{name: x, shape: [{LENGTH}], dtype: uint64}}
  - {{name: y, shape: [{LENGTH}], dtype: uint64}}
kernels:
  - {{name: copy, kind: cpu.copy, input: x, output: y}}
sinks:
  - {{name: record, kind: file.npy, stream: y, parameters: {{path: record.npy, limit: 500}}}}
"
    ));
    let mut pipeline = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    pipeline.wait_for("y", 0);
    let (x, y) = (bench.stream("x"), bench.stream("y"));
    for round in 0..10 {
        let mut producer = Child::spawn(&mut peer(&["flood", &x, "600"]));
        let mut viewer = Child::spawn(&mut peer(&["view", &y, "0"]));
        let delivery = ["every", "latest"][round % 2];
        let mut consumer = Child::of_this_program("outside::consumer", &format!("{delivery} {y}"));
        producer.wait_for("flooding");
        viewer.wait_for("viewing");
        consumer.wait_for("consumer: reading");
        let mut tool: Command = bench.command(&["stream", "read", &y, "-o", "tool.npy"]);
        let mut tool = tool.spawn().unwrap();
        chance.sleep_up_to(LIFE);
        let stopped = [producer.id(), consumer.id()][chance.below(2) as usize];
        signal(stopped, Signal::STOP);
        chance.sleep_up_to(LIFE);
        signal(stopped, Signal::CONT);
        chance.sleep_up_to(LIFE);
        let mut doomed = [&mut producer, &mut consumer];
        doomed.rotate_left(chance.below(2) as usize);
        for process in doomed {
            process.kill_while_it_runs();
            chance.sleep_up_to(LIFE / 10);
        }
        viewer.kill_while_it_runs();
        tool.kill().unwrap();
        tool.wait().unwrap();
    }
    // Whatever they left, what is written now goes through.
    run(&mut peer(&["write", &x, &LAST.to_string()]));
    assert!(
        frame_comes(&mut pipeline, &y, LAST, PATIENCE),
        "nothing moves"
    );
    let mut last = Child::of_this_program("outside::consumer", &format!("every {y}"));
    last.wait_for("consumer: reading");
    run(&mut peer(&["write", &x, &(LAST + 1).to_string()]));
    last.wait_for(&format!("consumer: frame {}", LAST + 1));
    last.kill_while_it_runs();

    pipeline.signal(Signal::INT);
    let output = pipeline.output();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{report}");
    assert_eq!(report["faults"], serde_json::json!([]), "{report}");
    assert!(
        of_streams(&bench, &["x", "y"]).is_empty(),
        "streams are left"
    );
    let (array, recorded) = npy::read(&bench.path("record.npy")).unwrap();
    assert_eq!(array.shape[1..], [LENGTH as u32]);
    for bytes in recorded.chunks_exact(8 * LENGTH) {
        let first = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert!(
            bytes == frame(first / 1_000_003, LENGTH),
            "a torn frame, beginning {first}"
        );
    }
}
