//! The recorder's thread: copies what is new, or counts what it cannot copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::calls::{CallQueue, StateWatch};
use super::format::{FrameHeader, WORD};
use super::pool::{Item, Pool};
use crate::stream::{Frame, Reader, StreamError, Tap, now_ns};

/// How long the thread sleeps when there is nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_millis(1);
/// Sleeping for less takes as long.
const SHORTEST_SLEEP: Duration = Duration::from_micros(50);
/// Frames of one stream that are taken before the others get their turn, ...
const TURN: usize = 64;
/// ... and bytes, but for the last frame's.
const TURN_BYTES: usize = 1 << 20;
/// Calls that go into one message.
pub(super) const BATCH: usize = 1024;
/// How often the state of stages is kept.
const SNAPSHOTS: Duration = Duration::from_secs(1);
/// How soon it is kept after something was lost.
const SNAPSHOT_AFTER_LOSS: Duration = Duration::from_millis(50);
/// How often a copy of a stage's state may be overtaken by the stage.
const TRIES: u32 = 20;

/// Where frames come from.
pub(super) enum Intake {
    /// Nobody waits for the recorder.
    Tap(Tap),
    /// The producer waits for the recorder.
    Every(Reader),
}

pub(super) struct StreamAtWork {
    pub channel: usize,
    pub intake: Intake,
    /// What was there before the recorder, where `intake` begins with what comes after it.
    pub first: Option<Frame>,
    /// Frames that found no buffer.
    pub dropped: u64,
}

pub(super) struct StageAtWork {
    pub calls: usize,
    pub queue: CallQueue,
    /// The channel of its state, if it has any.
    pub state: Option<(usize, StateWatch)>,
}

/// Everything that is looked at.
pub(super) struct Taker {
    pub streams: Vec<StreamAtWork>,
    pub stages: Vec<StageAtWork>,
    pub pool: Pool,
    pub items: SyncSender<Item>,
    /// What turns CLOCK_MONOTONIC into nanoseconds since 1970.
    pub epoch_ns: u64,
    pub finishing: Arc<AtomicBool>,
}

/// How a look at a stream ended.
enum Look {
    /// There is nothing more.
    Empty,
    /// There is more, and its turn is over.
    More,
    /// There is more, and no buffer for it.
    Full,
}

impl Taker {
    /// Goes round until it is to finish and everything is taken. Gives itself back, with its counts.
    pub fn run(mut self) -> Taker {
        let mut sleep = LONGEST_SLEEP;
        let mut snapshots = Instant::now() + SNAPSHOTS;
        loop {
            // Before the look: what was published before it is seen.
            let last = self.finishing.load(Ordering::Acquire);
            let lost = self.losses();
            let (busy, full) = self.round(last);
            if self.losses() > lost {
                snapshots = snapshots.min(Instant::now() + SNAPSHOT_AFTER_LOSS);
            }
            if Instant::now() >= snapshots || last {
                self.keep_state();
                snapshots = Instant::now() + SNAPSHOTS;
            }
            // Without the writer's thread no buffer comes back.
            if last && !busy && (!full || self.pool.is_abandoned()) {
                return self;
            }
            sleep = match busy {
                true => (sleep / 2).max(SHORTEST_SLEEP),
                false => (sleep * 2).min(LONGEST_SLEEP),
            };
            thread::sleep(sleep);
        }
    }

    /// Takes what there is. Whether a turn was over before all was taken, and whether frames wait for buffers, as they do at the
    /// end.
    fn round(&mut self, last: bool) -> (bool, bool) {
        self.pool.collect();
        let (mut busy, mut full) = (false, false);
        for stage in &mut self.stages {
            while !stage.queue.is_empty() {
                let Some(mut data) = self.pool.get(stage.calls) else {
                    full = true;
                    break;
                };
                data.clear();
                stage.queue.drain(&mut data, BATCH);
                let at_ns = data
                    .get(WORD..2 * WORD)
                    .and_then(|word| word.try_into().ok());
                let item = Item {
                    channel: stage.calls,
                    time_ns: self
                        .epoch_ns
                        .wrapping_add(at_ns.map_or(0, u64::from_le_bytes)),
                    sequence: 0,
                    data,
                };
                send(&self.items, item);
            }
        }
        for stream in &mut self.streams {
            match stream.look(&mut self.pool, &self.items, self.epoch_ns, last) {
                Look::Empty => {}
                Look::More => busy = true,
                Look::Full => full = true,
            }
        }
        (busy, full)
    }

    /// All that was lost so far.
    fn losses(&self) -> u64 {
        let streams = self.streams.iter().map(StreamAtWork::lost);
        let stages = self.stages.iter().map(|stage| stage.queue.lost());
        streams.chain(stages).sum()
    }

    /// Keeps the committed state of every stage that has some and holds still long enough.
    fn keep_state(&mut self) {
        for stage in &mut self.stages {
            let Some((channel, watch)) = &stage.state else {
                continue;
            };
            // While the last one is on its way there is no buffer: the next time, then.
            let Some(mut data) = self.pool.get(*channel) else {
                continue;
            };
            let (head, arrays) = data.split_at_mut(WORD);
            let after = (0..TRIES).find_map(|_| watch.copy(arrays).ok().flatten());
            match after {
                Some(calls) => {
                    head.copy_from_slice(&calls.to_le_bytes());
                    let item = Item {
                        channel: *channel,
                        time_ns: self.epoch_ns.wrapping_add(now_ns()),
                        sequence: 0,
                        data,
                    };
                    send(&self.items, item);
                }
                None => self.pool.put(*channel, data),
            }
        }
    }
}

/// There is room for all buffers that there are, and the writer's thread stays until nobody sends any more.
fn send(items: &SyncSender<Item>, item: Item) {
    let _ = items.send(item);
}

impl StreamAtWork {
    /// Frames that were not recorded.
    pub fn lost(&self) -> u64 {
        match &self.intake {
            Intake::Tap(tap) => self.dropped + tap.lost(),
            Intake::Every(reader) => self.dropped + reader.skipped(),
        }
    }

    /// Takes some frames. The `last` time nobody publishes any more, so there is time to wait for buffers.
    fn look(
        &mut self,
        pool: &mut Pool,
        items: &SyncSender<Item>,
        epoch_ns: u64,
        last: bool,
    ) -> Look {
        let mut taken = 0;
        for _ in 0..TURN {
            if taken >= TURN_BYTES {
                break;
            }
            if !self.ready() {
                return Look::Empty;
            }
            let Some(mut data) = pool.get(self.channel) else {
                match &mut self.intake {
                    Intake::Tap(tap) if !last => self.dropped += tap.pass().iter().count() as u64,
                    Intake::Tap(_) | Intake::Every(_) => return Look::Full,
                }
                continue;
            };
            taken += data.len();
            let (header, frame) = data.split_at_mut(FrameHeader::BYTES);
            match self.take(frame) {
                Ok(Some(frame)) => {
                    FrameHeader::of(&frame).write(header);
                    let item = Item {
                        channel: self.channel,
                        time_ns: epoch_ns.wrapping_add(frame.published_ns),
                        sequence: frame.sequence as u32,
                        data,
                    };
                    send(items, item);
                }
                // Overtaken again and again, or somebody has damaged the stream, which ends the run.
                Ok(None) | Err(_) => {
                    pool.put(self.channel, data);
                    return Look::Empty;
                }
            }
        }
        Look::More
    }

    fn ready(&self) -> bool {
        match &self.intake {
            Intake::Tap(tap) => tap.behind() > 0,
            Intake::Every(reader) => self.first.is_some() || reader.ready(),
        }
    }

    fn take(&mut self, into: &mut [u8]) -> Result<Option<Frame>, StreamError> {
        match &mut self.intake {
            Intake::Tap(tap) => tap.take(into),
            Intake::Every(reader) => {
                let frame = self.first.take().or_else(|| reader.next());
                let Some(frame) = frame else { return Ok(None) };
                reader.read(&frame, into).map(|()| Some(frame))
            }
        }
    }
}
