//! The intake of a stream that outside processes write: brings their frames into the ring.

use std::sync::Arc;

use super::lane::{Turn, Worker};
use crate::report::FaultReport;
use crate::report::meter::StreamMeter;
use crate::stream::{Ingest, WaitWord};

/// Brings in what others write with pyshmem.
pub struct IntakeWorker {
    ingest: Ingest,
    meter: Arc<StreamMeter>,
    taken: u64,
    limit: Option<u64>,
    /// What there is to do between frames: a lane waits for frames that start a stage, but not for those that are
    /// only read beside others.
    between: Turn,
    closed: bool,
}

impl IntakeWorker {
    /// Brings in at most `limit` frames that start stages.
    pub fn of_trigger(ingest: Ingest, meter: Arc<StreamMeter>, limit: Option<u64>) -> Self {
        Self {
            ingest,
            meter,
            taken: 0,
            limit,
            between: Turn::Idle,
            closed: false,
        }
    }

    /// Brings in the frames of a stream that is only an auxiliary input, as long as the lane runs.
    pub fn of_auxiliary(ingest: Ingest, meter: Arc<StreamMeter>) -> Self {
        Self {
            between: Turn::Finished,
            ..Self::of_trigger(ingest, meter, None)
        }
    }
}

impl Worker for IntakeWorker {
    fn turn(&mut self) -> Result<Turn, FaultReport> {
        if self.closed {
            return Ok(Turn::Finished);
        }
        if self.limit.is_some_and(|limit| self.taken >= limit) {
            self.closed = true;
            self.ingest.close();
            return Ok(Turn::Finished);
        }
        if self.ingest.poll().is_none() {
            return Ok(self.between);
        }
        self.taken += 1;
        self.meter.published.add(1);
        self.meter.missed.set(self.ingest.missed());
        Ok(Turn::Worked)
    }

    fn ready(&self) -> bool {
        // What is written after the last look changes the word.
        false
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        if !self.closed {
            words.push(self.ingest.word());
        }
    }
}
