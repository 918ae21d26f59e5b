//! `cpu.elementwise_divide`: out = in / auxiliary.

use sandpipe_kernel::{Arithmetic, export};
use sandpipe_kernel_common::binary::{Binary, Formula};

/// The formula.
#[derive(Debug)]
pub struct Divide;

impl Formula for Divide {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.elementwise_divide",
        "version": "0.1.0",
        "summary": "Divides by the auxiliary stream: out = in / auxiliary, in the streams' own dtype. Floats follow IEEE 754. Integers are truncated toward zero and saturate; a number divided by 0 becomes the bound of its sign, and 0 / 0 is 0.",
        "auxiliary_arity": 1,
        "split": "rows",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn apply<T: Arithmetic>(input: T, auxiliary: T) -> T {
        input.quotient(auxiliary)
    }
}

/// The kernel.
pub type ElementwiseDivide = Binary<Divide>;

export!(ElementwiseDivide);
