//! Frames made before anything is measured, given over and over: a bench does not measure how fast patterns are computed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::array::zeros;
use crate::endpoint::{EndpointError, PlannedSource, Produced, Source};

/// At most so many frames are kept of each stream of a source.
const MOST: usize = 16;
/// At most so many bytes are kept of a source, but one frame at least.
const MOST_BYTES: usize = 16 << 20;

/// Whole generations of one source: its frames in their order, each with its stream's place among the source's.
#[derive(Clone)]
pub struct Frames(Arc<[(usize, Vec<u8>)]>);

impl Frames {
    /// The first frames of a source without a rate, whose streams' frames have so many `bytes`.
    ///
    /// # Errors
    /// It cannot be opened, or gives none.
    pub fn of(source: &dyn PlannedSource, name: &str, bytes: &[usize]) -> anyhow::Result<Self> {
        let failed = || format!("source '{name}' gives no frame");
        let mut source = source.open().with_context(failed)?;
        let generation = bytes.iter().sum::<usize>().max(1);
        let count = (MOST_BYTES / generation).clamp(1, MOST) * bytes.len();
        let new = |bytes: &usize| zeros(*bytes).with_context(failed);
        let mut next = bytes.iter().map(new).collect::<Result<Vec<_>, _>>()?;
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            match source.next(&mut next).with_context(failed)? {
                Produced::Frame { output, .. } => frames.push((output, next[output].clone())),
                Produced::Lost { .. } => {}
                Produced::NotBefore(_) | Produced::Nothing | Produced::End => break,
            }
        }
        // Not the beginning of a generation that was cut off.
        let ends = |(output, _): &(usize, Vec<u8>)| output + 1 == bytes.len();
        frames.truncate(frames.iter().rposition(ends).map_or(0, |last| last + 1));
        if frames.is_empty() {
            bail!("{}", failed());
        }
        Ok(Self(frames.into()))
    }

    /// The first of a stream.
    pub fn first(&self, output: usize) -> &[u8] {
        let first = self.0.iter().find(|(of, _)| *of == output);
        first.map_or(&[], |(_, frame)| frame)
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
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        let Some((output, kept)) = self.frames.0.get(self.next) else {
            return Ok(Produced::End);
        };
        frames[*output].copy_from_slice(kept);
        self.next = (self.next + 1) % self.frames.0.len();
        Ok(Produced::Frame {
            output: *output,
            frame_id: None,
            missed: 0,
        })
    }

    fn delay(&mut self, _: Duration) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Gives so many generations of frames to so many streams; the n-th frame holds n.
    struct Few {
        generations: usize,
        streams: usize,
    }

    struct Opened {
        left: usize,
        streams: usize,
        given: usize,
    }

    impl PlannedSource for Few {
        fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
            Ok(Box::new(Opened {
                left: self.generations * self.streams,
                streams: self.streams,
                given: 0,
            }))
        }
    }

    impl Source for Opened {
        fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
            if self.given == self.left {
                return Ok(Produced::End);
            }
            let output = self.given % self.streams;
            self.given += 1;
            frames[output].fill(self.given as u8);
            Ok(Produced::Frame {
                output,
                frame_id: None,
                missed: 0,
            })
        }

        fn delay(&mut self, _: Duration) {}
    }

    fn few(generations: usize, streams: usize) -> Few {
        Few {
            generations,
            streams,
        }
    }

    #[test]
    fn the_frames_of_a_source_that_ends_come_over_and_over() {
        let frames = Frames::of(&few(2, 1), "few", &[3]).unwrap();
        assert_eq!(frames.first(0), [1; 3]);
        let mut cycle = frames.open().unwrap();
        let mut frame = [vec![0; 3]];
        for expected in [1, 2, 1, 2, 1] {
            cycle.next(&mut frame).unwrap();
            assert_eq!(frame[0], [expected; 3]);
        }
        assert!(Frames::of(&few(0, 1), "none", &[3]).is_err());
        let many = Frames::of(&few(200, 1), "many", &[8]).unwrap();
        assert_eq!(many.0.len(), MOST);
        let large = Frames::of(&few(200, 1), "large", &[MOST_BYTES]).unwrap();
        assert_eq!(large.0.len(), 1);
    }

    #[test]
    fn of_several_streams_whole_generations_are_kept() {
        let frames = Frames::of(&few(200, 3), "many", &[1, 2, 3]).unwrap();
        assert_eq!(frames.0.len(), 3 * MOST);
        assert_eq!(frames.first(2), [3; 3]);
        let outputs = frames.0.iter().map(|(output, _)| *output);
        assert!(outputs.eq((0..3 * MOST).map(|frame| frame % 3)));
    }
}
