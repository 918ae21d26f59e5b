//! `cpu.flatten`: the same elements as a vector.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Part, View, ViewMut, elementwise::BLOCK, export,
};

/// The kernel.
#[derive(Debug)]
pub struct Flatten {
    part: Part,
}

impl Kernel for Flatten {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.flatten",
        "version": "0.1.0",
        "summary": "Copies an array of any shape into a vector, in C order: the last axis varies fastest. Any dtype, the same on both sides.",
        "split": "rows",
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let (input, output) = (context.trigger_input()?, context.output()?);
        let length = u32::try_from(input.elements())
            .map_err(|_| Failure::shape(format!("{input} is too large")))?;
        output.require_shape(&[length], &format!("for all elements of {input}"))?;
        output.require_dtype_of(input)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Flatten { part: context.part })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let range = self.part.blocks(input.bytes().len(), BLOCK);
        output.bytes()[range.clone()].copy_from_slice(&input.bytes()[range]);
        Ok(())
    }
}

export!(Flatten);
