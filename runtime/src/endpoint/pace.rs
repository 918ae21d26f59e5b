//! When the frames of a source are due.

use std::time::{Duration, Instant};

/// A clock that ticks at a fixed rate from the first time it is asked, or always.
///
/// The ticks keep their grid: a late frame does not move the ones after it, and ticks that went by unused are
/// counted, not caught up.
#[derive(Debug)]
pub struct Pace {
    interval: Option<Duration>,
    due: Option<Instant>,
}

/// What the clock says.
#[derive(Debug, PartialEq, Eq)]
pub enum Tick {
    /// A frame is due; so many ticks before it went by unused.
    Now {
        /// Ticks that went by since the last frame.
        missed: u64,
    },
    /// No frame is due before this.
    Later(Instant),
}

impl Pace {
    /// A clock of `rate_hz`; without it a frame is always due.
    pub fn new(rate_hz: Option<f64>) -> Pace {
        Pace {
            interval: rate_hz.map(|rate| Duration::from_secs_f64(1.0 / rate)),
            due: None,
        }
    }

    /// When the next frame is due; `None`: it already is.
    pub fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.interval.is_some())
    }

    /// Moves the grid.
    pub fn delay(&mut self, by: Duration) {
        self.due = self.due.map(|due| due + by);
    }

    /// Takes the tick that is due at `now`.
    pub fn tick(&mut self, now: impl FnOnce() -> Instant) -> Tick {
        let Some(interval) = self.interval else {
            return Tick::Now { missed: 0 };
        };
        let now = now();
        let due = self.due.unwrap_or(now);
        let Some(late) = now.checked_duration_since(due) else {
            return Tick::Later(due);
        };
        let missed = late.as_nanos() / interval.as_nanos().max(1);
        let behind = Duration::from_nanos((late.as_nanos() % interval.as_nanos().max(1)) as u64);
        self.due = Some(now - behind + interval);
        Tick::Now {
            missed: missed as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_their_grid_and_missed_ones_are_counted() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::new(Some(100.0));
        for (now, expected) in [
            (0, Tick::Now { missed: 0 }),
            (0, Tick::Later(at(10))),
            (9, Tick::Later(at(10))),
            (10, Tick::Now { missed: 0 }),
            // Late, but within its interval: the next one is due when it would have been.
            (27, Tick::Now { missed: 0 }),
            (28, Tick::Later(at(30))),
            (30, Tick::Now { missed: 0 }),
            // The ticks at 40 and 50 went by.
            (65, Tick::Now { missed: 2 }),
            (69, Tick::Later(at(70))),
            (70, Tick::Now { missed: 0 }),
        ] {
            assert_eq!(pace.tick(|| at(now)), expected, "at {now} ms");
        }
    }

    #[test]
    fn a_delay_moves_the_grid() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::new(Some(100.0));
        assert_eq!(pace.tick(|| at(0)), Tick::Now { missed: 0 });
        pace.delay(Duration::from_millis(1000));
        assert_eq!(pace.tick(|| at(1009)), Tick::Later(at(1010)));
        assert_eq!(pace.tick(|| at(1012)), Tick::Now { missed: 0 });
    }

    #[test]
    fn without_a_rate_a_frame_is_always_due() {
        let mut pace = Pace::new(None);
        for _ in 0..3 {
            assert_eq!(pace.tick(Instant::now), Tick::Now { missed: 0 });
        }
    }
}
