//! What is decided when a stage faults: whether its instance is kept, replaced, and when. Pure logic, without a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::{FaultAction, OnFault};

/// The wait before a restart doubles so many times at most: to 64 times `backoff`.
const DOUBLINGS: u32 = 6;

/// What becomes of the instance after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The run ends.
    Stop,
    /// The instance lives and goes on.
    Keep,
    /// A fresh one is opened after this time.
    Reopen(Duration),
    /// There will be none any more.
    GiveUp,
}

/// The supervision of one stage.
pub struct Supervision {
    rule: OnFault,
    /// When the latest restarts were granted, as many as there may be within the time.
    granted: VecDeque<Instant>,
    /// Restarts in a row, less the good frames since.
    streak: u32,
    given_up: bool,
}

impl Supervision {
    /// Supervision by this rule.
    pub fn new(rule: OnFault) -> Supervision {
        Supervision {
            rule,
            granted: VecDeque::new(),
            streak: 0,
            given_up: false,
        }
    }

    /// What is done about frames that cannot be computed: the rule's action, or what follows when it has been given up.
    pub fn action(&self) -> FaultAction {
        if self.given_up {
            self.rule.then.value
        } else {
            self.rule.action
        }
    }

    /// A frame was computed.
    #[inline]
    pub fn succeeded(&mut self) {
        self.streak = self.streak.saturating_sub(1);
    }

    /// There was a fault at `now`; `alive`: the instance can go on.
    pub fn faulted(&mut self, now: Instant, alive: bool) -> Verdict {
        match self.action() {
            FaultAction::Stop => Verdict::Stop,
            FaultAction::Skip | FaultAction::Hold | FaultAction::Bypass if alive => Verdict::Keep,
            _ if self.given_up => Verdict::GiveUp,
            _ if self.grant(now) => {
                self.streak = (self.streak + 1).min(DOUBLINGS + 2);
                Verdict::Reopen(self.wait())
            }
            _ if self.rule.then.value == FaultAction::Stop => Verdict::Stop,
            _ => {
                self.given_up = true;
                Verdict::GiveUp
            }
        }
    }

    /// Takes one of the restarts that there may be, if one is left.
    fn grant(&mut self, now: Instant) -> bool {
        let Some(most) = self.rule.max_restarts else {
            return true;
        };
        let outdated = |then: &Instant| now.saturating_duration_since(*then) >= self.rule.within;
        while self.granted.front().is_some_and(outdated) {
            self.granted.pop_front();
        }
        let granted = self.granted.len() < most as usize;
        if granted {
            self.granted.push_back(now);
        }
        granted
    }

    /// How long to wait before the restart that is now the last of the row: the first comes at once.
    fn wait(&self) -> Duration {
        match self.streak {
            0 | 1 => Duration::ZERO,
            streak => self
                .rule
                .backoff
                .saturating_mul(1 << (streak - 2).min(DOUBLINGS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Located;

    const BACKOFF: Duration = Duration::from_millis(1);

    fn rule(action: FaultAction) -> OnFault {
        OnFault::of(action, Default::default())
    }

    #[test]
    fn an_instance_that_lives_is_kept_unless_every_fault_restarts() {
        let now = Instant::now();
        for (action, alive, expected) in [
            (FaultAction::Stop, true, Verdict::Stop),
            (FaultAction::Stop, false, Verdict::Stop),
            (FaultAction::Restart, true, Verdict::Reopen(Duration::ZERO)),
            (FaultAction::Restart, false, Verdict::Reopen(Duration::ZERO)),
            (FaultAction::Skip, true, Verdict::Keep),
            (FaultAction::Skip, false, Verdict::Reopen(Duration::ZERO)),
            (FaultAction::Hold, true, Verdict::Keep),
            (FaultAction::Hold, false, Verdict::Reopen(Duration::ZERO)),
            (FaultAction::Bypass, true, Verdict::Keep),
            (FaultAction::Bypass, false, Verdict::Reopen(Duration::ZERO)),
        ] {
            let verdict = Supervision::new(rule(action)).faulted(now, alive);
            assert_eq!(verdict, expected, "{action:?}, alive: {alive}");
        }
    }

    #[test]
    fn the_wait_doubles_in_a_row_up_to_a_bound_and_falls_back_after_good_frames() {
        let mut supervision = Supervision::new(rule(FaultAction::Skip));
        let mut fault = || supervision.faulted(Instant::now(), false);
        for factor in [0, 1, 2, 4, 8, 16, 32, 64, 64, 64] {
            assert_eq!(fault(), Verdict::Reopen(BACKOFF * factor));
        }
        for _ in 0..6 {
            supervision.succeeded();
        }
        let verdict = supervision.faulted(Instant::now(), false);
        assert_eq!(verdict, Verdict::Reopen(BACKOFF * 2));
        for _ in 0..100 {
            supervision.succeeded();
        }
        let verdict = supervision.faulted(Instant::now(), false);
        assert_eq!(verdict, Verdict::Reopen(Duration::ZERO));
    }

    #[test]
    fn restarts_beyond_the_number_within_the_time_lead_to_what_then_says() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for then in [FaultAction::Stop, FaultAction::Hold] {
            let mut supervision = Supervision::new(OnFault {
                max_restarts: Some(2),
                within: Duration::from_secs(10),
                then: Located::new(then, Default::default()),
                ..rule(FaultAction::Skip)
            });
            let reopens = |verdict| matches!(verdict, Verdict::Reopen(_));
            assert!(reopens(supervision.faulted(at(0), false)));
            assert!(reopens(supervision.faulted(at(5), false)));
            // The one at 0 no longer counts.
            assert!(reopens(supervision.faulted(at(10), false)));
            // A fault that costs no restart is not counted.
            assert_eq!(supervision.faulted(at(11), true), Verdict::Keep);
            let last = supervision.faulted(at(14), false);
            if then == FaultAction::Stop {
                assert_eq!(last, Verdict::Stop);
            } else {
                assert_eq!(last, Verdict::GiveUp);
                assert_eq!(supervision.action(), then);
            }
        }
    }

    #[test]
    fn a_stage_that_only_starts_is_stopped_by_default() {
        let mut supervision = Supervision::new(rule(FaultAction::Restart));
        let now = Instant::now();
        let verdicts: Vec<Verdict> = (0..6).map(|_| supervision.faulted(now, false)).collect();
        assert_eq!(verdicts.last(), Some(&Verdict::Stop));
        let stops = verdicts.iter().filter(|verdict| **verdict == Verdict::Stop);
        assert_eq!(stops.count(), 1);
    }
}
