//! `synchronization: matching_frame_id`: a stage runs on trigger frames of one `frame_id`, as a merge of sorted lists would pair them.
//!
//! ```text
//! a  ─ 7 8 9 ─▶ holds 9          the newest id is the one to meet; who lags passes its frames over until it has
//! b  ─ 7 8 ───▶ holds 8, waits   come there, and what the others hold stays pinned meanwhile
//! ```
//!
//! Ids come from outside and may be anything: each turn makes one step, so no sequence of ids keeps a lane from its other work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::trigger::Trigger;
use crate::config::Synchronization;
use crate::report::meter::SyncMeter;

/// Brings the triggers of a stage to frames of one id.
pub struct Matching {
    max_skew_generations: u64,
    max_wait: Option<Duration>,
    /// Since when frames that do not match have been waiting for those that lag.
    since: Option<Instant>,
    meter: Arc<SyncMeter>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Every trigger holds a frame, and all have the same id.
    Matched,
    /// Frames were passed over.
    Moved,
    /// A trigger has no frame.
    Waiting,
}

impl Matching {
    /// By this rule; counts in `meter`.
    pub fn new(rule: &Synchronization, meter: Arc<SyncMeter>) -> Self {
        Self {
            max_skew_generations: rule.max_skew_generations.into(),
            max_wait: rule.max_wait,
            since: None,
            meter,
        }
    }

    /// One step towards frames of one id.
    pub fn step(&mut self, triggers: &mut [Trigger]) -> Step {
        if !triggers.iter().all(Trigger::ready) {
            return self.late(triggers);
        }
        let (mut newest, mut oldest) = (0, u64::MAX);
        for trigger in triggers.iter_mut() {
            trigger.hold();
            newest = newest.max(trigger.frame_id());
            oldest = oldest.min(trigger.frame_id());
        }
        if newest <= oldest {
            self.since = None;
            return Step::Matched;
        }
        // What lags may have newer frames at hand: then nothing is missing yet.
        let lags = |trigger: &&mut Trigger| trigger.frame_id() < newest;
        let mut advanced = false;
        for trigger in triggers.iter_mut().filter(lags) {
            advanced |= trigger.advance();
        }
        if advanced {
            return Step::Moved;
        }
        self.meter.skew_events.add(1);
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let late = self.max_wait.is_some_and(|most| now - since >= most);
        if late || newest - oldest > self.max_skew_generations {
            self.give_up(triggers);
        } else {
            self.meter.skipped_generations.add(1);
            triggers.iter_mut().filter(lags).for_each(Trigger::pass);
        }
        Step::Moved
    }

    /// After a pause of this length, which does not count as waiting.
    pub fn delay(&mut self, by: Duration) {
        self.since = self.since.and_then(|since| since.checked_add(by));
    }

    /// When the frames that wait for others have waited long enough.
    pub fn due(&self) -> Option<Instant> {
        self.since?.checked_add(self.max_wait?)
    }

    /// A trigger has no frame: gives up what the others hold if they have held it for too long.
    fn late(&mut self, triggers: &mut [Trigger]) -> Step {
        match self.due() {
            Some(due) if due <= Instant::now() => {
                self.give_up(triggers);
                Step::Moved
            }
            _ => Step::Waiting,
        }
    }

    fn give_up(&mut self, triggers: &mut [Trigger]) {
        self.meter.timeouts.add(1);
        self.since = None;
        triggers.iter_mut().for_each(Trigger::pass);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::thread::sleep;

    use super::*;
    use crate::array::{ArrayType, Dtype};
    use crate::config::SynchronizationMode;
    use crate::stream::{Delivery, Mirror, Mode, Stamp, Stream, StreamSpec, Writer};

    /// Two streams, `a` and `b`, and a matching of their frames.
    struct Pair {
        writers: Vec<Writer>,
        triggers: Vec<Trigger>,
        matching: Matching,
    }

    impl Pair {
        fn new(name: &str, delivery: Delivery, max_wait: Option<Duration>) -> Pair {
            let streams = ["a", "b"].map(|stream| {
                let spec = StreamSpec {
                    name: format!("sandpipe-unit.{}.{name}.{stream}", std::process::id()),
                    array: ArrayType {
                        dtype: Dtype::U8,
                        shape: vec![1],
                    },
                    readers: 1,
                    every: delivery == Delivery::Every,
                    slots: None,
                    notify: false,
                    mirror: Mirror::Never,
                    mode: Mode::Create,
                };
                Stream::create(&spec).unwrap()
            });
            let rule = Synchronization {
                mode: SynchronizationMode::MatchingFrameId,
                max_skew_generations: 16,
                max_wait,
            };
            Pair {
                writers: streams.iter().map(|one| one.writer().unwrap()).collect(),
                triggers: streams
                    .iter()
                    .map(|one| Trigger::new(one.reader(delivery).unwrap()))
                    .collect(),
                matching: Matching::new(&rule, Arc::default()),
            }
        }

        fn publish(&mut self, stream: usize, ids: impl IntoIterator<Item = u64>) {
            for id in ids {
                let writer = &mut self.writers[stream];
                let slot = writer.begin().unwrap();
                writer.publish(slot, Stamp::source(id)).unwrap();
            }
        }

        fn step(&mut self) -> Step {
            self.matching.step(&mut self.triggers)
        }

        /// The ids of the frames that a run now takes.
        fn taken(&mut self) -> Vec<u64> {
            let take = |trigger: &mut Trigger| {
                let (frame, new) = trigger.take();
                assert!(new);
                frame.frame_id
            };
            self.triggers.iter_mut().map(take).collect()
        }

        /// Skew events, skipped generations, timeouts.
        fn counts(&self) -> [u64; 3] {
            let meter = &self.matching.meter;
            [
                &meter.skew_events,
                &meter.skipped_generations,
                &meter.timeouts,
            ]
            .map(|counter| counter.get())
        }

        fn skipped(&self) -> Vec<u64> {
            self.triggers.iter().map(Trigger::skipped).collect()
        }
    }

    #[test]
    fn frames_of_one_id_are_taken_together_and_once() {
        let mut pair = Pair::new("together", Delivery::Latest, None);
        assert_eq!(pair.step(), Step::Waiting);
        pair.publish(0, [7]);
        assert_eq!(pair.step(), Step::Waiting);
        pair.publish(1, [7]);
        // A stage whose output has no room asks again.
        assert_eq!(pair.step(), Step::Matched);
        assert_eq!(pair.step(), Step::Matched);
        assert_eq!(pair.taken(), [7, 7]);
        assert_eq!(pair.step(), Step::Waiting);
        assert_eq!((pair.counts(), pair.skipped()), ([0; 3], vec![0, 0]));
    }

    #[test]
    fn what_lags_is_passed_over_and_what_is_newer_waits_for_it() {
        let mut pair = Pair::new("lags", Delivery::Latest, None);
        pair.publish(0, [9]);
        pair.publish(1, [8]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.step(), Step::Waiting);
        assert!(!pair.triggers[1].ready() && pair.triggers[0].ready());
        // A newer frame does not take the place of the one that is to be met.
        pair.publish(0, [10]);
        pair.publish(1, [9]);
        assert_eq!(pair.step(), Step::Matched);
        assert_eq!(pair.taken(), [9, 9]);
        pair.publish(1, [10]);
        assert_eq!(pair.step(), Step::Matched);
        assert_eq!(pair.taken(), [10, 10]);
        assert_eq!((pair.counts(), pair.skipped()), ([1, 1, 0], vec![0, 1]));
    }

    #[test]
    fn frames_at_hand_are_looked_at_before_anything_counts_as_missing() {
        let mut pair = Pair::new("hand", Delivery::Latest, None);
        pair.publish(0, [10]);
        pair.publish(1, [9]);
        assert_eq!(pair.step(), Step::Moved);
        pair.publish(0, 11..=50);
        pair.publish(1, [50]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.step(), Step::Matched);
        assert_eq!(pair.taken(), [50, 50]);
        // Every frame of `a` was published, and used or skipped.
        assert_eq!((pair.counts(), pair.skipped()), ([1, 1, 0], vec![40, 1]));
    }

    #[test]
    fn of_queues_every_id_that_is_in_both_is_taken() {
        let mut pair = Pair::new("queues", Delivery::Every, None);
        pair.publish(0, 1..=4);
        pair.publish(1, [1, 3, 4]);
        let mut taken = Vec::new();
        loop {
            match pair.step() {
                Step::Matched => taken.push(pair.taken()),
                Step::Moved => {}
                Step::Waiting => break,
            }
        }
        assert_eq!(taken, [[1, 1], [3, 3], [4, 4]]);
        assert_eq!((pair.counts(), pair.skipped()), ([0; 3], vec![1, 0]));
    }

    #[test]
    fn frames_that_are_too_far_apart_are_given_up() {
        let mut pair = Pair::new("apart", Delivery::Latest, None);
        pair.publish(0, [17]);
        pair.publish(1, [1]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.counts(), [1, 1, 0]);
        pair.publish(1, [34]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.counts(), [2, 1, 1]);
        // Both are gone, the newer one too.
        assert_eq!(pair.skipped(), [1, 2]);
        pair.publish(0, [34]);
        assert_eq!(pair.step(), Step::Waiting);
    }

    #[test]
    fn frames_that_have_waited_too_long_are_given_up_though_nothing_comes() {
        let wait = Duration::from_millis(20);
        let mut pair = Pair::new("long", Delivery::Latest, Some(wait));
        pair.publish(0, [2]);
        pair.publish(1, [1]);
        assert_eq!(pair.matching.due(), None);
        assert_eq!(pair.step(), Step::Moved);
        let due = pair.matching.due().unwrap();
        assert!(due <= Instant::now() + wait);
        // A pause does not count.
        pair.matching.delay(Duration::from_secs(3600));
        assert_eq!(
            pair.matching.due().unwrap(),
            due + Duration::from_secs(3600)
        );
        pair.matching.since = Some(Instant::now());
        sleep(wait);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.matching.due(), None);
        assert_eq!((pair.counts(), pair.skipped()), ([1, 1, 1], vec![1, 1]));
    }

    #[test]
    fn ids_of_all_sizes_do_no_harm() {
        let mut pair = Pair::new("sizes", Delivery::Latest, Some(Duration::MAX));
        pair.publish(0, [u64::MAX]);
        pair.publish(1, [0]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.counts(), [1, 0, 1]);
        assert_eq!(pair.matching.due(), None);
        pair.publish(0, [5]);
        pair.publish(1, [0]);
        assert_eq!(pair.step(), Step::Moved);
        assert_eq!(pair.matching.due(), None, "for ever");
        pair.publish(1, [5]);
        assert_eq!(pair.step(), Step::Matched);
    }
}
