//! Spinning, as long as it pays.
//!
//! A word that is rung within microseconds is best waited for without the kernel. But where the one who is to ring it needs longer, or
//! needs the very processor that is spun on, spinning only keeps it waiting. So after a few waits in a row in which it
//! did not help, it is left out, and tried again from time to time.

use std::time::{Duration, Instant};

use super::ring::WaitWord;
use super::wait::wait;

/// How long to spin before sleeping: as a lane does.
const SPIN: Duration = Duration::from_micros(50);
/// After so many vain spins in a row spinning is left out ...
const PATIENCE: u32 = 4;
/// ... but for one wait in so many.
const PROBE: u32 = 32;

/// How spinning for one word has gone lately.
#[derive(Debug, Default)]
pub struct Spin {
    vain: u32,
}

impl Spin {
    /// Waits until one of `words` changes, or returns early; the caller looks.
    #[inline]
    pub fn wait(&mut self, words: &[WaitWord<'_>]) {
        let spin = self.vain < PATIENCE || self.vain.is_multiple_of(PROBE);
        let start = Instant::now();
        wait(words, if spin { SPIN } else { Duration::ZERO }, None);
        if spin && start.elapsed() <= SPIN {
            self.vain = 0;
        } else {
            self.vain = self.vain.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bell;
    use super::*;

    #[test]
    fn spinning_in_vain_is_given_up_and_tried_again() {
        let (rung, silent) = (Bell::new(), Bell::new());
        rung.ring();
        let mut spin = Spin::default();
        // Rung by somebody who needs longer than anybody spins.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                silent.ring();
            });
            spin.wait(&[silent.word()]);
        });
        assert_eq!(spin.vain, 1);
        spin.vain = PATIENCE;
        spin.wait(&[rung.word()]);
        assert_eq!(spin.vain, PATIENCE + 1, "not spun, so nothing was learned");
        spin.vain = PROBE;
        spin.wait(&[rung.word()]);
        assert_eq!(spin.vain, 0, "it pays again");
    }
}
