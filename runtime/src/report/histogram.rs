//! A histogram that one thread writes and others may read at any time, without a lock.
//!
//! The buckets are log-linear: 64 to an octave, so a reported value is within 1.6 % of the true one.
//! HdrHistogram cannot be read while it is written; [`Recorder::snapshot`] fills one from the counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Buckets per octave, as a power of two.
const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
/// Values from 2^40 ns (18 minutes) on share the last bucket.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = ((MAX_BITS - SUB_BITS + 1) << SUB_BITS) as usize;

/// Counts of durations in nanoseconds. One writer, any number of readers.
pub struct Recorder {
    counts: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            max: AtomicU64::new(0),
        }
    }
}

/// The bucket of a value: exact below 64, then the octave and its upper six bits.
fn bucket(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    if value < SUB {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    (((shift as u64 + 1) << SUB_BITS) + ((value >> shift) - SUB)) as usize
}

/// The middle of the values that share a bucket.
fn value_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * SUB {
        return bucket;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    ((SUB + bucket % SUB) << shift) + (1 << shift) / 2
}

impl Recorder {
    /// Counts one duration. To be called by the one writing thread: a load and a store, no locked instruction.
    pub fn record(&self, nanoseconds: u64) {
        let count = &self.counts[bucket(nanoseconds)];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if nanoseconds > self.max.load(Ordering::Relaxed) {
            self.max.store(nanoseconds, Ordering::Relaxed);
        }
    }

    /// Adds the counts so far to `into`, in nanoseconds.
    fn add_to(&self, into: &mut Histogram<u64>) {
        for (index, count) in self.counts.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                into.saturating_record_n(value_of(index), count);
            }
        }
    }

    /// The distribution of what has been recorded so far.
    pub fn snapshot(&self) -> Distribution {
        Distribution::of([self])
    }
}

/// A distribution of durations, read at one moment.
pub struct Distribution {
    /// `None` where nothing was recorded.
    histogram: Option<Histogram<u64>>,
    /// The largest value, in nanoseconds, to the last one.
    max: u64,
}

impl Distribution {
    /// The distribution of several recorders together.
    pub fn of<'a>(recorders: impl IntoIterator<Item = &'a Recorder>) -> Self {
        // The bounds are constants that hdrhistogram accepts; were they not, nothing would be reported.
        let mut histogram = Histogram::new_with_bounds(1, 1 << MAX_BITS, 3).ok();
        let mut max = 0;
        if let Some(histogram) = &mut histogram {
            for recorder in recorders {
                recorder.add_to(histogram);
                max = max.max(recorder.max.load(Ordering::Relaxed));
            }
        }
        Self {
            histogram: histogram.filter(|histogram| !histogram.is_empty()),
            max,
        }
    }

    /// The duration below which a share `quantile` (0 to 1) lies, or `None` where nothing was recorded.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        self.histogram
            .as_ref()
            .map(|histogram| Duration::from_nanos(histogram.value_at_quantile(quantile)))
    }

    /// The same in microseconds, as reports print it.
    pub fn microseconds(&self, quantile: f64) -> Option<f64> {
        self.quantile(quantile).map(microseconds)
    }

    /// The longest duration, exactly, in microseconds.
    pub fn max_microseconds(&self) -> Option<f64> {
        self.histogram
            .as_ref()
            .map(|_| microseconds(Duration::from_nanos(self.max)))
    }
}

fn microseconds(duration: Duration) -> f64 {
    (duration.as_nanos() as f64 / 1e3 * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_within_their_error() {
        assert!((0..200_000u64).all(|v| bucket(v + 1) - bucket(v) <= 1));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        for value in [0, 1, 63, 64, 127, 128, 1000, 123_456, 987_654_321] {
            let error = value_of(bucket(value)).abs_diff(value) as f64;
            assert!(error <= value as f64 * 0.016, "{value}: off by {error}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_recorded_values() {
        let recorder = Recorder::default();
        assert!(recorder.snapshot().quantile(0.5).is_none());
        (1..=1000).for_each(|us| recorder.record(us * 1000));
        let distribution = recorder.snapshot();
        let median = distribution.microseconds(0.5).unwrap();
        let worst = distribution.max_microseconds().unwrap();
        assert!((490.0..=510.0).contains(&median), "{median}");
        assert_eq!(worst, 1000.0);
    }
}
