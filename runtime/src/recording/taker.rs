//! The recorder's thread: copies what is new into the file's blocks, and counts what is gone before it was copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::calls::{CallQueue, StateWatch};
use super::format::WORD;
use super::frames::{Look, StreamAtWork};
use super::writer::{MessageAbout, RecordingWriter};
use crate::stream::now_ns;

/// How long the thread sleeps where few frames come: each waking costs it as much as a small frame.
const LONGEST_SLEEP: Duration = Duration::from_millis(4);
/// Sleeping for less takes as long.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);
/// Calls that go into one message.
pub(super) const BATCH: usize = 1024;
/// How often the state of stages is kept.
const SNAPSHOTS: Duration = Duration::from_secs(1);
/// How soon it is kept after something was lost.
const SNAPSHOT_AFTER_LOSS: Duration = Duration::from_millis(50);
/// How often a copy of a stage's state may be overtaken by the stage.
const TRIES: u32 = 20;

pub(super) struct StageAtWork {
    pub calls: usize,
    pub queue: CallQueue,
    /// The channel of its state, if it has any.
    pub state: Option<(usize, StateWatch)>,
}

/// Everything that is looked at, and where it goes.
pub(super) struct Taker {
    pub streams: Vec<StreamAtWork>,
    pub stages: Vec<StageAtWork>,
    pub writer: RecordingWriter,
    /// Calls of a stage, on their way from one to the other.
    pub calls: Vec<u8>,
    /// Room for the state of any stage.
    pub state: Vec<u8>,
    /// What turns CLOCK_MONOTONIC into nanoseconds since 1970.
    pub epoch_ns: u64,
    pub finishing: Arc<AtomicBool>,
}

impl Taker {
    /// Goes round until it is to finish and everything is taken. Gives itself back, with its counts.
    pub fn run(mut self) -> Taker {
        let mut sleep = SHORTEST_SLEEP;
        let mut snapshots = Instant::now() + SNAPSHOTS;
        loop {
            // Before the look: what was published before it is seen.
            let last = self.finishing.load(Ordering::Acquire);
            let lost = self.losses();
            let look = self.round();
            if self.losses() > lost {
                snapshots = snapshots.min(Instant::now() + SNAPSHOT_AFTER_LOSS);
            }
            if Instant::now() >= snapshots || last {
                self.keep_state();
                snapshots = Instant::now() + SNAPSHOTS;
            }
            self.writer.look();
            if last && look != Look::More {
                return self;
            }
            sleep = match look {
                Look::Few => (sleep * 2).min(LONGEST_SLEEP),
                Look::Some => sleep,
                Look::Many | Look::More => (sleep / 2).max(SHORTEST_SLEEP),
            };
            thread::sleep(sleep);
        }
    }

    /// Takes what there is. What was found in the fullest stream.
    fn round(&mut self) -> Look {
        for stage in &mut self.stages {
            while !stage.queue.is_empty() {
                self.calls.clear();
                stage.queue.drain(&mut self.calls, BATCH);
                let at_ns = self.calls.get(WORD..2 * WORD);
                let at_ns = at_ns.and_then(|word| word.try_into().ok());
                let at_ns = at_ns.map_or(0, u64::from_le_bytes);
                let about = MessageAbout {
                    channel: stage.calls,
                    time_ns: self.epoch_ns.wrapping_add(at_ns),
                    sequence: 0,
                };
                self.writer.write(about, &self.calls);
            }
        }
        let mut most = Look::Few;
        for stream in &mut self.streams {
            most = most.max(stream.look(&mut self.writer, self.epoch_ns));
        }
        most
    }

    /// All that was lost so far.
    fn losses(&self) -> u64 {
        let streams = self.streams.iter().map(StreamAtWork::lost);
        let stages = self.stages.iter().map(|stage| stage.queue.lost());
        streams.chain(stages).sum()
    }

    /// Keeps the committed state of every stage that has some and holds still long enough.
    fn keep_state(&mut self) {
        for stage in &self.stages {
            let Some((channel, watch)) = &stage.state else {
                continue;
            };
            let state = &mut self.state[..WORD + watch.bytes()];
            let (head, arrays) = state.split_at_mut(WORD);
            let after = (0..TRIES).find_map(|_| watch.copy(arrays).ok().flatten());
            if let Some(calls) = after {
                head.copy_from_slice(&calls.to_le_bytes());
                let about = MessageAbout {
                    channel: *channel,
                    time_ns: self.epoch_ns.wrapping_add(now_ns()),
                    sequence: 0,
                };
                self.writer.write(about, state);
            }
        }
    }
}
