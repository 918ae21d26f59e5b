//! Everything around a run dies again and again: its workers, a producer and the consumers; the run goes on and loses nothing
//! that it does not count.
//!
//! Takes 15 s, or as many as `SANDPIPE_CHAOS_SECONDS` says.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandpipe::endpoint::npy;
use sandpipe::stream;
use serde_json::Value;

use super::chance::Chance;
use super::harness::{PATIENCE, Running, Workbench, text};
use super::outside::frame_comes;
use super::remains::{children, no_process_of, of_streams};
use super::support::{Child, frame, peer, run};

/// Numbers in a frame.
const LENGTH: usize = 4096;
/// Of the first frame that is written at the end.
const LAST: u64 = 1_000_000_000;

/// Two confined stages and one on a thread. The second takes every frame, so that what the first publishes waits for it.
fn pipeline() -> String {
    let streams: String = ["x", "m", "n", "y"]
        .iter()
        .map(|name| format!("  - {{name: {name}, shape: [{LENGTH}], dtype: uint64}}\n"))
        .collect();
    let rule =
        "isolation: process, on_fault: {action: restart, max_restarts: 1000000, backoff: 1ms}";
    format!(
        "
lanes: spread
shared_memory:
{streams}
kernels:
  - {{name: first, kind: cpu.copy, input: x, output: m, {rule}}}
  - {{name: second, kind: cpu.copy, input: m, output: n, delivery: every, {rule}}}
  - {{name: third, kind: cpu.copy, input: n, output: y, delivery: every}}
sinks:
  - {{name: record, kind: file.npy, stream: y, delivery: every, parameters: {{path: record.npy, limit: 3000}}}}
"
    )
}

/// Something from outside that is started anew whenever it was killed.
struct Outsider {
    start: Box<dyn Fn() -> Child>,
    child: Child,
}

impl Outsider {
    fn new(start: impl Fn() -> Child + 'static) -> Outsider {
        Outsider {
            child: start(),
            start: Box::new(start),
        }
    }

    /// Kills it, which must still have been at work: had it seen a torn frame, it would have ended.
    fn kill_and_replace(&mut self) {
        self.child.kill_while_it_runs();
        self.child = (self.start)();
    }
}

/// Kills one of the run's workers, if there is any just now.
fn kill_a_worker(chance: &mut Chance, run: &Running<'_>) -> u64 {
    let mut workers = children(run.id());
    workers.retain(|(role, _)| role == "stage");
    if workers.is_empty() {
        return 0;
    }
    let (_, worker) = workers[chance.below(workers.len() as u64) as usize];
    // It may have been killed already, and not be gone yet.
    u64::from(kill_process(Pid::from_raw(worker).unwrap(), Signal::KILL).is_ok())
}

fn number(report: &Value, path: &[&str]) -> u64 {
    let value = path.iter().fold(report, |value, key| &value[key]);
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number {path:?} in {report}"))
}

#[test]
fn everything_dies_again_and_again_and_every_frame_is_accounted_for() {
    let seconds =
        std::env::var("SANDPIPE_CHAOS_SECONDS").map_or(15, |seconds| seconds.parse().unwrap());
    let mut chance = Chance::new();
    let bench = Workbench::new("chaos");
    bench.pipeline(&pipeline());
    let mut pipeline = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    pipeline.wait_for("y", 0);
    let (x, y) = (bench.stream("x"), bench.stream("y"));
    let mut producer = Outsider::new({
        let x = x.clone();
        move || Child::spawn(&mut peer(&["flood", &x, "3600"]))
    });
    let mut viewer = Outsider::new({
        let y = y.clone();
        move || Child::spawn(&mut peer(&["view", &y, "0"]))
    });
    let mut consumer = Outsider::new({
        let role = format!("latest {y}");
        move || Child::of_this_program("outside::consumer", &role)
    });

    // A worker that is killed before the run has started is a reason not to start.
    pipeline.wait_for("y", 1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut kills, mut rounds) = (0, 0);
    let (mut published, mut since) = (0, Instant::now());
    while Instant::now() < end {
        chance.sleep_up_to(Duration::from_millis(200));
        match chance.below(6) {
            0 => producer.kill_and_replace(),
            1 => viewer.kill_and_replace(),
            2 => consumer.kill_and_replace(),
            _ => kills += kill_a_worker(&mut chance, &pipeline),
        }
        rounds += 1;
        if !pipeline.is_running() {
            let output = pipeline.output();
            panic!(
                "the run has ended: {}{}",
                text(&output.stderr),
                text(&output.stdout)
            );
        }
        let now = stream::info(&y).unwrap().ring.unwrap().published;
        if now != published {
            (published, since) = (now, Instant::now());
        }
        assert!(
            since.elapsed() < PATIENCE,
            "nothing moves after frame {published}"
        );
    }
    println!("{rounds} rounds, {kills} workers killed, {published} frames");
    assert!(published > 100, "only {published} frames");
    assert!(kills > seconds, "only {kills} workers were killed");

    // When all is quiet, frames go through all stages, behind everything that waited. A worker that was killed while it had
    // nothing to do is noticed with the next frame, which is lost then: one for each of the two.
    drop((producer, viewer, consumer));
    let mut comes = |number: &u64| {
        run(&mut peer(&["write", &x, &number.to_string()]));
        frame_comes(&mut pipeline, &y, *number, PATIENCE / 10)
    };
    assert!(
        (LAST..LAST + 10).any(|number| comes(&number)),
        "nothing moves"
    );
    let written = stream::info(&x).unwrap().count;
    let id = pipeline.id();
    pipeline.signal(Signal::INT);
    let output = pipeline.output();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{report}");
    no_process_of(id);
    assert!(
        of_streams(&bench, &["x", "m", "n", "y"]).is_empty(),
        "streams are left"
    );

    let of = |path: &[&str]| number(&report, path);
    assert_eq!(
        of(&["streams", "x", "published"]) + of(&["streams", "x", "missed"]),
        written,
        "{report}"
    );
    for (stage, input, output) in [
        ("first", "x", "m"),
        ("second", "m", "n"),
        ("third", "n", "y"),
    ] {
        let [frames, skipped, dropped, faults, restarts] =
            ["frames", "skipped", "dropped", "faults", "restarts"]
                .map(|what| of(&["stages", stage, what]));
        assert_eq!(
            of(&["streams", input, "published"]),
            frames + skipped + dropped,
            "{stage}: {report}"
        );
        assert_eq!(
            of(&["streams", output, "published"]),
            frames,
            "{stage}: {report}"
        );
        // A worker killed while it starts costs no frame, and one more start.
        assert!(dropped <= faults && restarts <= faults, "{stage}: {report}");
        assert!(
            stage == "first" || skipped == 0,
            "{stage} is to get every frame: {report}"
        );
    }
    let faults = of(&["stages", "first", "faults"]) + of(&["stages", "second", "faults"]);
    assert!(
        faults > 0 && faults <= kills,
        "{faults} faults of {kills} kills: {report}"
    );
    for fault in report["faults"].as_array().unwrap() {
        assert_eq!(fault["cause"], "worker", "{fault}");
    }
    let (_, recorded) = npy::read(&bench.path("record.npy")).unwrap();
    let mut last = 0;
    for bytes in recorded.chunks_exact(8 * LENGTH) {
        let first = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert!(
            bytes == frame(first / 1_000_003, LENGTH),
            "a torn frame, beginning {first}"
        );
        last = first;
    }
    assert!(last > 0);
}
