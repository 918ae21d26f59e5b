//! What a stream is to be, before there is one.

use super::control::{Geometry, MOST_READERS, MOST_SLOTS};
use super::error::StreamError;
use super::header::MOST_DIMENSIONS;
use super::mapping::whole_pages;
use super::name::StreamFiles;
use crate::array::ArrayType;

/// Frames that wait for an `every` reader before the producer has to.
const QUEUE: u32 = 4;
/// Each reader may pin a slot, and one is the newest; so one is always free to be written.
const LEAST_FREE: u32 = 2;

/// What to do when a stream of the name exists already.
///
/// What a run of sandpipe left that is no longer alive is always replaced (but attached to, in the mode of that name), and a
/// stream of a run that is alive always refused (but attached to, likewise).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Use it if it holds the same; if it does not, replace it, unless the process that made it is alive.
    #[default]
    CreateOrAttach,
    /// Fail.
    Create,
    /// Use it; fail if there is none or it holds something else.
    Attach,
    /// Replace it.
    Replace,
}

/// When a published frame is copied to where pyshmem's readers look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mirror {
    /// As often as that takes at most a twentieth of a busy writer's time; the newest frame in any case.
    #[default]
    Auto,
    /// Each one, unless a Python process holds the lock just then; the newest frame in any case.
    Every,
    /// Not at all.
    Never,
    /// As [`Mirror::Auto`] where the stream was attached to, since somebody else has it open; else not at all.
    IfAttached,
}

/// What [`Stream::create`](super::Stream::create) is to make.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// The name, with the namespace: what `pyshmem.open` takes.
    pub name: String,
    /// Dtype and shape of a frame.
    pub array: ArrayType,
    /// Readers that will be attached at a time; one more place is kept for a tool.
    pub readers: u32,
    /// Whether one of them is to get every frame, so that there has to be a queue.
    pub every: bool,
    /// Slots of the ring, if not the default: one for each reader place, two for the writer, four for the queue.
    pub slots: Option<u32>,
    /// Whether pyshmem's readers are woken when a frame comes to their place.
    pub notify: bool,
    /// When frames are copied to pyshmem's place.
    pub mirror: Mirror,
    /// What to do when a stream of this name exists already.
    pub mode: Mode,
}

impl StreamSpec {
    /// Whether there can be such a stream at all, before anything is made.
    ///
    /// # Errors
    /// What [`Stream::create`](super::Stream::create) would say about the name, the dtype and shape, the readers or the slots.
    pub fn check(&self) -> Result<(), StreamError> {
        StreamFiles::of(&self.name)?;
        self.geometry().map(|_| ())
    }

    /// The slots of the ring where [`StreamSpec::slots`] says nothing.
    pub fn default_slots(&self) -> u32 {
        let readers = self.readers.saturating_add(1);
        let queue = if self.every { QUEUE } else { 0 };
        readers.saturating_add(LEAST_FREE + queue)
    }

    /// The ring for this stream, at the beginning of its file.
    ///
    /// # Errors
    /// A dtype and shape that pyshmem's header or a kernel's 32-bit addresses cannot hold; too many readers; too few slots.
    pub(super) fn geometry(&self) -> Result<Geometry, StreamError> {
        let refuse = |reason: String| StreamError::Array {
            name: self.name.clone(),
            array: self.array.clone(),
            reason,
        };
        let rank = self.array.shape.len();
        if !(1..=MOST_DIMENSIONS).contains(&rank) {
            return Err(refuse(format!(
                "a frame has 1 to {MOST_DIMENSIONS} dimensions, not {rank}"
            )));
        }
        let bytes = self.array.bytes().unwrap_or(usize::MAX);
        if bytes == 0 {
            return Err(refuse("every extent must be at least 1".into()));
        }
        let stride = whole_pages(bytes).and_then(|stride| u32::try_from(stride).ok());
        let (Ok(bytes), Some(stride)) = (u32::try_from(bytes), stride) else {
            return Err(refuse(
                "a frame must be smaller than 4 GiB, since kernels have 32-bit addresses".into(),
            ));
        };
        let readers = self.readers.saturating_add(1);
        if readers > MOST_READERS {
            return Err(StreamError::Readers {
                name: self.name.clone(),
                places: MOST_READERS - 1,
            });
        }
        let least = readers + LEAST_FREE;
        let slots = self.slots.unwrap_or(self.default_slots());
        if !(least..=MOST_SLOTS).contains(&slots) {
            return Err(StreamError::Slots {
                name: self.name.clone(),
                given: slots,
                least,
                most: MOST_SLOTS,
            });
        }
        Ok(Geometry {
            bytes,
            stride,
            slots,
            readers,
            offset: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::array::Dtype;

    fn spec(shape: &[u32]) -> StreamSpec {
        StreamSpec {
            name: "s".to_owned(),
            array: ArrayType {
                dtype: Dtype::F32,
                shape: shape.to_vec(),
            },
            readers: 2,
            every: false,
            slots: None,
            notify: false,
            mirror: Mirror::Auto,
            mode: Mode::default(),
        }
    }

    #[test]
    fn slots_are_enough_for_every_reader_the_newest_and_the_next() {
        let geometry = spec(&[1025]).geometry().unwrap();
        assert_eq!((geometry.bytes, geometry.stride), (4100, 8192));
        assert_eq!((geometry.readers, geometry.slots), (3, 5));
        let every = StreamSpec {
            every: true,
            ..spec(&[1])
        };
        assert_eq!(every.geometry().unwrap().slots, 9);
    }

    #[test]
    fn too_few_and_too_many_slots_are_refused() {
        for slots in [0, 4, 256] {
            let spec = StreamSpec {
                slots: Some(slots),
                ..spec(&[1])
            };
            assert!(matches!(
                spec.geometry(),
                Err(StreamError::Slots { least: 5, .. })
            ));
        }
    }

    #[test]
    fn arrays_that_no_stream_can_hold_are_refused() {
        for shape in [
            &[][..],
            &[1; 20],
            &[0, 3],
            &[u32::MAX, u32::MAX, 9],
            &[1 << 30],
        ] {
            assert!(
                matches!(spec(shape).geometry(), Err(StreamError::Array { .. })),
                "{shape:?}"
            );
        }
    }
}
