//! The sinks `file.npy` and `file.fits`: frames into a stack `[N, *shape]` that NumPy, or Astropy, reads.

use std::path::{Path, PathBuf};

use crate::array::ArrayType;
use crate::config::Span;

use super::array_file::{ArrayWriter, Format};
use super::parameters::Reader;
use super::{Consumed, EndpointError, PlannedSink, Sink};

/// `limit` is the number of frames that are kept; those after it are not written.
pub(super) const PARAMETERS: [&str; 2] = ["path", "limit"];

/// What the sink was asked for.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) path: PathBuf,
    format: Format,
    array: ArrayType,
    limit: u64,
}

/// Gives the plan, and where its path stands. `directory` is what a relative path starts from.
pub(super) fn plan(
    parameters: &mut Reader<'_>,
    format: Format,
    array: &ArrayType,
    directory: &Path,
) -> Option<(Plan, Span)> {
    let path = parameters.path(format.ending());
    let limit = parameters.integer("limit", 1).unwrap_or(u64::MAX);
    let located = path?;
    let path = directory.join(located.value.as_str()?);
    if let Err(error) = format.check_target(&path, array) {
        parameters.diagnostics.push(error.at(located.span));
        return None;
    }
    let plan = Plan {
        path,
        format,
        array: array.clone(),
        limit,
    };
    Some((plan, located.span))
}

impl PlannedSink for Plan {
    fn open(&self) -> Result<Box<dyn Sink>, EndpointError> {
        let longest = self.stack(u64::MAX);
        let writer = self.format.create(&self.path, self.array.dtype, &longest)?;
        Ok(Box::new(Recording {
            plan: self.clone(),
            writer: Some(writer),
            frames: 0,
        }))
    }

    fn waits(&self) -> bool {
        true
    }
}

impl Plan {
    /// The shape of a stack of `frames` frames.
    fn stack(&self, frames: u64) -> Vec<u64> {
        let frame = self.array.shape.iter().map(|&extent| extent.into());
        std::iter::once(frames).chain(frame).collect()
    }
}

struct Recording {
    plan: Plan,
    /// Until it is finished.
    writer: Option<Box<dyn ArrayWriter>>,
    frames: u64,
}

impl Sink for Recording {
    fn consume(&mut self, frame: &[u8], _: u64) -> Result<Consumed, EndpointError> {
        if let Some(writer) = &mut self.writer
            && self.frames < self.plan.limit
        {
            writer.append(frame)?;
            self.frames += 1;
        }
        Ok(Consumed::Ready)
    }

    fn finish(&mut self) -> Result<(), EndpointError> {
        match self.writer.take() {
            Some(writer) => Ok(writer.finish(&self.plan.stack(self.frames))?),
            None => Ok(()),
        }
    }
}
