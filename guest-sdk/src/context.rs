//! What a kernel is told about its place in the pipeline.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::{Dtype, Failure, parameters};

/// What a stage does with an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A stream whose frames start the stage.
    TriggerInput,
    /// A stream that is read as it is.
    AuxiliaryInput,
    /// A stream that the stage publishes.
    Output,
    /// An array that the host keeps between frames.
    State,
}

/// One array of a stage: its name, dtype and shape.
#[derive(Clone, Debug)]
pub struct Array {
    role: Role,
    name: String,
    alias: String,
    dtype: Dtype,
    shape: Vec<u32>,
    elements: usize,
}

impl Array {
    /// An array of the given type.
    ///
    /// # Errors
    /// A shape failure when an extent is 0 or its bytes cannot be addressed.
    pub fn new(
        role: Role,
        name: String,
        alias: String,
        dtype: Dtype,
        shape: Vec<u32>,
    ) -> Result<Self, Failure> {
        if shape.contains(&0) {
            return Err(Failure::shape(format!(
                "'{name}' of shape {shape:?} has no elements"
            )));
        }
        let elements = shape
            .iter()
            .try_fold(1usize, |n, &extent| n.checked_mul(extent as usize))
            .filter(|n| {
                n.checked_mul(dtype.size())
                    .is_some_and(|bytes| bytes <= isize::MAX as usize)
            });
        let Some(elements) = elements else {
            return Err(Failure::shape(format!(
                "'{name}' of shape {shape:?} is larger than the memory a kernel can address"
            )));
        };
        Ok(Array {
            role,
            name,
            alias,
            dtype,
            shape,
            elements,
        })
    }

    /// What the stage does with it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The stream's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that the stage gives it: the stream's name, unless the pipeline maps it.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// The type of one element.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The extents in C order: the last one varies fastest.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// The number of elements: the product of the shape.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// The bytes of one frame.
    pub fn bytes(&self) -> usize {
        self.elements * self.dtype.size()
    }

    /// Fails unless shape and dtype are those of `other`.
    pub fn require_like(&self, other: &Array) -> Result<(), Failure> {
        self.require_shape_of(other)?;
        self.require_dtype_of(other)
    }

    /// Fails unless the shape is that of `other`.
    pub fn require_shape_of(&self, other: &Array) -> Result<(), Failure> {
        self.require_shape(&other.shape, &format!("like {other}"))
    }

    /// Fails unless the dtype is that of `other`.
    pub fn require_dtype_of(&self, other: &Array) -> Result<(), Failure> {
        if self.dtype == other.dtype {
            return Ok(());
        }
        Err(Failure::dtype(format!(
            "{self} must have dtype {} like {other}, got {}",
            other.dtype, self.dtype
        )))
    }

    /// Fails unless the shape is the given one. `reason` ends the sentence "must have shape … ".
    pub fn require_shape(&self, shape: &[u32], reason: &str) -> Result<(), Failure> {
        if self.shape == shape {
            return Ok(());
        }
        Err(Failure::shape(format!(
            "{self} must have shape {shape:?} {reason}, got {:?}",
            self.shape
        )))
    }

    /// Fails unless the array has the given number of dimensions.
    pub fn require_rank(&self, rank: usize) -> Result<(), Failure> {
        if self.shape.len() == rank {
            return Ok(());
        }
        Err(Failure::shape(format!(
            "{self} must have {rank} dimension{}, got shape {:?}",
            if rank == 1 { "" } else { "s" },
            self.shape
        )))
    }

    /// Fails unless the array has exactly one element.
    pub fn require_single(&self) -> Result<(), Failure> {
        if self.elements == 1 {
            return Ok(());
        }
        Err(Failure::shape(format!(
            "{self} must hold exactly one value, got shape {:?}",
            self.shape
        )))
    }
}

impl fmt::Display for Array {
    /// `output 'y'`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::TriggerInput => "input",
            Role::AuxiliaryInput => "auxiliary",
            Role::Output => "output",
            Role::State => "state",
        };
        write!(f, "{role} '{}'", self.name)
    }
}

/// Which part of a stage this instance computes: 0 of 1, unless the stage is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Counted from 0.
    pub index: u32,
    /// At least 1.
    pub count: u32,
}

impl Part {
    /// The rows that this part computes of an output of `rows` rows (its first axis): as many as any other part, or one
    /// more or less. The parts together compute each row once.
    pub fn rows(self, rows: usize) -> Range<usize> {
        self.blocks(rows, 1)
    }

    /// As [`Part::rows`], but the parts meet only at multiples of `block`: where the last bits of a result depend on which
    /// rows are computed together, choose a multiple of their number. Parts beyond the last block are empty. With
    /// a multiple of 64 bytes no two parts write to one cache line.
    ///
    /// # Panics
    /// `block` is 0.
    pub fn blocks(self, length: usize, block: usize) -> Range<usize> {
        let blocks = length.div_ceil(block) as u64;
        // Below `length` once multiplied by `block`, so it fits.
        let bound = |index: u32| (blocks * u64::from(index) / u64::from(self.count)) as usize;
        let at = |index| (bound(index).saturating_mul(block)).min(length);
        at(self.index)..at(self.index + 1)
    }
}

impl Default for Part {
    /// The only part of a stage that is not split.
    fn default() -> Self {
        Part { index: 0, count: 1 }
    }
}

/// Everything a stage is told about its place in the pipeline.
///
/// The host has checked the numbers of streams and their dtypes against the manifest before any code of the
/// kernel runs; the accessors that can fail do so only for kernels whose manifest leaves the number open.
#[derive(Clone, Debug)]
pub struct Context {
    /// The stage's name.
    pub name: String,
    /// The kernel's kind as the pipeline spells it.
    pub kind: String,
    /// Which part of the stage this is.
    pub part: Part,
    /// The streams that start the stage, in the pipeline's order.
    pub trigger_inputs: Vec<Array>,
    /// The streams that are read as they are.
    pub auxiliary_inputs: Vec<Array>,
    /// The streams that the stage publishes.
    pub outputs: Vec<Array>,
    /// The arrays kept between frames, as the manifest declares them.
    pub state: Vec<Array>,
    /// The expression of the `operation` key.
    pub operation: Option<String>,
    /// The `parameters` of the stage, a JSON object; [`Context::parameters`] reads it into a struct.
    pub parameters: String,
}

impl Context {
    /// The first trigger input.
    pub fn trigger_input(&self) -> Result<&Array, Failure> {
        self.trigger_inputs
            .first()
            .ok_or_else(|| self.too_few("trigger input", 1, 0))
    }

    /// The auxiliary input at a position.
    pub fn auxiliary_input(&self, index: usize) -> Result<&Array, Failure> {
        let count = self.auxiliary_inputs.len();
        self.auxiliary_inputs
            .get(index)
            .ok_or_else(|| self.too_few("auxiliary", index + 1, count))
    }

    /// The first output.
    pub fn output(&self) -> Result<&Array, Failure> {
        self.outputs
            .first()
            .ok_or_else(|| self.too_few("output", 1, 0))
    }

    /// The position of the auxiliary input with this alias.
    pub fn auxiliary_index(&self, alias: &str) -> Option<usize> {
        self.auxiliary_inputs
            .iter()
            .position(|array| array.alias == alias)
    }

    /// Reads the stage's parameters into a struct. Fields with a default (`#[serde(default)]`, `Option`) may
    /// be left out.
    ///
    /// # Errors
    /// A parameter failure that names the parameter which is missing, not known to the struct, or of the
    /// wrong type.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parameters::read(&self.parameters)
    }

    /// A failure as it is reported: with the stage and its kind in front.
    pub(crate) fn locate(&self, failure: Failure) -> Failure {
        Failure {
            message: format!(
                "kernel '{}' of kind '{}': {}",
                self.name, self.kind, failure.message
            ),
            ..failure
        }
    }

    fn too_few(&self, what: &str, expected: usize, count: usize) -> Failure {
        Failure::arity(format!(
            "expects at least {expected} {what} stream{}, got {count}",
            if expected == 1 { "" } else { "s" }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_any_length_cover_it_once_and_meet_at_blocks() {
        for length in [0, 1, 5, 16, 17, 1000, 1024] {
            for block in [1, 4, 16, 64] {
                for count in [1, 2, 3, 7] {
                    let mut end = 0;
                    for index in 0..count {
                        let rows = Part { index, count }.blocks(length, block);
                        assert_eq!(rows.start, end);
                        assert!(rows.end == length || rows.end.is_multiple_of(block));
                        end = rows.end;
                    }
                    assert_eq!(end, length);
                }
            }
        }
    }

    #[test]
    fn rows_are_shared_out_evenly() {
        let lengths = (0..3).map(|index| Part { index, count: 3 }.rows(11).len());
        assert_eq!(lengths.collect::<Vec<_>>(), [3, 4, 4]);
        assert_eq!(Part::default().rows(11), 0..11);
    }
}
