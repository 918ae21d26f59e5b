//! The source `synthetic.array`: a pattern at a rate, or as fast as frames are taken.

use std::time::{Duration, Instant};

use crate::array::ArrayType;

use super::pace::{Pace, Tick};
use super::parameters::Reader;
use super::pattern::{FORMULAS, Formula, Generator, Pattern};
use super::{EndpointError, PlannedSource, Produced, Source};

pub(super) const PARAMETERS: [&str; 8] = [
    "pattern",
    "seed",
    "amplitude",
    "offset",
    "period",
    "constant",
    "impulse_interval",
    "rate_hz",
];

/// What `synthetic.array` was asked for.
pub(super) struct Plan {
    pattern: Pattern,
    array: ArrayType,
    rate: Option<f64>,
}

/// The parameters that say which pattern.
pub(super) fn pattern(parameters: &mut Reader<'_>) -> Pattern {
    let formula = parameters.choice("pattern", &FORMULAS, "the patterns");
    Pattern {
        formula: formula.unwrap_or(Formula::Random),
        seed: parameters.integer("seed", 0).unwrap_or(0),
        amplitude: parameters.number("amplitude").unwrap_or(1.0),
        offset: parameters.number("offset").unwrap_or(0.0),
        period: parameters
            .number_that("period", "a number above 0", |period| period > 0.0)
            .unwrap_or(64.0),
        constant: parameters.number("constant").unwrap_or(0.0),
        impulse_interval: parameters.integer("impulse_interval", 1).unwrap_or(64),
    }
}

pub(super) fn plan(parameters: &mut Reader<'_>, array: &ArrayType) -> Plan {
    Plan {
        pattern: pattern(parameters),
        array: array.clone(),
        rate: parameters.rate(),
    }
}

impl PlannedSource for Plan {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        Ok(Box::new(Synthetic {
            generator: Generator::new(self.pattern.clone(), self.array.clone()),
            pace: Pace::new(self.rate),
        }))
    }
}

struct Synthetic {
    generator: Generator,
    pace: Pace,
}

impl Source for Synthetic {
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        match self.pace.tick(Instant::now) {
            Tick::Later(due) => Ok(Produced::NotBefore(due)),
            Tick::Now { missed } => {
                self.generator.next(&mut frames[0]);
                Ok(Produced::Frame {
                    output: 0,
                    frame_id: None,
                    missed,
                })
            }
        }
    }

    fn delay(&mut self, by: Duration) {
        self.pace.delay(by);
    }
}
