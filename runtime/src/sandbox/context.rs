//! What a stage is told about its place in the pipeline.

use serde::{Deserialize, Serialize};

use crate::array::{ArrayType, Dtype};

use super::contract::types;

/// One stream or state array as a stage sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    /// The stream's name.
    pub name: String,
    /// The name that the stage gives it; the same, unless the pipeline maps it.
    pub alias: String,
    /// Dtype and shape.
    pub array: ArrayType,
}

/// Which part of the stage an instance computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Counted from 0.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
}

impl Part {
    /// The only part of a stage that is not split.
    pub const WHOLE: Part = Part { index: 0, count: 1 };
}

/// The contract's `context`: everything `validate-config` and `init` are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The stage's name.
    pub name: String,
    /// The kernel's kind.
    pub kind: String,
    /// Which part of the stage this instance computes.
    pub part: Part,
    /// Streams whose frames trigger the stage.
    pub trigger_inputs: Vec<Array>,
    /// Streams read as they are.
    pub auxiliary_inputs: Vec<Array>,
    /// Streams the stage publishes.
    pub outputs: Vec<Array>,
    /// Arrays that the host keeps between frames.
    pub state: Vec<Array>,
    /// The stage's `operation`, if it has one.
    pub operation: Option<String>,
    /// A JSON object.
    pub parameters: String,
}

impl Context {
    /// The arrays that it reads: trigger inputs, then auxiliary inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &Array> {
        self.trigger_inputs.iter().chain(&self.auxiliary_inputs)
    }

    /// The same for another part of the stage.
    pub fn of_part(&self, index: u32) -> Context {
        let part = Part {
            index,
            count: self.part.count,
        };
        Context {
            part,
            ..self.clone()
        }
    }

    pub(super) fn to_guest(&self) -> types::Context {
        types::Context {
            name: self.name.clone(),
            kind: self.kind.clone(),
            part: types::Part {
                index: self.part.index,
                count: self.part.count,
            },
            trigger_inputs: arrays(&self.trigger_inputs),
            auxiliary_inputs: arrays(&self.auxiliary_inputs),
            outputs: arrays(&self.outputs),
            state: arrays(&self.state),
            operation: self.operation.clone(),
            parameters: self.parameters.clone(),
        }
    }
}

fn arrays(arrays: &[Array]) -> Vec<types::Array> {
    arrays
        .iter()
        .map(|array| types::Array {
            name: array.name.clone(),
            alias: array.alias.clone(),
            dtype: dtype(array.array.dtype),
            shape: array.array.shape.clone(),
        })
        .collect()
}

/// The contract's word for it.
pub(super) fn dtype(dtype: Dtype) -> types::Dtype {
    match dtype {
        Dtype::Bool => types::Dtype::Bool,
        Dtype::S8 => types::Dtype::S8,
        Dtype::S16 => types::Dtype::S16,
        Dtype::S32 => types::Dtype::S32,
        Dtype::S64 => types::Dtype::S64,
        Dtype::U8 => types::Dtype::U8,
        Dtype::U16 => types::Dtype::U16,
        Dtype::U32 => types::Dtype::U32,
        Dtype::U64 => types::Dtype::U64,
        Dtype::F16 => types::Dtype::F16,
        Dtype::F32 => types::Dtype::F32,
        Dtype::F64 => types::Dtype::F64,
        Dtype::C64 => types::Dtype::C64,
        Dtype::C128 => types::Dtype::C128,
    }
}
