//! What the embedded modules say about themselves.
#![allow(clippy::panic, reason = "a test panics to fail")]

use std::collections::BTreeSet;

use sandpipe_kernels::BUILT_IN;
use serde_json::Value;
use wasmparser::{Parser, Payload};

/// The manifest of a module, and whether it imports anything.
fn read(name: &str, wasm: &[u8]) -> (Value, bool) {
    let (mut manifest, mut imports) = (None, false);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::CustomSection(section)) if section.name() == "sandpipe:manifest" => {
                assert!(manifest.is_none(), "{name} has two manifests");
                manifest = serde_json::from_slice(section.data()).ok();
            }
            Ok(Payload::ImportSection(section)) => imports |= section.count() > 0,
            Ok(_) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    match manifest {
        Some(manifest) => (manifest, imports),
        None => panic!("{name} has no manifest of JSON"),
    }
}

#[test]
fn every_kind_is_there_under_its_own_name() {
    let kinds: BTreeSet<String> = BUILT_IN
        .iter()
        .map(|kernel| {
            let (manifest, _) = read(kernel.name, kernel.wasm);
            assert_eq!(manifest["kind"], format!("cpu.{}", kernel.name));
            kernel.name.to_owned()
        })
        .collect();
    let expected = [
        "add_constant",
        "affine_transform",
        "concatenate",
        "convert",
        "copy",
        "custom_operation",
        "elementwise_add",
        "elementwise_divide",
        "elementwise_multiply",
        "elementwise_subtract",
        "flatten",
        "leaky_integrator",
        "moving_spot",
        "raise_error",
        "reduce",
        "scale",
        "scale_offset",
        "shack_hartmann_centroid",
        "spot_centroid",
        "statistics",
        "tip_tilt_controller",
        "tomographic_controller",
    ];
    assert_eq!(kinds, expected.map(String::from).into());
}

#[test]
fn no_module_asks_for_anything() {
    for kernel in BUILT_IN {
        let (_, imports) = read(kernel.name, kernel.wasm);
        assert!(!imports, "{} has imports", kernel.name);
    }
}

#[test]
fn every_parameter_is_described_and_no_other_is_allowed() {
    for kernel in BUILT_IN {
        let (manifest, _) = read(kernel.name, kernel.wasm);
        let summary = manifest["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with('.'), "{} needs a summary", kernel.name);
        let schema = &manifest["parameters"];
        assert_eq!(schema["additionalProperties"], false, "{}", kernel.name);
        let Some(parameters) = schema["properties"].as_object() else {
            panic!("{} lists no parameters", kernel.name);
        };
        for (name, parameter) in parameters {
            let described = parameter["description"]
                .as_str()
                .is_some_and(|text| text.ends_with('.'));
            assert!(
                described,
                "parameter {name} of {} needs a description",
                kernel.name
            );
        }
    }
}
