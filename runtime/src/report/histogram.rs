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

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            counts: self.counts.iter().map(load).collect(),
            max: load(&self.max),
        }
    }

    /// The distribution of what has been recorded so far.
    pub fn snapshot(&self) -> Distribution {
        Distribution::of([self])
    }
}

/// What recorders had counted at one moment.
#[derive(Clone)]
pub struct Counts {
    counts: Box<[u64]>,
    max: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into(),
            max: 0,
        }
    }
}

impl Counts {
    /// Counts what another has counted as well.
    pub fn add(&mut self, other: &Counts) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.max = self.max.max(other.max);
    }

    /// What was counted after `earlier`. The longest duration is exact if it is longer than all before, else that of its
    /// bucket.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let counts = self.counts.iter().zip(&earlier.counts);
        let counts: Box<[u64]> = counts
            .map(|(now, before)| now.saturating_sub(*before))
            .collect();
        let longest = counts.iter().rposition(|count| *count > 0);
        Counts {
            max: match longest {
                Some(_) if self.max > earlier.max => self.max,
                longest => longest.map_or(0, value_of),
            },
            counts,
        }
    }

    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their distribution.
    pub fn distribution(&self) -> Distribution {
        // The bounds are constants that hdrhistogram accepts; were they not, nothing would be reported.
        let mut histogram = Histogram::new_with_bounds(1, 1 << MAX_BITS, 3).ok();
        for (index, count) in self.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            if let Some(histogram) = &mut histogram {
                histogram.saturating_record_n(value_of(index), *count);
            }
        }
        Distribution {
            histogram: histogram.filter(|histogram| !histogram.is_empty()),
            max: self.max,
        }
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
        let mut counts = Counts::default();
        for recorder in recorders {
            counts.add(&recorder.counts());
        }
        counts.distribution()
    }

    /// Quantiles (0 to 1) with their durations in microseconds, ever closer together towards 1, as HdrHistogram's percentile
    /// plots have them.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let Some(histogram) = &self.histogram else {
            return Vec::new();
        };
        let points = histogram.iter_quantiles(5).map(|point| {
            let value = Duration::from_nanos(point.value_iterated_to().min(self.max));
            (point.quantile_iterated_to(), microseconds(value))
        });
        points.collect()
    }

    /// The duration below which a share `quantile` (0 to 1) lies, or `None` where nothing was recorded.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        self.histogram
            .as_ref()
            .map(|histogram| histogram.value_at_quantile(quantile).min(self.max))
            .map(Duration::from_nanos)
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
    fn what_was_counted_since_leaves_out_what_was_before() {
        let recorder = Recorder::default();
        recorder.record(5_000);
        let before = recorder.counts();
        assert_eq!(recorder.counts().since(&before).total(), 0);
        recorder.record(1_000);
        let since = recorder.counts().since(&before);
        assert_eq!(since.total(), 1);
        let worst = since.distribution().max_microseconds().unwrap();
        assert!((0.98..=1.02).contains(&worst), "{worst}");
        recorder.record(7_777);
        let mut since = recorder.counts().since(&before);
        assert_eq!(since.distribution().max_microseconds(), Some(7.78));
        since.add(&before);
        let curve = since.distribution().curve();
        assert_eq!(since.total(), 3);
        assert!(
            curve
                .windows(2)
                .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1)
        );
        assert_eq!(curve.last(), Some(&(1.0, 7.78)));
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
