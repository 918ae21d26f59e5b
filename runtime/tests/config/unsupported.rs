//! What the format knows and this version does not do.

use super::{check, with_stage};

#[test]
fn what_this_version_does_not_do() {
    let with = |endpoint: &str| with_stage("") + endpoint;
    check(
        &with(
            "sources: [{name: s, kind: file.npy, stream: a, auxiliary: [⟦b⟧], read_timeout: ⟦1⟧}]",
        ),
        &[
            "'auxiliary' of a source is",
            "'read_timeout' of a source is",
        ],
    );
    check(
        &with(
            "sinks: [{name: s, kind: null.sink, stream: b, outputs: [⟦c⟧], consume_timeout: ⟦1⟧}]",
        ),
        &["'outputs' of a sink is", "'consume_timeout' of a sink is"],
    );
    check(
        "shared_memory: [{name: a, shape: [1], storage: ⟦gpu⟧, gpu_device: 'cuda:0'}]\nsinks: [{name: s, kind: null.sink, stream: a}]",
        &["'storage: gpu' is not supported by this version"],
    );
}
