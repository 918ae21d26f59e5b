//! `lanes: auto`: all workers begin on one lane, which measures them; after the first frames they are divided among lanes that
//! wait for them.
//!
//! Workers know one another through streams alone, so between two turns one can go on in another thread as if
//! nothing had happened. The lanes besides the first are started with the run and sleep until they get their share.

mod partition;
mod timed;

use std::sync::mpsc::{SendError, Sender};
use std::sync::{Arc, OnceLock};

pub use partition::partition;
pub use timed::Timed;

use super::control::RunHandle;
use super::lane::{Crew, End};
use crate::report::FaultReport;
use crate::report::placement::{NodeTime, PlacedLane, Placement};

/// Frames that are measured: of the worker that moves most.
pub const FRAMES: usize = 100;

/// The first lane of `lanes: auto`.
pub struct Calibration {
    /// All workers.
    pub crew: Crew<Timed>,
    /// The name of this lane, and of the others with the way to give them their share.
    pub name: String,
    /// The other lanes that there may be.
    pub spares: Vec<(String, Sender<Crew>)>,
    /// Where the result is told.
    pub placement: Arc<OnceLock<Placement>>,
}

impl Calibration {
    /// Measures, divides the work, and does its own share.
    ///
    /// # Errors
    /// The first fault that ends the run.
    pub fn run(mut self, run: &RunHandle) -> Result<(), FaultReport> {
        run.gate().enter();
        let enough = |crew: &Crew<Timed>| crew.all().any(|one| one.turns() >= FRAMES);
        match self.crew.turns(run, enough) {
            Ok(End::Left) => {
                run.gate().leave();
                self.divide().run(run)
            }
            Ok(End::Over) => self.crew.end(Ok(()), run),
            Err(fault) => self.crew.end(Err(fault), run),
        }
    }

    /// Gives the other lanes their share, and returns its own.
    fn divide(self) -> Crew {
        let feeds = self.crew.feeds.into_iter().map(|one| (true, one));
        let workers = self.crew.workers.into_iter().map(|one| (false, one));
        let mut all: Vec<(bool, Timed)> = feeds.chain(workers).collect();
        // What feeds a stage stands before it.
        all.sort_by_key(|(feed, one)| (one.place, !feed));
        let loads: Vec<f64> = all.iter().map(|(_, one)| one.load()).collect();
        let starts = partition(&loads, 1 + self.spares.len());
        let names = all.iter().map(|(_, one)| one.name.clone()).collect();
        let frames = all.iter().map(|(_, one)| one.turns()).max();
        let lanes: Vec<String> = std::iter::once(self.name)
            .chain(self.spares.iter().map(|(name, _)| name.clone()))
            .collect();
        // Set once: this lane is the only one that measures.
        let _ = self.placement.set(placement(
            names,
            &loads,
            &starts,
            &lanes,
            frames.unwrap_or(1),
        ));

        let mut rest = all.into_iter().enumerate().peekable();
        let mut share = |end: usize| {
            let mut crew = Crew::default();
            while let Some((_, (feed, one))) = rest.next_if(|(index, _)| *index < end) {
                match feed {
                    true => crew.feeds.push(one.worker),
                    false => crew.workers.push(one.worker),
                }
            }
            crew
        };
        let ends = starts[1..].iter().copied().chain([loads.len()]);
        let mut shares = ends.map(&mut share);
        let mut own = shares.next().unwrap_or_default();
        for (share, (_, spare)) in shares.zip(&self.spares) {
            // A lane that is gone cannot take its share.
            if let Err(SendError(share)) = spare.send(share) {
                own.feeds.extend(share.feeds);
                own.workers.extend(share.workers);
            }
        }
        own
    }
}

/// The result in words: times are for one of so many frames.
pub fn placement(
    names: Vec<String>,
    loads: &[f64],
    starts: &[usize],
    lanes: &[String],
    frames: usize,
) -> Placement {
    let us = |nanoseconds: f64| nanoseconds / 1e3 / frames.max(1) as f64;
    let ends = starts[1..].iter().copied().chain([loads.len()]);
    let segments = starts.iter().zip(ends).zip(lanes);
    Placement {
        frames: frames as u64,
        lanes: segments
            .map(|((&start, end), lane)| PlacedLane {
                name: lane.clone(),
                nodes: names[start..end].to_vec(),
                us: us(loads[start..end].iter().sum()),
            })
            .collect(),
        nodes: names
            .into_iter()
            .zip(loads)
            .map(|(name, &load)| NodeTime { name, us: us(load) })
            .collect(),
    }
}
