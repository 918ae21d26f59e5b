//! Buffers that go round between the recorder's thread and the writer's.

use std::sync::mpsc::Receiver;

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
}

impl Pool {
    /// For each channel the size of its buffers and how many there may be.
    pub fn new(
        shelves: impl Iterator<Item = (usize, usize)>,
        back: Receiver<(usize, Vec<u8>)>,
    ) -> Pool {
        let shelf = |(bytes, left)| Shelf {
            bytes,
            left,
            free: Vec::new(),
        };
        Pool {
            shelves: shelves.map(shelf).collect(),
            back,
        }
    }

    /// Puts back what the writer is done with.
    pub fn collect(&mut self) {
        while let Ok((channel, buffer)) = self.back.try_recv() {
            self.put(channel, buffer);
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
