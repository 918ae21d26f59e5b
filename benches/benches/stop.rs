//! What it costs that guests can be stopped, and how late they are stopped.
//!
//! - *price*: every built-in kernel with code that cannot be stopped, that polls a page, and that checks epochs, in turns: the
//!   fastest of many rounds of each, so that what else the machine does falls on all alike, or on none.
//! - *call*: one call end to end, of a kernel that does next to nothing.
//! - *stop*: from the end of a deadline of 2 ms to the fault in the caller's hands; and, in turns with it, how late a thread that
//!   sleeps as long makes itself heard by one that spins, which is what the machine takes by itself.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sandpipe::pipeline::Solo;
use sandpipe::sandbox::{Engine, EngineOptions, Interruption, Limits};
use sandpipe_benches::{Case, Frame, cases, text_kernel};

const WAYS: [Interruption; 3] = [Interruption::None, Interruption::Page, Interruption::Epochs];
const ROUNDS: u32 = 151;
const STOPS: usize = 200;
const DEADLINE: Duration = Duration::from_millis(2);

fn engine(interruption: Interruption) -> Engine {
    let options = EngineOptions {
        interruption: Some(interruption),
        ..EngineOptions::default()
    };
    Engine::new(options).unwrap_or_else(|error| unreachable!("{error}"))
}

fn price(_: &mut Criterion) {
    let engines = WAYS.map(engine);
    eprintln!("\n| kernel | none µs | page | epochs |\n|---|---|---|---|");
    for (name, case) in cases() {
        let mut kernels = engines.each_ref().map(|engine| case.wasm(engine));
        let [none, page, epochs] = fastest(&mut kernels).map(|time| time.as_secs_f64() * 1e6);
        eprintln!(
            "| {name} | {none:.2} | {:.3} | {:.3} |",
            page / none,
            epochs / none
        );
    }
}

/// The time of a call of each, the fastest of [`ROUNDS`] rounds of a millisecond or so.
fn fastest(kernels: &mut [Solo; 3]) -> [Duration; 3] {
    let mut best = [Duration::MAX; 3];
    let once = time(&mut kernels[0], 1);
    let calls = (Duration::from_millis(1).as_nanos() / once.as_nanos().max(1)).clamp(1, 10_000);
    for round in 0..ROUNDS {
        for turn in 0..3 {
            // Another one first in every round.
            let index = (round as usize + turn) % 3;
            let took = time(&mut kernels[index], calls as u32);
            best[index] = best[index].min(took);
        }
    }
    best
}

fn time(kernel: &mut Solo, calls: u32) -> Duration {
    let start = Instant::now();
    for frame_id in 0..calls {
        let outcome = kernel.compute(u64::from(frame_id));
        assert!(outcome.is_ok());
    }
    start.elapsed() / calls
}

fn call(criterion: &mut Criterion) {
    let case = Case::new("cpu.copy")
        .input(Frame::new("x", &[16], |index| index as f32))
        .output(&[16]);
    let mut group = criterion.benchmark_group("call/copy of 64 bytes");
    for way in WAYS {
        let mut kernel = case.wasm(&engine(way));
        group.bench_function(BenchmarkId::from_parameter(way.name()), |bencher| {
            bencher.iter(|| kernel.compute(1))
        });
    }
    group.finish();
}

fn stop(_: &mut Criterion) {
    let shapes = [
        ("empty loop", "", "(loop $l (br $l))"),
        (
            "nested loops",
            "",
            "(loop $a (loop $b (br_if $b (i32.const 1))) (br $a))",
        ),
        (
            "loop of memory.fill 64 KiB",
            "",
            "(loop $l (memory.fill (i32.const 4096) (i32.const 0) (i32.const 65536)) (br $l))",
        ),
        (
            "exponential recursion",
            "(func $down (param $n i32)
               (if (local.get $n) (then
                 (call $down (i32.sub (local.get $n) (i32.const 1)))
                 (call $down (i32.sub (local.get $n) (i32.const 1))))))",
            "(call $down (i32.const 60))",
        ),
        (
            "tail call",
            "(func $again return_call $again)",
            "(call $again)",
        ),
    ];
    let limits = Limits {
        deadline: DEADLINE,
        ..Limits::default()
    };
    let ways = [Interruption::Page, Interruption::Epochs];
    let engines = ways.map(engine);
    let sleeper = Sleeper::start();
    eprintln!("\n| guest | by | late: median µs | p90 | p99 | max |\n|---|---|---|---|---|---|");
    for (shape, declarations, body) in shapes {
        let mut late: [Vec<f64>; 3] = Default::default();
        for _ in 0..STOPS {
            for (engine, late) in engines.iter().zip(&mut late) {
                let mut guest = text_kernel(engine, declarations, body, &limits);
                let start = Instant::now();
                let outcome = guest.compute(1);
                let took = start.elapsed();
                assert!(outcome.is_err() && took >= DEADLINE, "never early");
                late.push((took - DEADLINE).as_secs_f64() * 1e6);
            }
            late[2].push(sleeper.late().as_secs_f64() * 1e6);
        }
        let names = ways.map(Interruption::name).into_iter().chain(["(bare)"]);
        for (name, late) in names.zip(&mut late) {
            late.sort_by(f64::total_cmp);
            let of = |share: f64| late[((STOPS - 1) as f64 * share) as usize];
            let [median, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(of);
            eprintln!("| {shape} | {name} | {median:.0} | {p90:.0} | {p99:.0} | {max:.0} |");
        }
    }
}

/// The bare limit of the machine: a thread that sleeps for the deadline and then sets a word, for which another one spins.
struct Sleeper {
    asked: mpsc::Sender<Instant>,
    done: Arc<AtomicBool>,
}

impl Sleeper {
    fn start() -> Sleeper {
        let (asked, ask) = mpsc::channel::<Instant>();
        let done = Arc::<AtomicBool>::default();
        let set = Arc::clone(&done);
        thread::spawn(move || {
            // As the watchdog does.
            let slack = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            assert!(slack.is_ok());
            for start in ask {
                thread::park_timeout(DEADLINE.saturating_sub(start.elapsed()));
                set.store(true, Ordering::SeqCst);
            }
        });
        Sleeper { asked, done }
    }

    /// How late the word was seen.
    fn late(&self) -> Duration {
        let start = Instant::now();
        let sent = self.asked.send(start);
        assert!(sent.is_ok());
        while !self.done.swap(false, Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        start.elapsed().saturating_sub(DEADLINE)
    }
}

criterion_group!(benches, price, call, stop);
criterion_main!(benches);
