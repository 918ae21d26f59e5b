//! Kernels that behave.

use crate::harness::{Stage, context, kernel};
use sandpipe::sandbox::{Limits, World};

#[test]
fn a_kernel_computes_on_the_slots_it_is_given() {
    let stage = Stage::new(&kernel(&[]));
    assert_eq!(stage.program.world(), World::Mapped);
    stage
        .program
        .validate_config(&context(), &Limits::default())
        .unwrap();
    let mut instance = stage.open().unwrap();
    for (frame_id, (from, to)) in [(0, 2), (2, 0), (1, 1)].into_iter().enumerate() {
        stage.input.put(from, 100 + from);
        instance.compute_into(frame_id as u64, &[from, to]).unwrap();
        assert_eq!(stage.output.get(to), 101 + from);
    }
}
