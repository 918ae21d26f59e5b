//! Rules about many frames: memory and time.

use std::time::Duration;

use super::attempt::{base, verdict};
use crate::conformance::Verdict;
use crate::conformance::suite::Suite;
use crate::sandbox::World;

/// Frames that a kernel computes while its memory is watched.
const MANY: u64 = 10_000;

/// Frames after which its memory has to have its size.
const SETTLED: u64 = 1_000;

/// Frames whose time is taken.
const TIMED: usize = 300;

pub(super) fn memory(suite: &Suite<'_>) -> Verdict {
    let small = suite.place.with_shape(&[8, 16]);
    let place = if suite.place.free {
        &small
    } else {
        suite.place
    };
    let mut trial = match suite.open(place).or_else(|_| suite.open(suite.place)) {
        Ok(trial) => trial,
        Err(_) => {
            return Verdict::Skipped(
                "the kernel does not run in its place; see accepts".to_owned(),
            );
        }
    };
    let managed = suite.program.world() == World::Copied;
    let mut run = || -> Result<String, String> {
        trial.fill(1)?;
        for _ in 0..SETTLED {
            trial.step()?;
        }
        let before = trial.memory();
        for _ in SETTLED..MANY {
            trial.step()?;
        }
        match (before, trial.memory()) {
            // What a collector has not collected yet, and what the tools of managed languages leak, is not the author's.
            (Some(before), Some(after)) if managed => Ok(format!(
                "{} KiB; {} bytes a frame, which a runtime may still collect",
                after >> 10,
                (after - before.min(after)) / (MANY - SETTLED)
            )),
            (Some(before), Some(after)) if after > before => Err(format!(
                "it has grown from {} KiB after {SETTLED} frames to {} KiB after {MANY}",
                before >> 10,
                after >> 10
            )),
            (_, after) => {
                Ok(after.map_or_else(String::new, |bytes| format!("{} KiB", bytes >> 10)))
            }
        }
    };
    verdict(run())
}

pub(super) fn time(suite: &Suite<'_>) -> Verdict {
    let mut trial = match base(suite) {
        Ok(trial) => trial,
        Err(skipped) => return skipped,
    };
    let mut run = || -> Result<String, String> {
        trial.fill(1)?;
        let mut times = (0..TIMED)
            .map(|_| trial.step())
            .collect::<Result<Vec<Duration>, String>>()?;
        times.sort();
        let us = |time: Duration| time.as_nanos() as f64 / 1000.0;
        let at = |share: usize| us(times[(TIMED - 1) * share / 100]);
        let array = suite
            .place
            .inputs
            .first()
            .map_or_else(String::new, |array| format!(" for {array}"));
        Ok(format!(
            "p50 {:.1} µs, p99 {:.1} µs, max {:.1} µs{array}",
            at(50),
            at(99),
            at(100)
        ))
    };
    verdict(run())
}
