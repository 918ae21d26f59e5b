//! `cpu.affine_transform`: out = A x + b.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Part, View, ViewMut, export, match_arithmetic,
};
use sandpipe_kernel_common::matrix::Element;
use serde::Deserialize;

/// Parts meet at multiples of it: of the rows that are summed together, and of a cache line of f32.
const BLOCK: usize = 16;

/// The kernel.
#[derive(Debug)]
pub struct AffineTransform {
    part: Part,
}

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
        "summary": "Multiplies the input vector by a matrix and adds an offset: out = A x + b. The auxiliary streams are A, of shape [outputs, inputs], and b, in this order; all have one dtype. Floats are summed in their own precision, float16 in float32; integers exactly, then saturated; bool with 'and' for products and 'or' for sums.",
        "auxiliary_arity": 2,
        "split": "rows",
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
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

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(AffineTransform { part: context.part })
    }

    fn compute_into(
        &mut self,
        input: View,
        output: ViewMut,
        auxiliary: Inputs,
    ) -> Result<(), Failure> {
        let (matrix, offset) = (auxiliary.get(0)?, auxiliary.get(1)?);
        let rows = self.part.blocks(output.array().elements(), BLOCK);
        match_arithmetic!(input.dtype(), T => {
            let vector = input.slice()?;
            let matrix = &matrix.slice()?[rows.start * vector.len()..rows.end * vector.len()];
            let offset = &offset.slice()?[rows.clone()];
            T::affine(matrix, vector, Some(offset), &mut output.slice()?[rows]);
            Ok(())
        })
    }
}

export!(AffineTransform);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    #[test]
    fn the_parts_together_write_what_the_whole_writes() -> Result<(), Failure> {
        const ROWS: usize = 77;
        const COLUMNS: usize = 70;
        let wave = |length: usize| (0..length).map(|k| (k as f32).sin()).collect::<Vec<_>>();
        let part = |index, count| {
            let stage = Stage::<AffineTransform>::new()
                .part(index, count)
                .trigger_input("x", &[COLUMNS as u32], &wave(COLUMNS))
                .auxiliary("a", &[ROWS as u32, COLUMNS as u32], &wave(ROWS * COLUMNS))
                .auxiliary("b", &[ROWS as u32], &wave(ROWS))
                .output::<f32>("y", &[ROWS as u32]);
            let mut stage = stage.build()?;
            stage.compute()?;
            Ok(stage.output::<f32>(0).to_vec())
        };
        let whole = part(0, 1)?;
        for count in [2, 3, 9] {
            let mut joined = vec![0.0; ROWS];
            for index in 0..count {
                let rows = Part { index, count }.blocks(ROWS, BLOCK);
                let output = part(index, count)?;
                joined[rows.clone()].copy_from_slice(&output[rows.clone()]);
                let others = (0..ROWS).filter(|row| !rows.contains(row));
                assert!(others.into_iter().all(|row| output[row] == 0.0));
            }
            assert_eq!(joined, whole);
        }
        Ok(())
    }
}
