//! `cpu.affine_transform`: out = A x + b.

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, export, match_number};
use sandpipe_kernel_common::matrix::Element;
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct AffineTransform;

#[derive(Deserialize)]
struct Parameters {
    #[expect(dead_code, reason = "accepted for compatibility")]
    blas_threads: Option<u32>,
}

impl Kernel for AffineTransform {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.affine_transform",
        "version": "0.1.0",
        "summary": "Multiplies the input vector by a matrix and adds an offset: out = A x + b. The auxiliary streams are A, of shape [outputs, inputs], and b, in this order; all have one dtype. Floats are summed in their own precision, integers exactly, then saturated.",
        "auxiliary_arity": 2,
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "blas_threads": { "type": "integer", "minimum": 1, "default": 1, "description": "Accepted for compatibility and without effect: a kernel runs on its lane's thread." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.parameters::<Parameters>()?;
        let (input, output) = (context.trigger_input()?, context.output()?);
        let (matrix, offset) = (context.auxiliary_input(0)?, context.auxiliary_input(1)?);
        input.require_rank(1)?;
        matrix.require_rank(2)?;
        let &[rows, columns] = matrix.shape() else {
            return Ok(());
        };
        if input.shape() != [columns] {
            return Err(Failure::shape(format!(
                "the matrix, {matrix}, must have one column for each element of {input}, {}, but has {columns}",
                input.elements(),
            )));
        }
        let reason = format!("for the rows of the matrix, {matrix}");
        offset.require_shape(&[rows], &reason)?;
        output.require_shape(&[rows], &reason)?;
        for array in [matrix, offset, output] {
            array.require_dtype_of(input)?;
        }
        Ok(())
    }

    fn new(_: &Context) -> Result<Self, Failure> {
        Ok(AffineTransform)
    }

    fn compute_into(
        &mut self,
        input: View,
        output: ViewMut,
        auxiliary: Inputs,
    ) -> Result<(), Failure> {
        let (matrix, offset) = (auxiliary.get(0)?, auxiliary.get(1)?);
        match_number!(input.dtype(), T => {
            T::affine(matrix.slice()?, input.slice()?, Some(offset.slice()?), output.slice()?);
            Ok(())
        })
    }
}

export!(AffineTransform);
