//! The time of a run: since its lanes were started, without pauses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts while the run runs; shared by all who note times.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Times>>);

#[derive(Debug, Default)]
struct Times {
    /// Counted up to the last pause.
    before: Duration,
    /// Since when it counts; `None` before the start and while paused.
    since: Option<Instant>,
}

impl Clock {
    /// Counts from now on.
    pub fn start(&self) {
        self.lock().since.get_or_insert_with(Instant::now);
    }

    /// Does not count until the next start.
    pub fn pause(&self) {
        let mut times = self.lock();
        if let Some(since) = times.since.take() {
            times.before += since.elapsed();
        }
    }

    /// What it has counted.
    pub fn elapsed(&self) -> Duration {
        let times = self.lock();
        times.before + times.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// The same in seconds, to the microsecond, as reports print it.
    pub fn seconds(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 1e6).round() / 1e6
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn pauses_do_not_count() {
        let clock = Clock::default();
        assert_eq!(clock.elapsed(), Duration::ZERO);
        clock.start();
        sleep(Duration::from_millis(2));
        clock.pause();
        let paused = clock.elapsed();
        assert!(paused >= Duration::from_millis(2));
        sleep(Duration::from_millis(2));
        clock.pause();
        assert_eq!(clock.elapsed(), paused);
        clock.start();
        clock.start();
        sleep(Duration::from_millis(1));
        assert!(clock.elapsed() > paused);
    }
}
