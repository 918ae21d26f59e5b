//! The built-in kernels.

use sandpipe::kernel::{Origin, Registry};
use sandpipe_kernels_native::{Description, native};

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

/// `bench --compare native` knows every kind, but for the one that is there to fail.
#[test]
fn every_built_in_kernel_has_a_native_build() {
    let nothing = Description {
        trigger_inputs: Vec::new(),
        auxiliary_inputs: Vec::new(),
        outputs: Vec::new(),
        operation: None,
        parameters: &serde_json::Map::new(),
    };
    for (kind, _) in Registry::built_in().unwrap().kinds() {
        let known = native(kind, &nothing).is_some();
        assert_eq!(known, kind != "cpu.raise_error", "{kind}");
    }
}
