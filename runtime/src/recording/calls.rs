//! What lanes note about their calls: a queue of fixed-size records for each stage, which its lane fills and the recorder drains.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::format::{CALL_HEAD, Outcome, WORD};
use crate::stream::{PrivateRing, StreamError};

/// Calls that fit into a queue: the recorder looks at it about every millisecond.
const CAPACITY: usize = 4096;

/// What lane and recorder share. One writes, the other reads.
struct Shared {
    words: Box<[AtomicU64]>,
    /// Records that have been written.
    written: Line,
    /// Records that have been read.
    read: Line,
    /// Records that found no room.
    lost: Line,
    /// Calls that have committed their state.
    commits: Line,
}

/// A word on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// The lane's end.
pub struct CallLog {
    shared: Arc<Shared>,
    /// Words of a record.
    width: usize,
    written: u64,
    /// What had been read when the lane looked last.
    read: u64,
    commits: u64,
}

/// The recorder's end.
pub struct CallQueue {
    shared: Arc<Shared>,
    width: usize,
    read: u64,
}

/// A log for a stage of so many inputs and outputs, and where it is read.
pub fn calls(inputs: usize, outputs: usize) -> (CallLog, CallQueue) {
    let width = CALL_HEAD + inputs + outputs;
    let shared = Arc::new(Shared {
        words: (0..CAPACITY * width).map(|_| AtomicU64::new(0)).collect(),
        written: Line::default(),
        read: Line::default(),
        lost: Line::default(),
        commits: Line::default(),
    });
    let log = CallLog {
        shared: Arc::clone(&shared),
        width,
        written: 0,
        read: 0,
        commits: 0,
    };
    let queue = CallQueue {
        shared,
        width,
        read: 0,
    };
    (log, queue)
}

/// Where the record of this number lies.
fn place(number: u64, width: usize) -> std::ops::Range<usize> {
    let first = (number % CAPACITY as u64) as usize * width;
    first..first + width
}

impl CallLog {
    /// The state of a call has been committed. To be said before the next call begins.
    #[inline]
    pub fn committed(&mut self) {
        self.commits += 1;
        self.shared.commits.0.store(self.commits, Ordering::Relaxed);
        // What the next call writes over the older value comes after.
        fence(Ordering::Release);
    }

    /// Notes what became of a frame. To be called before anything is published for it.
    #[inline]
    pub fn note(
        &mut self,
        outcome: Outcome,
        at_ns: u64,
        frame_id: u64,
        inputs: impl Iterator<Item = u64>,
        outputs: impl Iterator<Item = u64>,
    ) {
        if self.written - self.read >= CAPACITY as u64 {
            self.read = self.shared.read.0.load(Ordering::Acquire);
            if self.written - self.read >= CAPACITY as u64 {
                self.shared.lost.0.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        let head = [self.commits, at_ns, frame_id, outcome as u64];
        let words = head.into_iter().chain(inputs).chain(outputs);
        let places = &self.shared.words[place(self.written, self.width)];
        for (place, word) in places.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        self.written += 1;
        self.shared.written.0.store(self.written, Ordering::Release);
    }
}

impl CallQueue {
    /// Moves what has been noted into `into`, as the bytes of a message, at most so many records.
    pub fn drain(&mut self, into: &mut Vec<u8>, most: usize) -> usize {
        let written = self.shared.written.0.load(Ordering::Acquire);
        let count = written.saturating_sub(self.read).min(most as u64);
        for number in self.read..self.read + count {
            for word in &self.shared.words[place(number, self.width)] {
                into.extend(word.load(Ordering::Relaxed).to_le_bytes());
            }
        }
        self.read += count;
        self.shared.read.0.store(self.read, Ordering::Release);
        count as usize
    }

    /// Whether something has been noted.
    pub fn is_empty(&self) -> bool {
        self.shared.written.0.load(Ordering::Acquire) == self.read
    }

    /// Bytes of a record.
    pub fn record_bytes(&self) -> usize {
        self.width * WORD
    }

    /// Calls that found no room.
    pub fn lost(&self) -> u64 {
        self.shared.lost.0.load(Ordering::Relaxed)
    }

    /// Watches the stage's state arrays, which are committed as this queue's log says.
    pub fn watch(&self, arrays: Vec<Arc<PrivateRing>>) -> StateWatch {
        StateWatch {
            shared: Arc::clone(&self.shared),
            arrays,
        }
    }
}

/// Copies a stage's committed state while its lane goes on.
pub struct StateWatch {
    shared: Arc<Shared>,
    arrays: Vec<Arc<PrivateRing>>,
}

impl StateWatch {
    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.arrays.iter().map(|array| array.bytes()).sum()
    }

    /// Copies the arrays into `into`, one behind the other, which has their size. Returns after how many calls that was
    /// the state, or `None` if a call was committed meanwhile. Each call writes the slot that is not committed, so a copy is whole
    /// as long as no call was committed since it began.
    ///
    /// # Errors
    /// None in fact: the slots exist.
    pub fn copy(&self, into: &mut [u8]) -> Result<Option<u64>, StreamError> {
        let before = self.shared.commits.0.load(Ordering::Acquire);
        let slot = (before & 1) as u32;
        let mut rest = into;
        for array in &self.arrays {
            let (place, more) = rest.split_at_mut(array.bytes().min(rest.len()));
            array.read_into(slot, place)?;
            rest = more;
        }
        fence(Ordering::Acquire);
        let after = self.shared.commits.0.load(Ordering::Relaxed);
        Ok((before == after).then_some(before))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::recording::Call;

    fn note(log: &mut CallLog, number: u64) {
        log.committed();
        let inputs = [number, number + 1].into_iter();
        log.note(
            Outcome::Fresh,
            2 * number,
            3 * number,
            inputs,
            [number].into_iter(),
        );
    }

    #[test]
    fn every_call_arrives_in_order_while_both_work() {
        let (mut log, mut queue) = calls(2, 1);
        const CALLS: u64 = 100_000;
        let lane = std::thread::spawn(move || {
            for number in 1..=CALLS {
                note(&mut log, number);
                if number % 512 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let (mut expected, mut bytes) = (0, Vec::new());
        while !lane.is_finished() || !queue.is_empty() {
            bytes.clear();
            queue.drain(&mut bytes, 100);
            for record in bytes.chunks_exact(queue.record_bytes()) {
                let call = Call::read(record, 2, 1).unwrap();
                assert!(call.number > expected);
                expected = call.number;
                assert_eq!((call.at_ns, call.frame_id), (2 * expected, 3 * expected));
                assert_eq!(call.inputs, [expected, expected + 1]);
                assert_eq!(call.outputs, [expected]);
            }
        }
        lane.join().unwrap();
        assert!(expected + queue.lost() >= CALLS);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (mut log, mut queue) = calls(2, 1);
        (1..=CAPACITY as u64 + 5).for_each(|number| note(&mut log, number));
        assert_eq!(queue.lost(), 5);
        let mut bytes = Vec::new();
        assert_eq!(queue.drain(&mut bytes, usize::MAX), CAPACITY);
        note(&mut log, CAPACITY as u64 + 6);
        assert_eq!(queue.drain(&mut bytes, usize::MAX), 1);
    }

    #[test]
    fn state_is_copied_whole_or_not_at_all() {
        let ring = Arc::new(PrivateRing::new("state", 2, Some(4096)).unwrap());
        let (mut log, queue) = calls(0, 0);
        let watch = queue.watch(vec![Arc::clone(&ring)]);
        let lane = std::thread::spawn(move || {
            for call in 1..=20_000_u64 {
                ring.write((call & 1) as u32, &[call as u8; 4096]).unwrap();
                log.committed();
            }
        });
        let mut bytes = vec![0; watch.bytes()];
        let mut whole = 0;
        loop {
            let last = lane.is_finished();
            if let Some(calls) = watch.copy(&mut bytes).unwrap() {
                assert!(bytes.iter().all(|&byte| byte == calls as u8), "torn");
                whole += 1;
            }
            if last {
                break;
            }
        }
        lane.join().unwrap();
        assert!(whole > 0);
    }
}
