//! What the dead leave behind.

use std::rc::Rc;

use loom::thread;

use crate::owner::Owner;
use crate::ring::{Consumer, Delivery, Producer};
use crate::table::{Table, explore};

/// A ring whose only place for a reader is a dead one's, who has not taken the frames that fill the ring.
fn held_by_the_dead() -> (Rc<Table>, Producer) {
    let table = Table::new(3, 1);
    let dead = Consumer::attach(table.ring(), Owner::DEAD, Delivery::Every);
    assert!(dead.is_some());
    let mut producer = Producer::new(table.ring());
    (0..3).for_each(|_| table.publish(&mut producer));
    (table, producer)
}

#[test]
fn the_writer_and_a_new_reader_take_over_the_place_of_a_dead_one() {
    explore(2, || {
        let (table, mut producer) = held_by_the_dead();
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                for _ in 0..2 {
                    producer.search(table.ring());
                    if !producer.has_free() {
                        Producer::release_the_dead(table.ring(), Owner::WRITER);
                        producer.search(table.ring());
                    }
                    // The new reader may be one for whom frames are kept; but it has just come, so that there is room.
                    table.publish(&mut producer);
                }
            }
        });
        // While the writer has the place in its hands there is none.
        if let Some(mut reader) = Consumer::attach(table.ring(), Owner::READER, Delivery::Every) {
            for _ in 0..2 {
                if let Some(frame) = reader.next(table.ring()) {
                    table.check(&frame);
                }
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn of_two_new_readers_one_gets_the_place_of_a_dead_one() {
    explore(3, || {
        let (table, _) = held_by_the_dead();
        let attach = |table: &Table| {
            Consumer::attach(table.ring(), Owner::READER, Delivery::Latest).is_some()
        };
        let other = thread::spawn({
            let table = table.clone();
            move || attach(&table)
        });
        let one = attach(&table);
        assert!(one != other.join().unwrap());
    });
}

#[test]
fn a_writer_goes_on_where_another_died_in_the_middle_of_a_frame() {
    explore(2, || {
        let table = Table::new(4, 1);
        let mut reader = table.attach(Delivery::Every);
        let mut producer = Producer::new(table.ring());
        let dying = thread::spawn({
            let table = table.clone();
            move || {
                table.publish(&mut producer);
                producer.search(table.ring());
                let slot = producer.begin(table.ring()).unwrap();
                table.write(slot, 99);
            }
        });
        let reading = thread::spawn({
            let table = table.clone();
            move || assert_eq!(table.take_all(&mut reader), 3)
        });
        dying.join().unwrap();
        let mut producer = Producer::new(table.ring());
        (0..2).for_each(|_| table.publish(&mut producer));
        table.close();
        reading.join().unwrap();
    });
}

#[test]
fn a_place_that_one_gives_back_another_may_take() {
    explore(2, || {
        let table = Table::new(3, 1);
        let mut leaving = table.attach(Delivery::Latest);
        let mut producer = Producer::new(table.ring());
        table.publish(&mut producer);
        leaving.newest(table.ring());
        let coming = thread::spawn({
            let table = table.clone();
            move || {
                let reader = Consumer::attach(table.ring(), Owner::READER, Delivery::Latest);
                if let Some(mut reader) = reader {
                    for _ in 0..2 {
                        table.check(&reader.newest(table.ring()).unwrap());
                    }
                }
            }
        });
        let writing = thread::spawn({
            let table = table.clone();
            move || (0..3).for_each(|_| table.publish(&mut producer))
        });
        leaving.detach(table.ring());
        coming.join().unwrap();
        writing.join().unwrap();
    });
}
