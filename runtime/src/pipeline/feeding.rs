//! When sources publish: when they have a frame, or as whoever measures the pipeline wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::stream::{Signal, WaitWord, now_ns};

/// What makes a source publish its next frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feeding {
    /// That it has one.
    #[default]
    AsGiven,
    /// That its last one has reached every end of the graph. The stages measure where the time of a frame goes.
    OneInFlight,
    /// That so much time has passed since its last one was due. Nothing is left out: frames that are late follow at once, and
    /// their latency counts from when they were due, as in wrk2. The stages measure where the time of a frame goes.
    Every(Duration),
}

impl Feeding {
    /// Whether the stages measure where the time of a frame goes: two more looks at the clock for each.
    pub(super) fn measures_parts(self) -> bool {
        self != Feeding::AsGiven
    }

    /// For one source, whose frames arrive where `arrivals` says. One that is lost is not waited for longer than `patience`.
    pub(super) fn feed(self, arrivals: Option<&Arc<Arrivals>>, patience: Duration) -> Feed {
        match (self, arrivals) {
            (Feeding::OneInFlight, Some(arrivals)) => Feed::Arrival {
                arrivals: Arc::clone(arrivals),
                patience,
                give_up: None,
            },
            (Feeding::Every(interval), _) => Feed::Clock {
                interval_ns: interval.as_nanos() as u64,
                due_ns: 0,
            },
            (Feeding::AsGiven | Feeding::OneInFlight, _) => Feed::Free,
        }
    }
}

/// How far the frames have come: the number of the last one at each end of the graph.
pub struct Arrivals {
    ends: Box<[AtomicU64]>,
    changed: Signal,
}

impl Arrivals {
    /// Of a graph with so many ends.
    pub fn new(ends: usize) -> Self {
        Self {
            ends: (0..ends).map(|_| AtomicU64::new(0)).collect(),
            changed: Signal::default(),
        }
    }

    /// A frame was published at an end. To be called by the one thread that publishes there.
    pub fn note(&self, end: usize, frame_id: u64) {
        if let Some(last) = self.ends.get(end) {
            last.store(frame_id, Ordering::Release);
            self.changed.increment();
        }
    }

    fn is_everywhere(&self, frame_id: u64) -> bool {
        let mut ends = self.ends.iter();
        ends.all(|last| last.load(Ordering::Acquire) >= frame_id)
    }
}

/// [`Feeding`] for one source.
pub enum Feed {
    /// Every frame at once.
    Free,
    /// When the last one has arrived.
    Arrival {
        /// Where.
        arrivals: Arc<Arrivals>,
        /// How long to wait for it.
        patience: Duration,
        /// When the wait for the last one ends.
        give_up: Option<Instant>,
    },
    /// By the clock.
    Clock {
        /// Between two frames.
        interval_ns: u64,
        /// When the next one is due, on the clock of [`now_ns`]; 0 before the first.
        due_ns: u64,
    },
}

impl Feed {
    /// Whether the frame after the first `published` may be published.
    pub fn admits(&self, published: u64) -> bool {
        match self {
            Feed::Free => true,
            Feed::Arrival {
                arrivals, give_up, ..
            } => {
                arrivals.is_everywhere(published)
                    || give_up.is_some_and(|time| Instant::now() >= time)
            }
            Feed::Clock { due_ns, .. } => now_ns() >= *due_ns,
        }
    }

    /// A frame is about to be published: since when its latency counts, on the clock of [`now_ns`]; 0 for now.
    pub fn origin_ns(&mut self) -> u64 {
        match self {
            Feed::Free => 0,
            Feed::Arrival {
                patience, give_up, ..
            } => {
                *give_up = Instant::now().checked_add(*patience);
                0
            }
            Feed::Clock {
                interval_ns,
                due_ns,
            } => {
                let origin = if *due_ns == 0 { now_ns() } else { *due_ns };
                *due_ns = origin + *interval_ns;
                origin
            }
        }
    }

    /// When it may admit a frame by the clock alone.
    pub fn due(&self) -> Option<Instant> {
        match self {
            Feed::Free => None,
            Feed::Arrival { give_up, .. } => *give_up,
            Feed::Clock { due_ns, .. } => {
                Instant::now().checked_add(Duration::from_nanos(due_ns.saturating_sub(now_ns())))
            }
        }
    }

    /// Adds the word that changes when it may admit a frame.
    pub fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        if let Feed::Arrival { arrivals, .. } = self {
            words.push(arrivals.changed.word(arrivals.changed.load()));
        }
    }

    /// Everything that is due by the clock is due so much later.
    pub fn delay(&mut self, by: Duration) {
        match self {
            Feed::Free => {}
            Feed::Arrival { give_up, .. } => *give_up = give_up.and_then(|at| at.checked_add(by)),
            Feed::Clock { due_ns, .. } => {
                if *due_ns > 0 {
                    *due_ns += by.as_nanos() as u64;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn with_one_in_flight_a_frame_waits_for_the_last_one_at_every_end() {
        let arrivals = Arc::new(Arrivals::new(2));
        let mut feed = Feeding::OneInFlight.feed(Some(&arrivals), LONG);
        assert!(feed.admits(0));
        assert_eq!(feed.origin_ns(), 0);
        assert!(!feed.admits(1));
        arrivals.note(0, 1);
        assert!(!feed.admits(1));
        arrivals.note(1, 1);
        assert!(feed.admits(1) && !feed.admits(2));
        // A lost frame is not waited for for ever.
        let mut feed = Feeding::OneInFlight.feed(Some(&arrivals), Duration::ZERO);
        feed.origin_ns();
        assert!(feed.admits(2));
    }

    #[test]
    fn by_the_clock_late_frames_are_not_left_out_and_count_from_when_they_were_due() {
        let interval = Duration::from_micros(100);
        let mut feed = Feeding::Every(interval).feed(None, LONG);
        let first = feed.origin_ns();
        std::thread::sleep(Duration::from_millis(2));
        for frame in 1..20 {
            assert!(feed.admits(frame));
            assert_eq!(feed.origin_ns(), first + frame * 100_000);
        }
        let mut feed = Feeding::Every(LONG).feed(None, LONG);
        assert!(feed.admits(0));
        feed.origin_ns();
        assert!(!feed.admits(1));
        assert!(feed.due().unwrap() > Instant::now() + LONG / 2);
    }
}
