//! Random times and choices that can be repeated: the seed is printed, and taken from `SANDPIPE_SEED` if that is set.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub struct Chance(StdRng);

impl Chance {
    pub fn new() -> Chance {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = match std::env::var("SANDPIPE_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => u64::from(now().subsec_nanos()),
        };
        println!("SANDPIPE_SEED={seed}");
        Chance(StdRng::seed_from_u64(seed))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end)
    }

    pub fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.0.random())
    }

    pub fn sleep_up_to(&mut self, longest: Duration) {
        thread::sleep(self.up_to(longest));
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.0.random()).collect()
    }
}
