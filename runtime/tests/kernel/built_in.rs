//! The built-in kernels.

use sandpipe::kernel::{Origin, Registry};

#[test]
fn the_built_in_kernels_are_there() {
    let registry = Registry::built_in().unwrap();
    let scale = registry.find("cpu.scale").unwrap();
    assert_eq!(scale.origin, Origin::BuiltIn);
    for (kind, kernel) in registry.kinds() {
        assert!(kind.starts_with("cpu."), "{kind}");
        assert!(kernel.manifest.summary.is_some(), "{kind}");
    }
}
