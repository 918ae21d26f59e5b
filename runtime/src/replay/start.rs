//! Where in a recording to begin.

use std::str::FromStr;
use std::time::Duration;

use crate::config::parse_duration;
use crate::recording::Recording;

/// Where in a recording to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With its first frame.
    #[default]
    Beginning,
    /// So long after its first frame.
    After(Duration),
    /// With the first frame of this number or a greater one.
    Frame(u64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Start, String> {
        match text.parse() {
            Ok(0) => return Ok(Start::Beginning),
            Ok(frame_id) => return Ok(Start::Frame(frame_id)),
            Err(_) => {}
        }
        parse_duration(text).map(Start::After).map_err(|_| {
            "it must be a time since the beginning, such as 1.5s, or the number of a frame, such as 1000"
                .to_owned()
        })
    }
}

impl Start {
    /// As a time of the recording machine's CLOCK_MONOTONIC; `None` if the recording ends before.
    pub fn in_recording(self, recording: &Recording) -> Option<u64> {
        let mut frames = recording
            .streams
            .iter()
            .flat_map(|stream| stream.frames.iter());
        match self {
            Start::Beginning => Some(0),
            Start::After(time) => {
                let (first, last) = frames.fold((u64::MAX, 0), |(first, last), frame| {
                    (frame.published_ns.min(first), frame.published_ns.max(last))
                });
                let at = first.saturating_add(time.as_nanos().try_into().unwrap_or(u64::MAX));
                (at <= last).then_some(at)
            }
            Start::Frame(frame_id) => frames
                .by_ref()
                .filter(|frame| frame.frame_id >= frame_id)
                .map(|frame| frame.published_ns)
                .min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_frame_and_anything_with_a_unit_a_time() {
        assert_eq!("1000".parse(), Ok(Start::Frame(1000)));
        assert_eq!("0".parse(), Ok(Start::Beginning));
        assert_eq!(
            "1.5s".parse(),
            Ok(Start::After(Duration::from_millis(1500)))
        );
        assert!("soon".parse::<Start>().is_err());
    }
}
