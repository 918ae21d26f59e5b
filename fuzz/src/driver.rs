//! Makes inputs out of seeds and random numbers, and watches the target while it reads them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus as Random;
use rand::{RngExt, SeedableRng};

use crate::Target;

/// A target may think about one input for this long, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest input that is made.
const LONGEST: usize = 1 << 20;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so many inputs.
    Inputs(u64),
    /// After this time.
    Time(Duration),
}

/// Runs `target` on inputs that `seed` determines; how many there were.
///
/// An input that the target dies of stays behind in a file, whose name is printed when the target panics or takes too long.
/// After a crash it is `sandpipe-fuzz-PID/input` in the directory for temporary files.
pub fn drive(target: &Target, seed: u64, until: Until) -> u64 {
    let file = crate::directory().join("input");
    let watch = Watch::new(target.name, seed, file.clone());
    let seeds = (target.seeds)();
    let mut inputs = seeds.clone();
    inputs.push(Vec::new());
    let start = Instant::now();
    let mut count = 0;
    loop {
        let over = match until {
            Until::Inputs(inputs) => count >= inputs,
            Until::Time(time) => start.elapsed() >= time,
        };
        if over {
            break;
        }
        let input = match inputs.pop() {
            Some(input) => input,
            None => {
                let mut random = Random::seed_from_u64(seed.wrapping_add(count));
                make(target, &seeds, &mut random)
            }
        };
        fs::write(&file, &input).expect("the input can be kept");
        watch.begin(count);
        (target.run)(&input);
        count += 1;
    }
    watch.end();
    let _ = fs::remove_dir_all(crate::directory());
    count
}

/// Says which input it was when the target panics or takes too long.
struct Watch {
    name: &'static str,
    seed: u64,
    file: PathBuf,
    count: Arc<AtomicU64>,
    done: Option<mpsc::Sender<()>>,
}

impl Watch {
    fn new(name: &'static str, seed: u64, file: PathBuf) -> Watch {
        let (done, ended) = mpsc::channel::<()>();
        let count = Arc::new(AtomicU64::new(0));
        let (seen, path) = (count.clone(), file.clone());
        thread::spawn(move || {
            let mut last = u64::MAX;
            while ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now = seen.load(Ordering::Relaxed);
                if now == last {
                    eprintln!("{name} hangs on {}, made from seed {seed}", path.display());
                    std::process::abort();
                }
                last = now;
            }
        });
        Watch {
            name,
            seed,
            file,
            count,
            done: Some(done),
        }
    }

    fn begin(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
    }

    fn end(mut self) {
        self.done = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            let (name, seed, count) = (self.name, self.seed, self.count.load(Ordering::Relaxed));
            let file = self.file.display();
            eprintln!("{name} fails on {file}, input {count} made from seed {seed}");
        }
    }
}

/// An input: noise where there are no seeds, else one of them, changed in some places.
fn make(target: &Target, seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    if seeds.is_empty() || random.random_ratio(1, 50) {
        let length = 1usize << random.random_range(0..13);
        return (0..length).map(|_| random.random()).collect();
    }
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..8) {
        change(&mut input, target, seeds, random);
    }
    input.truncate(LONGEST);
    input
}

/// Numbers at which something changes.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 63,
    u64::MAX,
];

fn change(input: &mut Vec<u8>, target: &Target, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.random_range(0..=input.len());
    let most = 1usize << random.random_range(1..8);
    let end = (at + random.random_range(0..most)).min(input.len());
    match random.random_range(0..7) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = random.random(),
        2 => drop(input.drain(at..end)),
        3 => {
            let copied = input[at..end].to_vec();
            let to = random.random_range(0..=input.len());
            input.splice(to..to, copied);
        }
        4 if !target.pieces.is_empty() => {
            let piece = target.pieces[random.random_range(0..target.pieces.len())];
            input.splice(at..at, piece.bytes());
        }
        5 => {
            let other = &seeds[random.random_range(0..seeds.len())];
            let from = random.random_range(0..=other.len());
            let to = (from + (end - at)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let number = EDGES[random.random_range(0..EDGES.len())].to_le_bytes();
            let width = 1usize << random.random_range(0..4);
            let end = (at + width).min(input.len());
            input.splice(at..end, number[..width].iter().copied());
        }
    }
}
