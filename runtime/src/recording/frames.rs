//! The frames of a stream, on their way from its ring into the file: by one copy, past nothing in between.

use super::container::Pieces;
use super::format::FrameHeader;
use super::writer::{MessageAbout, RecordingWriter};
use crate::stream::{Frame, Reader, StreamError, Tap};

/// Frames of one stream that are taken before the others get their turn, ...
const TURN: usize = 64;
/// ... and bytes, but for the last frame's.
const TURN_BYTES: usize = 1 << 20;
/// Copies that may be overtaken by the writer before the recorder comes back later.
const TRIES: u32 = 3;

/// Where frames come from.
pub(super) enum Intake {
    /// Nobody waits for the recorder.
    Tap(Tap),
    /// The producer waits for the recorder.
    Every(Reader),
}

/// A stream that is recorded.
pub(super) struct StreamAtWork {
    pub channel: usize,
    /// Bytes of a frame.
    pub bytes: usize,
    /// How many slots the recorder may lag behind.
    pub spare: usize,
    pub intake: Intake,
    /// What was there before the recorder, where `intake` begins with what comes after it.
    pub first: Option<Frame>,
    /// Frames that could not be read.
    pub damaged: u64,
}

/// What a look at a stream has found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// Frames in less than a quarter of the slots that the recorder may lag behind.
    Few,
    /// As many as there should be.
    Some,
    /// In half of them, or more.
    Many,
    /// So many that others get their turn first.
    More,
}

impl StreamAtWork {
    /// Frames that were not recorded.
    pub fn lost(&self) -> u64 {
        self.damaged
            + match &self.intake {
                Intake::Tap(tap) => tap.lost(),
                Intake::Every(reader) => reader.skipped(),
            }
    }

    /// Takes some frames. `epoch_ns` turns their times into nanoseconds since 1970.
    pub fn look(&mut self, writer: &mut RecordingWriter, epoch_ns: u64) -> Look {
        let bytes = FrameHeader::BYTES + self.bytes;
        let most = TURN.min((TURN_BYTES / bytes).max(1));
        let (mut taken, mut overtaken) = (0, 0);
        while overtaken < TRIES {
            if taken == most && self.ready() {
                return Look::More;
            }
            let Some(frame) = self.next() else {
                break;
            };
            let about = MessageAbout {
                channel: self.channel,
                time_ns: epoch_ns.wrapping_add(frame.published_ns),
                sequence: frame.sequence as u32,
            };
            let mut copied = Ok(());
            writer.fill(about, bytes, |pieces| {
                copied = self.copy(&frame, pieces);
                copied.is_ok()
            });
            match (copied, &mut self.intake) {
                (Ok(()), _) => taken += 1,
                (Err(StreamError::Overwritten { .. }), Intake::Tap(tap)) => {
                    tap.missed();
                    overtaken += 1;
                }
                // Somebody has damaged the stream, which ends the run.
                (Err(_), _) => {
                    self.damaged += 1;
                    break;
                }
            }
        }
        match taken {
            _ if 4 * taken < self.spare => Look::Few,
            _ if 2 * taken < self.spare => Look::Some,
            _ => Look::Many,
        }
    }

    fn ready(&self) -> bool {
        match &self.intake {
            Intake::Tap(tap) => tap.behind() > 0,
            Intake::Every(reader) => self.first.is_some() || reader.ready(),
        }
    }

    fn next(&mut self) -> Option<Frame> {
        match &mut self.intake {
            Intake::Tap(tap) => tap.next(),
            Intake::Every(reader) => self.first.take().or_else(|| reader.next()),
        }
    }

    /// Copies what is said about a frame, and the frame.
    fn copy(&self, frame: &Frame, pieces: &mut Pieces<'_>) -> Result<(), StreamError> {
        let mut header = [0; FrameHeader::BYTES];
        FrameHeader::of(frame).write(&mut header);
        let mut header = header.as_slice();
        let mut from = 0;
        for piece in pieces {
            let (now, later) = header.split_at(header.len().min(piece.len()));
            let (head, part) = piece.split_at_mut(now.len());
            head.copy_from_slice(now);
            header = later;
            match &self.intake {
                Intake::Tap(tap) => tap.copy(frame, from, part)?,
                Intake::Every(reader) => reader.copy(frame, from, part)?,
            }
            from += part.len();
        }
        match &self.intake {
            Intake::Tap(tap) => tap.check(frame),
            Intake::Every(reader) => reader.check(frame),
        }
    }
}
