//! Buffers that go round between the recorder's thread and the writer's.

use std::collections::TryReserveError;
use std::sync::mpsc::{Receiver, TryRecvError};

use crate::array::zeros;

/// A message on its way into the file.
pub(super) struct Item {
    /// The index of its channel, which is that of its shelf as well.
    pub channel: usize,
    /// In nanoseconds since 1970.
    pub time_ns: u64,
    /// The low half of a frame's sequence.
    pub sequence: u32,
    pub data: Vec<u8>,
}

/// The buffers of one channel that are not on their way.
struct Shelf {
    bytes: usize,
    /// How many may still be made.
    left: usize,
    free: Vec<Vec<u8>>,
}

/// All buffers that there are. So many of each size, each made when it is first needed.
pub(super) struct Pool {
    shelves: Vec<Shelf>,
    /// Those that the writer is done with.
    back: Receiver<(usize, Vec<u8>)>,
    abandoned: bool,
}

impl Pool {
    /// For each channel the size of its buffers and how many there may be, one at least.
    ///
    /// # Errors
    /// There is no memory for one of each.
    pub fn new(
        shelves: impl Iterator<Item = (usize, usize)>,
        back: Receiver<(usize, Vec<u8>)>,
    ) -> Result<Pool, TryReserveError> {
        let shelf = |(bytes, most): (usize, usize)| -> Result<Shelf, TryReserveError> {
            Ok(Shelf {
                bytes,
                left: most.saturating_sub(1),
                free: vec![zeros(bytes)?],
            })
        };
        Ok(Pool {
            shelves: shelves.map(shelf).collect::<Result<_, _>>()?,
            back,
            abandoned: false,
        })
    }

    /// Whether the writer is gone, and with it the buffers that it had.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Puts back what the writer is done with.
    pub fn collect(&mut self) {
        loop {
            match self.back.try_recv() {
                Ok((channel, buffer)) => self.put(channel, buffer),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.abandoned = true;
                    return;
                }
            }
        }
    }

    /// A buffer for the channel, if there is one.
    pub fn get(&mut self, channel: usize) -> Option<Vec<u8>> {
        let shelf = self.shelves.get_mut(channel)?;
        if let Some(buffer) = shelf.free.pop() {
            return Some(buffer);
        }
        shelf.left = shelf.left.checked_sub(1)?;
        let buffer = zeros(shelf.bytes).ok();
        if buffer.is_none() {
            // There is no memory for more.
            shelf.left = 0;
        }
        buffer
    }

    /// Gives one back that was not used.
    pub fn put(&mut self, channel: usize, buffer: Vec<u8>) {
        if let Some(shelf) = self.shelves.get_mut(channel) {
            shelf.free.push(buffer);
        }
    }
}
