//! Those who follow a ring without a place in it.

use loom::thread;

use crate::ring::{Follower, Producer};
use crate::table::{Table, explore};

/// What is copied while the writer comes round counts only if it was whole.
pub fn frames_go_by(frames: u64, looks: u64) {
    let table = Table::followed(3, 1);
    let mut producer = Producer::new(table.ring());
    let mut follower = Follower::new(table.ring());
    let writer = thread::spawn({
        let table = table.clone();
        move || (0..frames).for_each(|_| table.publish(&mut producer))
    });
    let (mut taken, mut last) = (0, 0);
    let mut look = |follower: &mut Follower| {
        let Some(frame) = follower.next(table.ring()) else {
            return;
        };
        assert!(frame.sequence > last);
        last = frame.sequence;
        match table.copy(&frame) {
            true => taken += 1,
            false => follower.missed(table.ring()),
        }
    };
    (0..looks).for_each(|_| look(&mut follower));
    writer.join().unwrap();
    while follower.behind(table.ring()) > 0 {
        look(&mut follower);
    }
    assert_eq!(taken + follower.lost(), frames);
    assert!(taken > 0, "the newest is always there");
}

#[test]
fn a_follower_gets_whole_frames_in_order_and_counts_the_others() {
    explore(3, || frames_go_by(4, 2));
}

#[test]
fn what_was_there_before_is_followed_too_and_what_was_gone_before_is_not_lost() {
    explore(2, || {
        let table = Table::followed(3, 1);
        let mut producer = Producer::new(table.ring());
        (0..4).for_each(|_| table.publish(&mut producer));
        let mut follower = Follower::new(table.ring());
        let first = follower.next(table.ring()).unwrap();
        assert!(first.sequence > 1 && table.copy(&first));
        while let Some(frame) = follower.next(table.ring()) {
            assert!(table.copy(&frame));
        }
        assert_eq!(follower.lost(), 0);
    });
}
