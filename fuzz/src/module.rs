use std::fs;

use sandpipe::kernel::Kernel;
use sandpipe_kernels::BUILT_IN;

use crate::directory;
use crate::stage::{LIMITS, engine, kernel, run as run_stage};
use sandpipe::sandbox::Isolation;

pub const PIECES: &[&str] = &[
    "\0asm\x01\0\0\0",
    "\0asm\x0d\0\x01\0",
    "sandpipe:manifest",
    "sandpipe:kernel/mapped@0.1.0#reserve",
    "cabi_realloc",
    "memory",
    "(module",
    "(memory 1)",
    "(func",
    "(start 0)",
    "(data (i32.const 0) \"\")",
    "(import \"a\" \"b\" (func))",
    "(loop (br 0))",
    "unreachable",
    "(table 1 funcref)",
    "(elem (i32.const 0) 0)",
    "(global (mut i32) (i32.const 0))",
    "i64.const",
    "v128",
    ")",
    "(",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let text = kernel(&[]);
    let binary = wat::parse_str(&text).expect("the kernel of the tests is valid");
    let mut seeds: Vec<Vec<u8>> = BUILT_IN
        .iter()
        .map(|built_in| built_in.wasm.into())
        .collect();
    // The small ones more often: more of their bytes matter.
    seeds.extend((0..seeds.len()).map(|_| binary.clone()));
    seeds.extend((0..4).map(|_| text.clone().into()));
    seeds
}

/// Whatever a module is, it is refused in words, or it runs as a stage that harms nobody.
pub fn run(bytes: &[u8]) {
    let path = directory().join("kernel.wasm");
    fs::write(&path, bytes).expect("the file cannot be written");
    if let Err(error) = Kernel::read(&path) {
        assert!(!error.to_string().is_empty());
    }
    admit_and_run(bytes);
}

pub fn admit_and_run(module: &[u8]) {
    match engine().load(module, &LIMITS, Isolation::Thread) {
        Ok(program) => run_stage(&program),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
