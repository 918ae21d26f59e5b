//! The arrays that a stage keeps from frame to frame.

use crate::array::ArrayType;

use super::KernelError;
use super::manifest::{Like, Manifest};

/// A state array with the dtype and shape that a stage gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateArray {
    /// What the kernel calls it.
    pub alias: String,
    /// Its dtype and shape.
    pub array: ArrayType,
}

/// The state arrays of a kernel whose streams have these dtypes and shapes.
///
/// # Errors
/// A state array is like a stream that there is not.
pub fn state_arrays(
    manifest: &Manifest,
    inputs: &[&ArrayType],
    auxiliary: &[&ArrayType],
    outputs: &[&ArrayType],
) -> Result<Vec<StateArray>, KernelError> {
    let array = |like: Like| match like {
        Like::Input(place) => inputs.get(place),
        Like::Auxiliary(place) => auxiliary.get(place),
        Like::Output(place) => outputs.get(place),
    };
    let declared = manifest.state.iter();
    declared
        .map(|state| match array(state.like) {
            Some(array) => Ok(StateArray {
                alias: state.alias.clone(),
                array: (*array).clone(),
            }),
            None => Err(KernelError::new(format!(
                "lacks the stream that the state '{}' of kernel kind '{}' is like",
                state.alias, manifest.kind
            ))),
        })
        .collect()
}
