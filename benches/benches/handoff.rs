//! From one thread to another, and from one stage to the next on one lane.
//!
//! - Half a round trip of a number between two threads: over one cache line, by a bare futex, and over two rings, spinning and
//!   parked. All take turns, so that they meet the same placement of the processors and the same noise.
//! - What a stage adds on a lane: chains of `cpu.copy` on 64 bytes, as fast as the source gives frames.
//!
//! `cargo bench -p sandpipe-benches --bench handoff`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may panic, and says what it found"
)]

use std::fs;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::thread::futex;
use sandpipe::array::{ArrayType, Dtype};
use sandpipe::pipeline::{Plan, Run, RunHandle, RunOptions};
use sandpipe::stream::{Delivery, Mirror, Mode, Reader, Stamp, Stream, StreamSpec, Writer, wait};
use sandpipe_benches::engine;

const ROUNDS: usize = 15;
const SPINNING: u64 = 20_000;
const PARKED: u64 = 1_000;
/// The number that ends a partner.
const END: u32 = u32::MAX;

/// A way for a number to get from one thread to another.
trait Way: Send {
    fn send(&mut self, number: u32);
    /// Waits for the next number.
    fn receive(&mut self) -> u32;
}

#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU32);

/// One cache line each way.
struct Bare {
    to: Arc<Line>,
    from: Arc<Line>,
    seen: u32,
    /// Sleeps instead of spinning.
    futex: bool,
}

impl Bare {
    fn pair(futex: bool) -> [Box<dyn Way>; 2] {
        let (a, b) = (Arc::new(Line::default()), Arc::new(Line::default()));
        [(a.clone(), b.clone()), (b, a)].map(|(to, from)| {
            let seen = 0;
            Box::new(Bare {
                to,
                from,
                seen,
                futex,
            }) as Box<dyn Way>
        })
    }
}

impl Way for Bare {
    fn send(&mut self, number: u32) {
        self.to.0.store(number, Ordering::Release);
        if self.futex {
            futex::wake(&self.to.0, futex::Flags::empty(), 1).unwrap();
        }
    }

    fn receive(&mut self) -> u32 {
        loop {
            let number = self.from.0.load(Ordering::Acquire);
            if number != self.seen {
                self.seen = number;
                return number;
            }
            if self.futex {
                // It returns at once where the number has come by now.
                let _ = futex::wait(&self.from.0, futex::Flags::empty(), self.seen, None);
            } else {
                spin_loop();
            }
        }
    }
}

/// One stream each way, the number being the frame's id.
struct Ring {
    writer: Writer,
    reader: Reader,
    spin: Duration,
}

impl Ring {
    fn pair(spin: Duration) -> [Box<dyn Way>; 2] {
        let streams = ["there", "back"].map(|name| {
            let spec = StreamSpec {
                name: format!("sandpipe-bench.{}.{name}", std::process::id()),
                array: ArrayType {
                    dtype: Dtype::F32,
                    shape: vec![16],
                },
                readers: 1,
                every: false,
                slots: None,
                notify: false,
                mirror: Mirror::Never,
                mode: Mode::default(),
            };
            Stream::create(&spec).unwrap()
        });
        [(0, 1), (1, 0)].map(|(to, from)| {
            Box::new(Ring {
                writer: streams[to].writer().unwrap(),
                reader: streams[from].reader(Delivery::Latest).unwrap(),
                spin,
            }) as Box<dyn Way>
        })
    }
}

impl Way for Ring {
    fn send(&mut self, number: u32) {
        let slot = self.writer.begin().unwrap();
        self.writer.publish(slot, Stamp::source(u64::from(number)));
    }

    fn receive(&mut self) -> u32 {
        loop {
            if let Some(taken) = self.reader.next() {
                return taken.frame_id as u32;
            }
            wait(&[self.reader.word()], self.spin, None);
        }
    }
}

/// Half of each round trip, in nanoseconds.
fn half_round_trips(
    mut near: Box<dyn Way>,
    mut far: Box<dyn Way>,
    count: u64,
    times: &mut Histogram<u64>,
) {
    thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let number = far.receive();
                if number == END {
                    break;
                }
                far.send(number);
            }
        });
        for number in 1..=count {
            let start = Instant::now();
            near.send(number as u32);
            assert_eq!(u64::from(near.receive()), number);
            times.saturating_record(start.elapsed().as_nanos() as u64 / 2);
        }
        near.send(END);
    });
}

fn threads() {
    type Make = fn() -> [Box<dyn Way>; 2];
    let ways: [(&str, u64, Make); 4] = [
        ("one cache line, spinning", SPINNING, || Bare::pair(false)),
        ("ring, spinning", SPINNING, || {
            Ring::pair(Duration::from_secs(1))
        }),
        ("a futex", PARKED, || Bare::pair(true)),
        ("ring, parked", PARKED, || Ring::pair(Duration::ZERO)),
    ];
    let mut times = ways.map(|_| Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap());
    for _ in 0..ROUNDS {
        for ((_, count, make), times) in ways.iter().zip(&mut times) {
            let [near, far] = make();
            half_round_trips(near, far, *count, times);
        }
    }
    println!("\n| half a round trip | p50 ns | p99 ns | p50 of the bare one |\n|---|---|---|---|");
    for (index, (name, ..)) in ways.iter().enumerate() {
        let quantile = |of: usize, q| times[of].value_at_quantile(q) as f64;
        let ratio = quantile(index, 0.5) / quantile(index & !1, 0.5);
        let [p50, p99] = [0.5, 0.99].map(|q| quantile(index, q));
        println!("| {name} | {p50} | {p99} | {ratio:.2} |");
    }
}

/// Nanoseconds a frame of a fused chain of so many stages.
fn chain(stages: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    let streams: String = (0..=stages)
        .map(|index| format!("  - {{name: s{index}, shape: [16], dtype: float32}}\n"))
        .collect();
    let kernels: String = (0..stages)
        .map(|index| {
            let next = index + 1;
            format!("  - {{name: k{index}, kind: cpu.copy, input: s{index}, output: s{next}}}\n")
        })
        .collect();
    let text = format!(
        "namespace: sandpipe-bench.{}\nlanes: fused\nshared_memory:\n{streams}sources:\n  - {{name: source, kind: synthetic.array, \
         stream: s0, parameters: {{pattern: constant}}}}\nkernels:\n{kernels}",
        std::process::id()
    );
    fs::write(&path, text).unwrap();
    let plan = Plan::new(&engine(), &path).unwrap();
    let time = Duration::from_secs(1);
    let options = RunOptions {
        duration: Some(time),
        ..RunOptions::default()
    };
    let mut run = Run::start(&plan, options, RunHandle::new()).unwrap();
    while !run.wait(time) {}
    let report = run.finish();
    time.as_nanos() as f64 / report.stages[stages - 1].1.frames as f64
}

fn lane() {
    const LONG: usize = 9;
    let mut added: Vec<f64> = (0..5)
        .map(|_| (chain(LONG) - chain(1)) / (LONG - 1) as f64)
        .collect();
    added.sort_by(f64::total_cmp);
    println!(
        "\none more stage on a lane, `cpu.copy` of 64 bytes: {:.0} ns ({:.0} to {:.0})",
        added[2], added[0], added[4]
    );
}

fn main() {
    threads();
    lane();
}
