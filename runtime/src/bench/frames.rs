//! Frames made before anything is measured, given over and over: a bench does not measure how fast patterns are computed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::array::zeros;
use crate::endpoint::{EndpointError, PlannedSource, Produced, Source};

/// At most so many frames are kept of a source.
const MOST: usize = 16;
/// At most so many bytes are kept of a source, but one frame at least.
const MOST_BYTES: usize = 16 << 20;

/// Frames of one source.
#[derive(Clone)]
pub struct Frames(Arc<[Vec<u8>]>);

impl Frames {
    /// The first frames of a source without a rate.
    ///
    /// # Errors
    /// It cannot be opened, or gives none.
    pub fn of(source: &dyn PlannedSource, name: &str, bytes: usize) -> anyhow::Result<Self> {
        let failed = || format!("source '{name}' gives no frame");
        let mut source = source.open().with_context(failed)?;
        let count = (MOST_BYTES / bytes.max(1)).clamp(1, MOST);
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            let mut frame = zeros(bytes).with_context(failed)?;
            match source.next(&mut frame).with_context(failed)? {
                Produced::Frame { .. } => frames.push(frame),
                Produced::NotBefore(_) | Produced::End => break,
            }
        }
        if frames.is_empty() {
            bail!("{}", failed());
        }
        Ok(Self(frames.into()))
    }

    /// The first.
    pub fn first(&self) -> &[u8] {
        self.0.first().map_or(&[], Vec::as_slice)
    }
}

impl PlannedSource for Frames {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        Ok(Box::new(Cycle {
            frames: self.clone(),
            next: 0,
        }))
    }
}

struct Cycle {
    frames: Frames,
    next: usize,
}

impl Source for Cycle {
    fn next(&mut self, frame: &mut [u8]) -> Result<Produced, EndpointError> {
        let Some(kept) = self.frames.0.get(self.next) else {
            return Ok(Produced::End);
        };
        frame.copy_from_slice(kept);
        self.next = (self.next + 1) % self.frames.0.len();
        Ok(Produced::Frame { missed: 0 })
    }

    fn delay(&mut self, _: Duration) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Gives `0` of its frames, the n-th of which holds n.
    struct Few(u8);

    struct Opened(u8, u8);

    impl PlannedSource for Few {
        fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
            Ok(Box::new(Opened(self.0, 0)))
        }
    }

    impl Source for Opened {
        fn next(&mut self, frame: &mut [u8]) -> Result<Produced, EndpointError> {
            if self.1 == self.0 {
                return Ok(Produced::End);
            }
            self.1 += 1;
            frame.fill(self.1);
            Ok(Produced::Frame { missed: 0 })
        }

        fn delay(&mut self, _: Duration) {}
    }

    #[test]
    fn the_frames_of_a_source_that_ends_come_over_and_over() {
        let frames = Frames::of(&Few(2), "few", 3).unwrap();
        assert_eq!(frames.first(), [1; 3]);
        let mut cycle = frames.open().unwrap();
        let mut frame = [0; 3];
        for expected in [1, 2, 1, 2, 1] {
            cycle.next(&mut frame).unwrap();
            assert_eq!(frame, [expected; 3]);
        }
        assert!(Frames::of(&Few(0), "none", 3).is_err());
        let few = Frames::of(&Few(200), "many", 8).unwrap();
        assert_eq!(few.0.len(), MOST);
        assert_eq!(
            Frames::of(&Few(200), "large", MOST_BYTES).unwrap().0.len(),
            1
        );
    }
}
