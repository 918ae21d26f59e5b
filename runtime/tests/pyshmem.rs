//! Streams against the real pyshmem, both ways.

mod support;

use std::process::Command;

#[test]
fn the_pinned_pyshmem_is_there() {
    let version = support::run(Command::new(support::python()).args([
        "-c",
        "import importlib.metadata as m; print(m.version('pyshmem'))",
    ]));
    assert_eq!(version.trim(), "1.4.0");
}
