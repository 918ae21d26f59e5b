//! Readers of the newest frame.

use loom::thread;

use crate::ring::{Delivery, Producer};
use crate::table::{Table, explore};

/// The writer publishes two frames into three slots, then closes; the reader sleeps in between.
pub fn two_frames() {
    let table = Table::new(3, 1);
    let mut reader = table.attach(Delivery::Latest);
    let mut producer = Producer::new(table.ring());
    let writer = thread::spawn({
        let table = table.clone();
        move || {
            table.publish(&mut producer);
            table.publish(&mut producer);
            table.close();
        }
    });
    let taken = table.take_all(&mut reader);
    assert_eq!(taken + reader.skipped(), 2);
    assert!(taken > 0);
    writer.join().unwrap();
}

#[test]
fn what_a_reader_holds_stays_and_no_wake_is_lost() {
    explore(3, two_frames);
}

/// Enough frames to come back to a slot that was held.
pub fn slots_come_round(frames: u64, looks: u64) {
    let table = Table::new(3, 1);
    let mut reader = table.attach(Delivery::Latest);
    let mut producer = Producer::new(table.ring());
    let writer = thread::spawn({
        let table = table.clone();
        move || (0..frames).for_each(|_| table.publish(&mut producer))
    });
    for _ in 0..looks {
        if let Some(frame) = reader.newest(table.ring()) {
            table.check(&frame);
        }
    }
    writer.join().unwrap();
    let frame = reader.newest(table.ring()).unwrap();
    assert_eq!(frame.sequence, frames);
    table.check(&frame);
}

#[test]
fn a_slot_is_written_again_only_when_nobody_holds_it() {
    explore(3, || slots_come_round(4, 2));
}

#[test]
fn two_readers_hold_two_frames() {
    explore(2, || {
        let table = Table::new(4, 2);
        let mut producer = Producer::new(table.ring());
        let readers = [(); 2].map(|()| {
            let table = table.clone();
            let mut reader = table.attach(Delivery::Latest);
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Some(frame) = reader.newest(table.ring()) {
                        table.check(&frame);
                    }
                }
            })
        });
        (0..4).for_each(|_| table.publish(&mut producer));
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn before_the_first_frame_a_reader_holds_zeros() {
    explore(3, || {
        let table = Table::new(3, 1);
        let mut reader = table.attach(Delivery::Latest);
        let mut producer = Producer::new(table.ring());
        let writer = thread::spawn({
            let table = table.clone();
            move || (0..3).for_each(|_| table.publish(&mut producer))
        });
        for _ in 0..2 {
            let frame = reader.current(table.ring());
            if frame.sequence > 0 {
                table.check(&frame);
            } else {
                table.check_zeros(&frame);
            }
        }
        writer.join().unwrap();
    });
}
