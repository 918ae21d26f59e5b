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
    closed: bool,
}

impl IntakeWorker {
    /// Brings in at most `limit` frames.
    pub fn new(ingest: Ingest, meter: Arc<StreamMeter>, limit: Option<u64>) -> Self {
        Self {
            ingest,
            meter,
            taken: 0,
            limit,
            closed: false,
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
            return Ok(Turn::Idle);
        }
        self.taken += 1;
        self.meter.published.add(1);
        self.meter.missed.set(self.ingest.skipped());
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
