//! What takes a processor away from a program: a loop on each that only reads the clock, and sees where it was not running.

use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::pipeline::{pin, processors};

/// How long to listen.
const LISTEN: Duration = Duration::from_millis(100);
/// Two readings of the clock take some tens of nanoseconds: whatever lies so far apart was something else.
const GAP: Duration = Duration::from_micros(5);
/// More processors are not listened to.
const MOST: usize = 64;

/// What was heard on the processors at one time.
#[derive(Clone, Debug, Serialize)]
pub struct Noise {
    /// Of each processor.
    pub processors: Vec<ProcessorNoise>,
}

/// What was heard on one processor.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessorNoise {
    /// Its number.
    pub processor: usize,
    /// Gaps of at least 5 µs in a second.
    pub gaps_per_s: f64,
    /// Share of the time that they took.
    pub lost: f64,
    /// The longest, in microseconds.
    pub longest_us: f64,
}

impl Noise {
    /// Listens on all processors of this process at once.
    pub fn listen() -> Self {
        let mut numbers = processors();
        numbers.truncate(MOST);
        let heard = thread::scope(|scope| {
            let start = |&processor: &usize| {
                thread::Builder::new().spawn_scoped(scope, move || {
                    pin(processor);
                    listen(processor, LISTEN)
                })
            };
            // Where the system refuses a thread, that processor is not heard.
            let listeners: Vec<_> = numbers
                .iter()
                .filter_map(|number| start(number).ok())
                .collect();
            let ends = listeners
                .into_iter()
                .filter_map(|listener| listener.join().ok());
            ends.collect()
        });
        Self { processors: heard }
    }

    /// The largest share of time that a processor lost.
    pub fn lost(&self) -> f64 {
        self.processors
            .iter()
            .map(|heard| heard.lost)
            .fold(0.0, f64::max)
    }

    /// The longest gap on any processor, in microseconds.
    pub fn longest_us(&self) -> f64 {
        self.processors
            .iter()
            .map(|heard| heard.longest_us)
            .fold(0.0, f64::max)
    }
}

fn listen(processor: usize, time: Duration) -> ProcessorNoise {
    let start = Instant::now();
    let (mut last, mut gaps, mut lost, mut longest) = (start, 0u32, Duration::ZERO, Duration::ZERO);
    while last.duration_since(start) < time {
        let now = Instant::now();
        let gap = now.duration_since(last);
        if gap >= GAP {
            gaps += 1;
            lost += gap;
            longest = longest.max(gap);
        }
        last = now;
    }
    let seconds = last.duration_since(start).as_secs_f64();
    ProcessorNoise {
        processor,
        gaps_per_s: f64::from(gaps) / seconds,
        lost: lost.as_secs_f64() / seconds,
        longest_us: longest.as_secs_f64() * 1e6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_processor_is_listened_to() {
        let noise = Noise::listen();
        assert_eq!(noise.processors.len(), processors().len().min(MOST));
        assert!(
            noise
                .processors
                .iter()
                .all(|heard| (0.0..=1.0).contains(&heard.lost))
        );
        assert!(noise.longest_us() >= 0.0 && noise.lost() <= 1.0);
    }
}
