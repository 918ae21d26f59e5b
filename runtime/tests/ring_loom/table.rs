//! A ring on the heap, and what the tests do with it.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::cell::UnsafeCell;

use crate::atomic::{Fences, put_fences};
use crate::owner::Owner;
use crate::ring::{
    Consumer, Delivery, Frame, Head, Label, Mark, Producer, ReaderRecord, Ring, Shared, SlotRecord,
};
use crate::wait::wait;

/// The records of a ring, and the number that stands in each slot for a frame's bytes. loom's threads are coroutines on one thread:
/// hence `Rc`.
pub struct Table {
    shared: Shared,
    slots: Vec<SlotRecord>,
    readers: Vec<ReaderRecord>,
    bytes: Vec<Bytes>,
}

/// The bytes in a slot.
enum Bytes {
    /// Of a ring whose readers hold what they read.
    Held {
        /// By which loom knows who touches them.
        watch: UnsafeCell<()>,
        number: AtomicU64,
    },
    /// Of a ring that somebody follows, who copies bytes while they are written.
    Followed(loom::sync::atomic::AtomicU64),
}

impl Table {
    pub fn new(slots: usize, readers: usize) -> Rc<Table> {
        Table::with(slots, readers, || Bytes::Held {
            watch: UnsafeCell::default(),
            number: AtomicU64::default(),
        })
    }

    /// One that may be followed.
    pub fn followed(slots: usize, readers: usize) -> Rc<Table> {
        Table::with(slots, readers, || Bytes::Followed(Default::default()))
    }

    fn with(slots: usize, readers: usize, bytes: impl Fn() -> Bytes) -> Rc<Table> {
        Rc::new(Table {
            shared: Shared {
                head: Default::default(),
                room: Default::default(),
                history: Default::default(),
            },
            slots: (0..slots).map(|_| SlotRecord::default()).collect(),
            readers: (0..readers).map(|_| ReaderRecord::default()).collect(),
            bytes: (0..slots).map(|_| bytes()).collect(),
        })
    }

    pub fn ring(&self) -> Ring<'_> {
        Ring {
            shared: &self.shared,
            slots: &self.slots,
            readers: &self.readers,
        }
    }

    pub fn attach(&self, delivery: Delivery) -> Consumer {
        Consumer::attach(self.ring(), Owner::READER, delivery).unwrap()
    }

    /// What a kernel does with the slot that `begin` returned.
    pub fn write(&self, slot: u32, number: u64) {
        match &self.bytes[slot as usize] {
            Bytes::Held {
                watch,
                number: place,
            } => watch.with_mut(|_| place.store(number, Ordering::Relaxed)),
            Bytes::Followed(place) => place.store(number, Ordering::Relaxed),
        }
    }

    /// Publishes the frame with the next number, waiting for room where a reader has not taken what it is to get.
    pub fn publish(&self, producer: &mut Producer) {
        let ring = self.ring();
        if !producer.has_free() {
            producer.search(ring);
        }
        while !producer.has_free() {
            wait(ring.shared.room.0.word(producer.room_seen()));
            producer.search(ring);
        }
        let slot = producer.begin(ring).unwrap();
        let number = producer.published() + 1;
        self.write(slot, number);
        let label = Label {
            frame_id: number,
            published_ns: number,
            origin_ns: number,
            mark: Mark::Fresh,
        };
        assert_eq!(producer.publish(ring, slot, label), Some(number));
    }

    pub fn close(&self) {
        self.ring().shared.head.0.set_bits(Head::CLOSED);
    }

    fn read(&self, frame: &Frame) -> u64 {
        match &self.bytes[frame.slot as usize] {
            Bytes::Held { watch, number } => watch.with(|_| number.load(Ordering::Relaxed)),
            Bytes::Followed(number) => number.load(Ordering::Relaxed),
        }
    }

    /// Copies a frame that nobody holds. Whether it was whole: then it has to be the right one.
    pub fn copy(&self, frame: &Frame) -> bool {
        let copied = self.read(frame);
        let whole = Consumer::was_whole(self.ring(), frame);
        if whole {
            assert_eq!(copied, frame.sequence, "torn");
            assert_eq!(frame.frame_id, frame.sequence);
            assert_eq!(frame.published_ns, frame.sequence);
        }
        whole
    }

    /// Looks at all that belongs to a frame that a reader holds.
    pub fn check(&self, frame: &Frame) {
        assert_eq!(self.read(frame), frame.sequence, "overwritten");
        assert_eq!(frame.frame_id, frame.sequence);
        assert_eq!(frame.published_ns, frame.sequence);
        assert!(Consumer::was_whole(self.ring(), frame));
    }

    /// Looks at what a reader shows in place of a frame.
    pub fn check_zeros(&self, frame: &Frame) {
        assert_eq!(self.read(frame), 0);
    }

    /// Takes frames until the stream is closed, sleeping in between; each is looked at when it is taken and when it is given
    /// back. How many came.
    pub fn take_all(&self, reader: &mut Consumer) -> u64 {
        let (mut taken, mut last) = (0, 0);
        let mut held: Option<Frame> = None;
        loop {
            if let Some(held) = &held {
                self.check(held);
            }
            match reader.next(self.ring()) {
                Some(frame) => {
                    assert!(frame.sequence > last);
                    self.check(&frame);
                    last = frame.sequence;
                    taken += 1;
                    held = Some(frame);
                }
                None if reader.closed(self.ring()) => return taken,
                None => wait(reader.word(self.ring())),
            }
        }
    }
}

/// Runs `test` in every order with at most so many preemptions.
pub fn explore(preemptions: usize, test: impl Fn() + Clone + Sync + Send + 'static) {
    for fences in [Fences::BeforeLoads, Fences::AfterStores] {
        explore_with(fences, preemptions, test.clone());
    }
}

pub fn explore_with(fences: Fences, preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    put_fences(fences);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(test);
}
