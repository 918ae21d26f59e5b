//! What makes a stage run that has no trigger: a source whose kernel is a guest's.

use std::time::{Duration, Instant};

use super::feeding::Feed;
use crate::endpoint::{Pace, Tick};
use crate::stream::{Stamp, WaitWord};

/// Runs a stage at a rate, or as fast as its frames are taken, when its feed admits that.
pub struct Clocked {
    pace: Pace,
    feed: Feed,
    /// Calls so far: each makes a generation, a frame of every output.
    calls: u64,
    limit: Option<u64>,
}

impl Clocked {
    /// At `rate_hz`, or without a rate; at most `limit` calls, each when `feed` admits it.
    pub fn new(rate_hz: Option<f64>, feed: Feed, limit: Option<u64>) -> Self {
        Self {
            pace: Pace::new(rate_hz),
            feed,
            calls: 0,
            limit,
        }
    }

    /// Whether a call is due.
    pub fn is_due(&self) -> bool {
        let due = self.pace.due();
        !self.is_over()
            && due.is_none_or(|due| Instant::now() >= due)
            && self.feed.admits(self.calls)
    }

    /// Whether none will ever be due again.
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.calls >= limit)
    }

    /// Takes the call that is due: how its frames are stamped, and how many went by before it.
    pub fn take(&mut self) -> (Stamp, u64) {
        let missed = match self.pace.tick(Instant::now) {
            Tick::Now { missed } => missed,
            // Not where a call is due.
            Tick::Later(_) => 0,
        };
        self.calls += 1;
        let stamp = Stamp {
            origin_ns: self.feed.origin_ns(),
            ..Stamp::source(self.calls)
        };
        (stamp, missed)
    }

    /// When a call is due by the clock alone, if not already.
    pub fn due(&self) -> Option<Instant> {
        if self.is_over() || self.is_due() {
            return None;
        }
        let pace = self.pace.due().filter(|due| *due > Instant::now());
        pace.or_else(|| self.feed.due())
    }

    /// Adds the word that changes when its feed may admit a call.
    pub fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.feed.words(words);
    }

    /// Every call that is still to come is due so much later.
    pub fn delay(&mut self, by: Duration) {
        self.pace.delay(by);
        self.feed.delay(by);
    }
}
