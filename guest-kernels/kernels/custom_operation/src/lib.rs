//! `cpu.custom_operation`: an arithmetic expression on the input and the auxiliary streams.
//!
//! ```text
//! text → token → expression → typing → planner → plan → evaluate
//! ```
//!
//! All but the last happens once, in `validate_config` and again in `new`.

mod block;
mod broadcast;
mod constant;
mod evaluate;
mod expression;
mod lane;
mod plan;
mod planner;
mod registers;
#[cfg(test)]
mod tests;
mod token;
mod typing;

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, export};

use crate::{
    evaluate::{Machine, Streams},
    expression::Expression,
    plan::Plan,
    token::Error,
    typing::{Array, Value},
};

/// The kernel.
#[derive(Debug)]
pub struct CustomOperation {
    machine: Machine,
}

impl Kernel for CustomOperation {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.custom_operation",
        "version": "0.1.0",
        "summary": "Computes the expression of the stage's `operation` key, element by element in one pass. It may use input, the aliases of the auxiliary streams, numbers, + - * / and the matrix product @, parentheses, abs(x), min(x, y) or minimum, max(x, y) or maximum, and clip(x, low, high). Shapes are broadcast and dtypes promoted as NumPy does; the result must have the output's shape and dtype. Integers saturate; of bool, + is 'or' and * is 'and', and there is no -; abs of a complex number is real.",
        "auxiliary_arity": null,
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": { "type": "object", "properties": {}, "additionalProperties": false }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        plan(context).map(drop)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(CustomOperation {
            machine: Machine::new(plan(context)?)?,
        })
    }

    fn compute_into(
        &mut self,
        input: View,
        output: ViewMut,
        auxiliary: Inputs,
    ) -> Result<(), Failure> {
        self.machine.run(Streams { input, auxiliary }, output)
    }
}

/// Plans the operation of a stage and checks it against its streams.
fn plan(context: &Context) -> Result<Plan, Failure> {
    let Some(operation) = &context.operation else {
        return Err(Failure::parameter("requires an 'operation'"));
    };
    let mut names = vec!["input"];
    let mut arrays = vec![context.trigger_input()?];
    for auxiliary in &context.auxiliary_inputs {
        if names.contains(&auxiliary.alias()) {
            return Err(Failure::parameter(format!(
                "the alias '{}' of {auxiliary} already means another stream",
                auxiliary.alias()
            )));
        }
        names.push(auxiliary.alias());
        arrays.push(auxiliary);
    }
    let arrays: Vec<Array> = arrays
        .into_iter()
        .map(|array| Array {
            dtype: array.dtype(),
            shape: array.shape().to_vec(),
        })
        .collect();
    let locate = |error: Error| {
        Failure::parameter(format!(
            "operation, character {}: {}",
            error.column, error.message
        ))
    };
    let expression = Expression::parse(operation, &names).map_err(locate)?;
    let values = typing::infer(&expression, &arrays).map_err(locate)?;
    check_result(values.last(), context.output()?)?;
    planner::plan(&expression, &values).map_err(locate)
}

/// Checks that the result of an operation can be the output.
fn check_result(result: Option<&Value>, output: &sandpipe_kernel::Array) -> Result<(), Failure> {
    let shape = match result {
        Some(Value::Array(result)) => result.shape.as_slice(),
        _ => &[],
    };
    if shape != output.shape() {
        return Err(Failure::shape(format!(
            "operation result shape {shape:?} does not match the shape {:?} of {output}",
            output.shape()
        )));
    }
    match result {
        Some(Value::Array(result)) if result.dtype != output.dtype() => {
            Err(Failure::dtype(format!(
                "operation result dtype {} does not match the dtype {} of {output}",
                result.dtype,
                output.dtype()
            )))
        }
        _ => Ok(()),
    }
}

export!(CustomOperation);
