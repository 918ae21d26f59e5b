//! `cpu.elementwise_multiply`: out = in × auxiliary.

use sandpipe_kernel::{Arithmetic, export};
use sandpipe_kernel_common::binary::{Binary, Formula};

/// The formula.
#[derive(Debug)]
pub struct Multiply;

impl Formula for Multiply {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.elementwise_multiply",
        "version": "0.1.0",
        "summary": "Multiplies by the auxiliary stream: out = in × auxiliary, in the streams' own dtype. Integers saturate; of bool it is 'and'.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn apply<T: Arithmetic>(input: T, auxiliary: T) -> T {
        input.product(auxiliary)
    }
}

/// The kernel.
pub type ElementwiseMultiply = Binary<Multiply>;

export!(ElementwiseMultiply);
