//! The orders that the ring asks for are needed: without one of them, loom finds what goes wrong.

use crate::atomic::Fences;
use crate::table::explore_with;
use crate::{every, latest};

#[test]
#[should_panic(expected = "Causality violation")]
fn without_one_order_of_all_accesses_a_held_frame_is_overwritten() {
    explore_with(Fences::Nowhere, 3, || latest::slots_come_round(4, 2));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_one_order_of_all_accesses_a_wake_is_lost() {
    explore_with(Fences::Nowhere, 2, every::three_frames);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_release_a_frame_is_read_before_it_is_written() {
    explore_with(Fences::Nowhere, 3, || latest::slots_come_round(1, 2));
    explore_with(Fences::NotEvenRelease, 3, || latest::slots_come_round(1, 2));
}
