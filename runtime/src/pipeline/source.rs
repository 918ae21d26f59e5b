//! A source at work in a lane.

use std::time::{Duration, Instant};

use super::feeding::Feed;
use super::lane::{Turn, Worker};
use super::output::Output;
use crate::endpoint::{Produced, Source};
use crate::report::FaultReport;
use crate::stream::{Stamp, WaitWord};

/// A source, its stream, and how many frames it may still publish.
pub struct SourceWorker {
    name: String,
    source: Box<dyn Source>,
    output: Output,
    feed: Feed,
    /// The frame in private memory, where the source can work on it as bytes.
    frame: Vec<u8>,
    published: u64,
    limit: Option<u64>,
    due: Option<Instant>,
    finished: bool,
}

impl SourceWorker {
    /// Publishes at most `limit` frames when `feed` admits them, each of which is made in `frame` first.
    pub fn new(
        name: String,
        source: Box<dyn Source>,
        output: Output,
        feed: Feed,
        frame: Vec<u8>,
        limit: Option<u64>,
    ) -> Self {
        Self {
            name,
            source,
            output,
            feed,
            frame,
            published: 0,
            limit,
            due: None,
            finished: false,
        }
    }

    fn fault(&self, message: String) -> FaultReport {
        FaultReport::ending(&self.name, self.published + 1, "source", message)
    }

    fn finish(&mut self) -> Turn {
        if !self.finished {
            self.finished = true;
            self.output.close();
        }
        Turn::Finished
    }
}

impl Worker for SourceWorker {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        if self.finished || self.limit.is_some_and(|limit| self.published >= limit) {
            return Ok(self.finish());
        }
        if self.due.is_some_and(|due| Instant::now() < due) {
            return Ok(Turn::Idle);
        }
        if !self.feed.admits(self.published) {
            return Ok(Turn::Idle);
        }
        if !self.output.begin() {
            return Ok(Turn::Idle);
        }
        let produced = self.source.next(&mut self.frame);
        let produced = produced.map_err(|error| self.fault(error.to_string()))?;
        match produced {
            Produced::Frame { missed } => {
                self.output.missed(missed);
                self.due = None;
                self.published += 1;
                self.output
                    .write(&self.frame)
                    .map_err(|error| self.fault(error.to_string()))?;
                self.output.publish(Stamp {
                    origin_ns: self.feed.origin_ns(),
                    ..Stamp::source(self.published)
                });
                Ok(Turn::Worked)
            }
            Produced::NotBefore(due) => {
                self.due = Some(due);
                Ok(Turn::Idle)
            }
            Produced::End => Ok(self.finish()),
        }
    }

    fn ready(&self) -> bool {
        !self.finished
            && self.due.is_none_or(|due| Instant::now() >= due)
            && self.feed.admits(self.published)
            && !self.output.is_blocked()
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        self.output.words(words);
        self.feed.words(words);
    }

    fn due(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let own = self.output.due().or(self.due);
        own.or_else(|| self.feed.due())
    }

    fn delay(&mut self, by: Duration) {
        self.due = self.due.map(|due| due + by);
        self.source.delay(by);
        self.feed.delay(by);
    }

    fn settle(&mut self) -> Option<Duration> {
        self.output.settle()
    }
}
