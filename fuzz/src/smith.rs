use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use wasm_smith::{Config, Module};

use crate::module::admit_and_run;

/// The imports and exports of a kernel.
fn shape() -> Vec<u8> {
    static SHAPE: OnceLock<Vec<u8>> = OnceLock::new();
    let text = r#"(module
        (import "sandpipe:kernel/log@0.1.0" "log" (func (param i32 i32 i32)))
        (memory (export "memory") 2)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param i32) (result i32) unreachable)
        (func (export "sandpipe:kernel/stage@0.1.0#init") (param i32) (result i32) unreachable)
        (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param i32) (result i32) unreachable)
        (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param i64 i32) (result i32) unreachable))"#;
    let shape = || wat::parse_str(text).expect("the shape is valid");
    SHAPE.get_or_init(shape).clone()
}

pub fn run(bytes: &[u8]) {
    let mut entropy = Unstructured::new(bytes);
    let Ok(mut config) = Config::arbitrary(&mut entropy) else {
        return;
    };
    config.module_shape = Some(shape());
    config.available_imports = None;
    config.exports = None;
    config.max_memory32_bytes = 4 << 20;
    // One in four is left as it comes, to be refused for its features.
    if entropy.ratio(3, 4).unwrap_or(true) {
        config.exceptions_enabled = false;
        config.gc_enabled = false;
        config.threads_enabled = false;
        config.shared_everything_threads_enabled = false;
        config.relaxed_simd_enabled = false;
        config.memory64_enabled = false;
        config.custom_page_sizes_enabled = false;
        config.custom_descriptors_enabled = false;
        config.wide_arithmetic_enabled = false;
        config.allow_invalid_funcs = false;
        config.max_memories = 1;
    }
    if let Ok(module) = Module::new(config, &mut entropy) {
        admit_and_run(&module.to_bytes());
    }
}
