//! Stages that write into private memory: `publish: sealed`.

use super::stranger::{Case, FAIL, counts, is, on};

/// On frame 3 the kernel rewrites the frame that it published before, and fails; so that frame is published again.
fn rewrite(name: &str, publish: &str) -> Vec<[u32; 2]> {
    let spoil = format!("(i32.store (global.get $last) (i32.const 666)){FAIL}");
    let compute = format!(
        "{} (global.set $last (i32.load offset=4 (local.get $frame)))",
        on(&is(3), &spoil)
    );
    let last = "(global $last (mut i32) (i32.const 0))\n;; @declarations";
    let case = Case::new(name).kernel(&[("declarations", last), ("compute", &compute)]);
    let case = case.frames(4, None, &format!("on_fault: hold, publish: {publish}"));
    let (code, report, output) = case.run();
    assert_eq!(code, 0, "{report}");
    assert_eq!(counts(&report, ["frames", "held", "faults"]), [3, 1, 1]);
    output
}

#[test]
fn a_stage_can_rewrite_its_older_frames_in_place_and_cannot_where_they_are_sealed() {
    assert_eq!(rewrite("in-place", "in_place")[2], [666, 0]);
    assert_eq!(
        rewrite("sealed", "sealed"),
        [[2, 0], [3, 0], [3, 0], [5, 0]]
    );
}
