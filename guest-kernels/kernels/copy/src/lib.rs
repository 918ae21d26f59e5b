//! `cpu.copy`: out = in.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Part, View, ViewMut, elementwise::BLOCK, export,
};

/// The kernel.
#[derive(Debug)]
pub struct Copy {
    part: Part,
}

impl Kernel for Copy {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.copy",
        "version": "0.1.0",
        "summary": "Copies the input to the output: out = in. Any dtype and shape, the same on both sides.",
        "split": "rows",
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Copy { part: context.part })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let range = self.part.blocks(input.bytes().len(), BLOCK);
        output.bytes()[range.clone()].copy_from_slice(&input.bytes()[range]);
        Ok(())
    }
}

export!(Copy);
