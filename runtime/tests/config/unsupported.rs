//! What the format knows and this version does not do.

use super::check;

#[test]
fn what_this_version_does_not_do() {
    check(
        "shared_memory: [{name: a, shape: [1], storage: ⟦gpu⟧, gpu_device: 'cuda:0'}]\nsinks: [{name: s, kind: null.sink, stream: a}]",
        &["'storage: gpu' is not supported by this version"],
    );
}
