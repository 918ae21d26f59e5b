//! The source that gives the frames of a recording.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::{EndpointError, PlannedSource, Produced, Source};
use crate::recording::{FrameEntry, Recording};

/// How fast frames come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as they came when they were recorded.
    Times(f64),
    /// As fast as they are taken.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        match text.parse() {
            Ok(times) if (1e-3..=1e6).contains(&times) => Ok(Speed::Times(times)),
            _ if text == "max" => Ok(Speed::Max),
            _ => Err(
                "it must be a factor from 0.001 to 1000000, such as 1 or 0.5, or the word max"
                    .to_owned(),
            ),
        }
    }
}

/// Gives the frames of some streams in the order in which they were published, with the numbers that they had.
pub struct Playback {
    recording: Arc<Recording>,
    /// For each of the source's streams: its index in the recording, and how many of its frames are passed over.
    streams: Vec<(usize, usize)>,
    speed: Speed,
}

impl Playback {
    /// Plays streams of the recording: for each its index there, and how many of its frames are passed over.
    pub fn new(recording: Arc<Recording>, streams: Vec<(usize, usize)>, speed: Speed) -> Playback {
        Playback {
            recording,
            streams,
            speed,
        }
    }
}

impl PlannedSource for Playback {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        Ok(Box::new(Player {
            recording: Arc::clone(&self.recording),
            free: vec![true; self.streams.len()],
            streams: self.streams.clone(),
            speed: self.speed,
            begun: None,
        }))
    }
}

struct Player {
    recording: Arc<Recording>,
    /// For each stream its index in the recording, and the place of its next frame.
    streams: Vec<(usize, usize)>,
    /// Which of them have room for a frame.
    free: Vec<bool>,
    speed: Speed,
    /// When the first frame was given, and when it was published then.
    begun: Option<(Instant, u64)>,
}

impl Player {
    /// The frame that comes next, and for which of the streams it is. Where a stream has no room, those of others come before it.
    fn next(&self) -> Option<(usize, FrameEntry)> {
        let frames = self.streams.iter().enumerate();
        let frames = frames.filter_map(|(output, &(stream, place))| {
            let stream = self.recording.streams.get(stream)?;
            Some((output, *stream.frames.get(place)?))
        });
        frames
            .filter(|(output, _)| self.free[*output])
            .min_by_key(|(_, frame)| frame.published_ns)
    }

    /// Whether there are no more frames.
    fn is_over(&self) -> bool {
        let frames = |stream: usize| {
            self.recording
                .streams
                .get(stream)
                .map(|one| one.frames.len())
        };
        let mut streams = self.streams.iter();
        streams.all(|&(stream, place)| frames(stream).is_none_or(|frames| place >= frames))
    }

    /// When a frame is due that was published at this time.
    fn due(&mut self, published_ns: u64) -> Option<Instant> {
        let Speed::Times(times) = self.speed else {
            return None;
        };
        let (begun, first_ns) = *self
            .begun
            .get_or_insert_with(|| (Instant::now(), published_ns));
        let after = Duration::from_nanos(published_ns.saturating_sub(first_ns));
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / times).ok()?;
        begun.checked_add(after)
    }
}

impl Source for Player {
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        let Some((output, frame)) = Player::next(self) else {
            return Ok(match self.is_over() {
                true => Produced::End,
                false => Produced::Nothing,
            });
        };
        if let Some(due) = self.due(frame.published_ns)
            && due > Instant::now()
        {
            return Ok(Produced::NotBefore(due));
        }
        self.streams[output].1 += 1;
        self.recording
            .read_frame(&frame, &mut frames[output])
            .map_err(|error| EndpointError::Recording(error.to_string()))?;
        Ok(Produced::Frame {
            output,
            frame_id: Some(frame.frame_id),
            missed: 0,
        })
    }

    fn delay(&mut self, by: Duration) {
        if let Some((begun, _)) = &mut self.begun {
            *begun += by;
        }
    }

    fn has_generations(&self) -> bool {
        false
    }

    fn offer(&mut self, free: &[bool]) {
        self.free.copy_from_slice(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_the_word_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("0.5".parse(), Ok(Speed::Times(0.5)));
        for wrong in ["0", "-1", "fast", "nan", "inf"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
