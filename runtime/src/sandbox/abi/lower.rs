//! Into a guest's memory.

use super::Violation;
use crate::sandbox::context::{Array, Context, dtype};
use crate::sandbox::memory::GuestMemory;

/// Writes the contract's `context` and everything that it points to, each piece into memory that `realloc` gives for an alignment
/// and a size, and returns its address.
pub fn context(
    memory: &GuestMemory,
    context: &Context,
    realloc: impl FnMut(u32, u32) -> wasmtime::Result<u32>,
) -> wasmtime::Result<u32> {
    let mut lower = Lower { memory, realloc };
    let mut record = Record::default();
    record.list(lower.text(&context.name)?);
    record.list(lower.text(&context.kind)?);
    record.word(context.part.index);
    record.word(context.part.count);
    record.list(lower.arrays(&context.trigger_inputs)?);
    record.list(lower.arrays(&context.auxiliary_inputs)?);
    record.list(lower.arrays(&context.outputs)?);
    record.list(lower.arrays(&context.state)?);
    // An option: one byte, and what it holds at its own alignment.
    record.word(u32::from(context.operation.is_some()));
    record.list(match &context.operation {
        Some(operation) => lower.text(operation)?,
        None => Placed::default(),
    });
    record.list(lower.text(&context.parameters)?);
    lower.place(&record.0, ALIGN).map(|placed| placed.at)
}

/// Alignment of every record of the contract: that of an address.
const ALIGN: u32 = 4;

/// Bytes in the guest's memory: of a list, with the number of its elements.
#[derive(Clone, Copy, Default)]
struct Placed {
    at: u32,
    count: u32,
}

/// The fields of a record, or of several, one behind the other.
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn word(&mut self, word: u32) {
        self.0.extend(word.to_le_bytes());
    }

    fn list(&mut self, list: Placed) {
        self.word(list.at);
        self.word(list.count);
    }
}

struct Lower<'a, R> {
    memory: &'a GuestMemory,
    realloc: R,
}

impl<R: FnMut(u32, u32) -> wasmtime::Result<u32>> Lower<'_, R> {
    /// Copies bytes to where the guest wants them.
    fn place(&mut self, bytes: &[u8], align: u32) -> wasmtime::Result<Placed> {
        let count = u32::try_from(bytes.len())?;
        if bytes.is_empty() {
            // Any aligned address will do.
            return Ok(Placed { at: align, count });
        }
        let at = (self.realloc)(align, count)?;
        if !at.is_multiple_of(align) || !self.memory.write(at, bytes) {
            return Err(Violation(format!(
                "its allocator (`cabi_realloc`) was asked for {count} bytes aligned to {align} and answered {at:#x}, where there \
                 is no such place in its memory"
            ))
            .into());
        }
        Ok(Placed { at, count })
    }

    fn text(&mut self, text: &str) -> wasmtime::Result<Placed> {
        self.place(text.as_bytes(), 1)
    }

    fn arrays(&mut self, arrays: &[Array]) -> wasmtime::Result<Placed> {
        let mut records = Record::default();
        for array in arrays {
            records.list(self.text(&array.name)?);
            records.list(self.text(&array.alias)?);
            // A byte, and what is left to the next address.
            records.word(dtype(array.array.dtype) as u32);
            let mut extents = Record::default();
            array
                .array
                .shape
                .iter()
                .for_each(|&extent| extents.word(extent));
            let placed = self.place(&extents.0, ALIGN)?;
            records.list(Placed {
                at: placed.at,
                count: u32::try_from(array.array.shape.len())?,
            });
        }
        let placed = self.place(&records.0, ALIGN)?;
        Ok(Placed {
            at: placed.at,
            count: u32::try_from(arrays.len())?,
        })
    }
}
