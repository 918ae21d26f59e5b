//! Readers of every frame, for whom the writer waits.

use loom::thread;

use crate::ring::{Delivery, Producer};
use crate::table::{Table, explore};

/// Three frames through three slots: the writer has to wait for the reader.
pub fn three_frames() {
    let table = Table::new(3, 1);
    let mut reader = table.attach(Delivery::Every);
    let mut producer = Producer::new(table.ring());
    let writer = thread::spawn({
        let table = table.clone();
        move || {
            (0..3).for_each(|_| table.publish(&mut producer));
            table.close();
        }
    });
    assert_eq!(table.take_all(&mut reader), 3);
    assert_eq!(reader.skipped(), 0);
    writer.join().unwrap();
}

#[test]
fn every_frame_comes_and_the_writer_is_woken() {
    explore(2, three_frames);
}

#[test]
fn a_reader_that_comes_while_frames_are_published_misses_none_from_then_on() {
    explore(1, || {
        let table = Table::new(2, 1);
        let mut producer = Producer::new(table.ring());
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                (0..3).for_each(|_| table.publish(&mut producer));
                table.close();
            }
        });
        let mut reader = table.attach(Delivery::Every);
        table.take_all(&mut reader);
        assert_eq!(reader.skipped(), 0);
        writer.join().unwrap();
    });
}

#[test]
fn a_reader_that_goes_makes_room() {
    explore(3, || {
        let table = Table::new(3, 1);
        let mut reader = table.attach(Delivery::Every);
        let mut producer = Producer::new(table.ring());
        let writer = thread::spawn({
            let table = table.clone();
            move || (0..4).for_each(|_| table.publish(&mut producer))
        });
        if let Some(frame) = reader.next(table.ring()) {
            table.check(&frame);
        }
        reader.detach(table.ring());
        writer.join().unwrap();
    });
}
