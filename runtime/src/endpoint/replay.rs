//! The sources `file.npy` and `file.fits`: the frames of a recording one after the other, once or over and over.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::array::ArrayType;

use super::array_file::{ArrayFile, Format};
use super::pace::{Pace, Tick};
use super::parameters::Reader;
use super::{EndpointError, PlannedSource, Produced, Source};

pub(super) const PARAMETERS: [&str; 3] = ["path", "rate_hz", "loop"];

/// What the source was asked for. The file stays open: what was checked is what is played.
#[derive(Clone)]
pub(super) struct Plan {
    file: ArrayFile,
    frames: u64,
    rate: Option<f64>,
    endless: bool,
}

/// `directory` is what a relative path starts from.
pub(super) fn plan(
    parameters: &mut Reader<'_>,
    format: Format,
    array: &ArrayType,
    directory: &Path,
) -> Option<Plan> {
    let path = parameters.path(format.ending());
    let rate = parameters.rate();
    let endless = parameters.boolean("loop").unwrap_or(false);
    let path = path?;
    let opened = format.open(&directory.join(path.value.as_str()?));
    match opened.and_then(|file| Ok((file.frames(array)?, file))) {
        Ok((frames, file)) => Some(Plan {
            file,
            frames,
            rate,
            endless,
        }),
        Err(error) => {
            parameters.diagnostics.push(error.at(path.span));
            None
        }
    }
}

impl PlannedSource for Plan {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        Ok(Box::new(Replay {
            pace: Pace::new(self.rate),
            plan: self.clone(),
            next: 0,
        }))
    }
}

struct Replay {
    plan: Plan,
    pace: Pace,
    next: u64,
}

impl Source for Replay {
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        if self.next == self.plan.frames {
            if !self.plan.endless {
                return Ok(Produced::End);
            }
            self.next = 0;
        }
        match self.pace.tick(Instant::now) {
            Tick::Later(due) => Ok(Produced::NotBefore(due)),
            Tick::Now { missed } => {
                self.plan.file.read_frame(self.next, &mut frames[0])?;
                self.next += 1;
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
