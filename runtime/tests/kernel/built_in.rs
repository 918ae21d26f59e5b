//! The built-in kernels, and the parent project's pipelines on them.

use std::path::Path;

use sandpipe::config::{self, Config};
use sandpipe::kernel::{self, Origin, Registry};
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

/// The parent's GPU pipelines are refused, every stage with the reason.
#[test]
fn the_parents_gpu_pipelines() {
    for config in parents_pipelines(true) {
        let report = kernel::check(&config, &Registry::built_in().unwrap()).unwrap_err();
        assert_eq!(report.diagnostics().len(), config.stages.len(), "{report}");
        for diagnostic in report.diagnostics() {
            let reason = "gpu kinds are no part of sandpipe";
            assert!(diagnostic.message.contains(reason), "{report}");
        }
    }
}

/// The pipelines whose file says that they are for a GPU, or the others.
fn parents_pipelines(gpu: bool) -> Vec<Config> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/parent-pipelines");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("the parent's pipelines are not here: {}", folder.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let pipelines = paths.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".yaml") && name.starts_with("gpu_") == gpu
    });
    pipelines
        .map(|path| config::load(&path).unwrap_or_else(|report| panic!("{report}")))
        .collect()
}

/// The parent's CPU pipelines fit the built-in kernels.
#[test]
fn the_parents_cpu_pipelines() {
    for config in parents_pipelines(false) {
        if let Err(report) = kernel::check(&config, &Registry::built_in().unwrap()) {
            panic!("{report}");
        }
    }
}
