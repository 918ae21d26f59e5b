//! `cpu.elementwise_add`: out = in + auxiliary.

use sandpipe_kernel::{Arithmetic, export};
use sandpipe_kernel_common::binary::{Binary, Formula};

/// The formula.
#[derive(Debug)]
pub struct Add;

impl Formula for Add {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.elementwise_add",
        "version": "0.1.0",
        "summary": "Adds the auxiliary stream: out = in + auxiliary, in the streams' own dtype. Integers saturate; of bool it is 'or'.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn apply<T: Arithmetic>(input: T, auxiliary: T) -> T {
        input.sum(auxiliary)
    }
}

/// The kernel.
pub type ElementwiseAdd = Binary<Add>;

export!(ElementwiseAdd);
