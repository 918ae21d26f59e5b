//! A source at work in a lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::feeding::Feed;
use super::lane::{Turn, Worker};
use super::output::Output;
use crate::endpoint::{Produced, Source};
use crate::report::FaultReport;
use crate::report::meter::SourceMeter;
use crate::stream::{Stamp, WaitWord, now_ns};

/// What a source may not exceed.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Generations that are published.
    pub generations: Option<u64>,
    /// How long it may have no frame once it was asked for one.
    pub read: Option<Duration>,
}

/// A source, its streams, and how many generations of frames it may still publish.
pub struct SourceWorker {
    name: String,
    source: Box<dyn Source>,
    outputs: Vec<Output>,
    /// Which of them have room for a frame.
    free: Vec<bool>,
    feed: Feed,
    /// A frame of each stream in private memory, where the source can work on it as bytes.
    frames: Vec<Vec<u8>>,
    meter: Arc<SourceMeter>,
    /// Since when the latency of this generation counts, as [`Feed::origin_ns`] says it.
    origin_ns: u64,
    /// When the first frame of this generation was published, and the last so far, where there are several streams; 0: none.
    times_ns: (u64, u64),
    /// Some streams have their frame of this generation, and some have not.
    within: bool,
    bounds: Bounds,
    due: Option<Instant>,
    /// It had no frame when it was asked last, and one of its words says when it may have one.
    waits: bool,
    /// Since when it has been asked for the next frame, where that is bounded.
    asked: Option<Instant>,
    finished: bool,
}

impl SourceWorker {
    /// Publishes generations within `bounds` when `feed` admits them. The frame of each of `outputs` is made in that of
    /// `frames` first.
    pub fn new(
        name: String,
        source: Box<dyn Source>,
        outputs: Vec<Output>,
        feed: Feed,
        frames: Vec<Vec<u8>>,
        meter: Arc<SourceMeter>,
        bounds: Bounds,
    ) -> Self {
        Self {
            name,
            source,
            free: vec![false; outputs.len()],
            outputs,
            feed,
            frames,
            meter,
            times_ns: (0, 0),
            origin_ns: 0,
            within: false,
            bounds,
            due: None,
            waits: false,
            asked: None,
            finished: false,
        }
    }

    fn generations(&self) -> u64 {
        self.meter.generations.get()
    }

    fn fault(&self, message: String) -> FaultReport {
        FaultReport::ending(&self.name, self.generations() + 1, "source", message)
    }

    fn finish(&mut self) -> Turn {
        if !self.finished {
            self.finished = true;
            self.outputs.iter_mut().for_each(Output::close);
        }
        Turn::Finished
    }

    /// Whether the feed lets the next frame in: it holds up generations, not the frames of one.
    fn is_admitted(&self) -> bool {
        self.within || self.feed.admits(self.generations())
    }

    /// Takes a free slot of every output, or, where each frame is by itself, of those that have one: a reader that wants every frame of
    /// one stream may wait for a frame of another. False while readers are behind.
    fn begin(&mut self) -> bool {
        if self.source.has_generations() {
            return self.outputs.iter_mut().all(Output::begin);
        }
        for (free, output) in self.free.iter_mut().zip(&mut self.outputs) {
            *free = output.begin();
        }
        self.source.offer(&self.free);
        self.free.contains(&true)
    }

    /// Notes since when the source has been asked for its next frame.
    ///
    /// # Errors
    /// For too long.
    fn ask(&mut self) -> Result<(), FaultReport> {
        let Some(timeout) = self.bounds.read else {
            return Ok(());
        };
        let since = *self.asked.get_or_insert_with(Instant::now);
        if since.elapsed() <= timeout {
            return Ok(());
        }
        Err(self.fault(format!("gave no frame for {timeout:?} (read_timeout)")))
    }

    /// When it will have been asked for too long.
    fn gives_up(&self) -> Option<Instant> {
        self.asked?.checked_add(self.bounds.read?)
    }

    /// The source has given, or lost, its next frame of this stream.
    fn came(&mut self, output: usize) {
        self.due = None;
        self.asked = None;
        let apart = !self.source.has_generations();
        if output == 0 || apart {
            self.meter.generations.add(1);
            self.origin_ns = self.feed.origin_ns();
            self.times_ns = (0, 0);
        }
        self.within = !apart && output + 1 < self.outputs.len();
    }

    /// Publishes the frame of a stream. The source names one that it has.
    fn publish(&mut self, output: usize, frame_id: Option<u64>) -> Result<(), FaultReport> {
        let written = self.outputs[output].write(&self.frames[output]);
        written.map_err(|error| self.fault(error.to_string()))?;
        let published = &self.meter.published[output];
        published.add(1);
        self.outputs[output].publish(Stamp {
            origin_ns: self.origin_ns,
            ..Stamp::source(frame_id.unwrap_or(published.get()))
        });
        if self.outputs.len() > 1 && self.source.has_generations() {
            let (first, last) = &mut self.times_ns;
            *last = now_ns();
            *first = if *first == 0 { *last } else { *first };
        }
        Ok(())
    }

    /// A generation may have come to its end.
    fn measure_skew(&self) {
        let (first, last) = self.times_ns;
        if !self.within && first > 0 {
            self.meter.skew.record(last.saturating_sub(first));
        }
    }
}

impl Worker for SourceWorker {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        let is_last = |limit| self.generations() >= limit && !self.within;
        if self.finished || self.bounds.generations.is_some_and(is_last) {
            return Ok(self.finish());
        }
        if self.due.is_some_and(|due| Instant::now() < due) {
            self.ask()?;
            return Ok(Turn::Idle);
        }
        if !self.is_admitted() || !self.begin() {
            // Whoever holds it up is not the source.
            self.asked = None;
            return Ok(Turn::Idle);
        }
        self.ask()?;
        let produced = self.source.next(&mut self.frames);
        let produced = produced.map_err(|error| self.fault(error.to_string()))?;
        self.waits = produced == Produced::Nothing;
        match produced {
            Produced::Frame {
                output,
                frame_id,
                missed,
            } => {
                self.outputs[output].missed(missed);
                self.came(output);
                self.publish(output, frame_id)?;
                self.measure_skew();
                Ok(Turn::Worked)
            }
            Produced::Lost { output } => {
                self.outputs[output].missed(1);
                self.meter.lost[output].add(1);
                self.came(output);
                self.measure_skew();
                Ok(Turn::Worked)
            }
            Produced::NotBefore(due) => {
                self.due = Some(due);
                Ok(Turn::Idle)
            }
            Produced::Nothing => {
                self.due = None;
                Ok(Turn::Idle)
            }
            Produced::End => Ok(self.finish()),
        }
    }

    fn ready(&self) -> bool {
        !self.finished
            && !self.waits
            && self.due.is_none_or(|due| Instant::now() >= due)
            && self.is_admitted()
            && !self.outputs.iter().any(Output::is_blocked)
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.outputs.iter().for_each(|output| output.words(words));
        self.feed.words(words);
        if self.waits {
            self.source.words(words);
        }
    }

    fn due(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let blocked = self.outputs.iter().filter_map(Output::due).min();
        let own = blocked.or(self.due).or_else(|| self.feed.due());
        own.into_iter().chain(self.gives_up()).min()
    }

    fn delay(&mut self, by: Duration) {
        self.due = self.due.map(|due| due + by);
        self.asked = self.asked.map(|asked| asked + by);
        self.source.delay(by);
        self.feed.delay(by);
    }

    fn settle(&mut self) -> Option<Duration> {
        self.outputs.iter_mut().filter_map(Output::settle).min()
    }
}
