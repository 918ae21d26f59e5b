//! From a guest's memory.

use super::{Outcome, Violation};
use crate::sandbox::bounds::FAULT_CHARACTERS;
use crate::sandbox::contract::types::{Code, Failure};
use crate::sandbox::memory::GuestMemory;

/// The `result<_, failure>` at `at`: a byte that says whether it is an error, and from offset 4 the error's code (a byte) and, from
/// offset 8, the address and length of its message.
#[inline]
pub fn outcome(memory: &GuestMemory, at: u32) -> Result<Outcome, Violation> {
    let mut result = [0; 16];
    if !at.is_multiple_of(4) || !memory.read(at, &mut result) {
        return Err(Violation(format!(
            "its result is said to be at {at:#x}, which is not an address within its memory, aligned to 4 bytes"
        )));
    }
    match result[0] {
        0 => Ok(Ok(())),
        1 => failure(memory, result).map(Err),
        other => Err(Violation(format!(
            "its result is neither a success (0) nor an error (1) but {other}"
        ))),
    }
}

#[cold]
fn failure(memory: &GuestMemory, result: [u8; 16]) -> Result<Failure, Violation> {
    let [_, _, _, _, code, _, _, _, a, b, c, d, e, f, g, h] = result;
    let code = match code {
        0 => Code::Arity,
        1 => Code::Dtype,
        2 => Code::Shape,
        3 => Code::Parameter,
        4 => Code::Failed,
        other => {
            return Err(Violation(format!(
                "it failed with the code {other}, which the contract does not have"
            )));
        }
    };
    let message = text(
        memory,
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
        FAULT_CHARACTERS,
    )?;
    Ok(Failure { code, message })
}

/// A string of the guest's, of which no more characters are wanted than `limit`. All of it has to lie in the guest's memory, and
/// what is wanted has to be UTF-8.
pub fn text(memory: &GuestMemory, at: u32, length: u32, limit: usize) -> Result<String, Violation> {
    let outside = at
        .checked_add(length)
        .is_none_or(|end| end as usize > memory.size());
    // One character more, so that it is seen that there are more.
    let wanted = (limit + 1) * 4;
    let mut bytes = vec![0; wanted.min(length as usize)];
    if outside || !memory.read(at, &mut bytes) {
        return Err(Violation(format!(
            "a text of {length} bytes at {at:#x} does not lie in its memory"
        )));
    }
    String::from_utf8(bytes).or_else(|error| {
        let (valid, whole) = (error.utf8_error().valid_up_to(), length as usize <= wanted);
        // The cut may go through a character.
        if whole || error.utf8_error().error_len().is_some() {
            return Err(Violation("a text is not UTF-8".to_owned()));
        }
        let mut bytes = error.into_bytes();
        bytes.truncate(valid);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
}
