//! `cpu.elementwise_subtract`: out = in − auxiliary.

use sandpipe_kernel::{Arithmetic, export};
use sandpipe_kernel_common::binary::{Binary, Formula};

/// The formula.
#[derive(Debug)]
pub struct Subtract;

impl Formula for Subtract {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.elementwise_subtract",
        "version": "0.1.0",
        "summary": "Subtracts the auxiliary stream: out = in − auxiliary, in the streams' own dtype. Integers saturate.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn apply<T: Arithmetic>(input: T, auxiliary: T) -> T {
        input.difference(auxiliary)
    }
}

/// The kernel.
pub type ElementwiseSubtract = Binary<Subtract>;

export!(ElementwiseSubtract);
