//! Memory for one frame.

use crate::{Array, Element, Failure, Role, View, ViewMut};

/// One frame of an array, in memory of its own.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    array: Array,
    /// At least as long as the frame; words for the alignment.
    words: Vec<u64>,
}

impl Buffer {
    pub(super) fn zeros(array: Array) -> Self {
        Buffer {
            words: vec![0; array.bytes().div_ceil(size_of::<u64>())],
            array,
        }
    }

    pub(super) fn array(&self) -> &Array {
        &self.array
    }

    pub(super) fn role(&self) -> Role {
        self.array.role()
    }

    pub(super) fn address(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    pub(super) fn view(&self) -> View<'_> {
        // SAFETY: the words are 8-aligned and at least as long as the frame, and borrowed with `self`.
        unsafe { View::new(&self.array, self.words.as_ptr().cast()) }
    }

    fn view_mut(&mut self) -> ViewMut<'_> {
        let address = self.words.as_mut_ptr().cast();
        // SAFETY: as in `view`, and borrowed exclusively.
        unsafe { ViewMut::new(&self.array, address) }
    }

    pub(super) fn write<T: Element>(&mut self, values: &[T]) -> Result<(), Failure> {
        self.require_length(values.len(), self.array.elements())?;
        self.view_mut().slice()?.copy_from_slice(values);
        Ok(())
    }

    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.require_length(bytes.len(), self.array.bytes())?;
        self.view_mut().bytes().copy_from_slice(bytes);
        Ok(())
    }

    fn require_length(&self, given: usize, expected: usize) -> Result<(), Failure> {
        if given == expected {
            return Ok(());
        }
        Err(Failure::shape(format!(
            "the frame of '{}' has {expected} elements, {given} were given",
            self.array.name()
        )))
    }
}
