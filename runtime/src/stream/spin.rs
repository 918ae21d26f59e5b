//! Spinning, as long as it pays.
//!
//! A word that is rung within microseconds is best waited for without the kernel. But where the one who is to ring it needs longer, or
//! needs the very processor that is spun on, spinning only keeps it waiting and burns the processor. So after a few waits in a
//! row in which it did not help, it is left out, and tried again from time to time.

use std::time::{Duration, Instant};

use super::ring::WaitWord;
use super::wait::{Woken, wait_and_tell};

/// How long to spin before sleeping: about twice what it costs to be woken on another processor, so that spinning in vain costs
/// little more than the sleep that follows.
const SPIN: Duration = Duration::from_micros(50);
/// After so many vain spins in a row spinning is left out ...
const PATIENCE: u32 = 4;
/// ... but for one wait in so many.
const PROBE: u32 = 32;

/// How spinning in one place has gone lately.
#[derive(Debug, Default)]
pub struct Spin {
    vain: u32,
}

impl Spin {
    /// Waits until one of `words` changes or the deadline has passed, or returns early; the caller looks.
    #[inline]
    pub fn wait(&mut self, words: &[WaitWord<'_>], deadline: Option<Instant>) -> Woken {
        let spin = self.vain < PATIENCE || self.vain.is_multiple_of(PROBE);
        let spin_for = if spin { SPIN } else { Duration::ZERO };
        let (woken, slept) = wait_and_tell(words, spin_for, deadline);
        if spin && !slept && woken == Woken::Changed {
            self.vain = 0;
        } else {
            self.vain = self.vain.wrapping_add(1);
        }
        woken
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
            spin.wait(&[silent.word()], None);
        });
        assert_eq!(spin.vain, 1);
        spin.vain = PATIENCE;
        spin.wait(&[rung.word()], None);
        assert_eq!(spin.vain, PATIENCE + 1, "not spun, so nothing was learned");
        spin.vain = PROBE;
        spin.wait(&[rung.word()], None);
        assert_eq!(spin.vain, 0, "it pays again");
    }

    #[test]
    fn a_deadline_that_passes_is_a_vain_wait() {
        let (silent, mut spin) = (Bell::new(), Spin::default());
        let soon = Instant::now() + Duration::from_micros(100);
        assert_eq!(spin.wait(&[silent.word()], Some(soon)), Woken::Deadline);
        assert_eq!(spin.vain, 1);
    }
}
