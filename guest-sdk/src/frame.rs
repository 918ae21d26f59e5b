//! The frame table as lists of views.
#![allow(
    unsafe_code,
    reason = "splits the frame table and makes views of its addresses"
)]

use crate::{Array, Context, Failure, View, ViewMut};

/// An address in the frame table. In the guest this is the `u32` of the contract.
pub(crate) type Address = *mut u8;

/// Everything a stage reads and writes for one frame.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The frame's id: that of the newest trigger.
    pub id: u64,
    /// The streams that started the stage.
    pub trigger_inputs: Inputs<'a>,
    /// The streams that are read as they are.
    pub auxiliary_inputs: Inputs<'a>,
    /// The streams that the stage publishes.
    pub outputs: Outputs<'a>,
    /// The arrays kept between frames.
    pub state: State<'a>,
}

impl<'a> Frame<'a> {
    /// Splits a frame table: trigger inputs, auxiliary inputs, outputs, then previous and next address of
    /// each state array.
    ///
    /// # Safety
    /// `table` points to one address for each of these. For `'a`, each is 8-aligned and its array's bytes are
    /// readable; those of the outputs and of the next states are writable, initialised, and overlap nothing
    /// else that this program uses.
    pub(crate) unsafe fn new(id: u64, context: &'a Context, table: *const Address) -> Self {
        let count = context.trigger_inputs.len()
            + context.auxiliary_inputs.len()
            + context.outputs.len()
            + 2 * context.state.len();
        // SAFETY: the caller vouches for `count` addresses at `table`.
        let table = unsafe { std::slice::from_raw_parts(table, count) };
        let (triggers, table) = table.split_at(context.trigger_inputs.len());
        let (auxiliary, table) = table.split_at(context.auxiliary_inputs.len());
        let (outputs, state) = table.split_at(context.outputs.len());
        Frame {
            id,
            trigger_inputs: Inputs(Places {
                arrays: &context.trigger_inputs,
                addresses: triggers,
            }),
            auxiliary_inputs: Inputs(Places {
                arrays: &context.auxiliary_inputs,
                addresses: auxiliary,
            }),
            outputs: Outputs(Places {
                arrays: &context.outputs,
                addresses: outputs,
            }),
            state: State(Places {
                arrays: &context.state,
                addresses: state,
            }),
        }
    }
}

/// Arrays and where they lie, as many addresses for each as its role has.
#[derive(Clone, Copy, Debug)]
struct Places<'a> {
    arrays: &'a [Array],
    addresses: &'a [Address],
}

impl<'a> Places<'a> {
    /// An array, and the address at a position of the list.
    #[inline]
    fn get(&self, array: usize, address: usize) -> Result<(&'a Array, Address), Failure> {
        match (self.arrays.get(array), self.addresses.get(address)) {
            (Some(found), Some(&address)) => Ok((found, address)),
            _ => Err(missing(array)),
        }
    }

    /// The arrays that have one address each.
    fn iter(self) -> impl Iterator<Item = (&'a Array, Address)> {
        self.arrays.iter().zip(self.addresses.iter().copied())
    }
}

#[cold]
fn missing(index: usize) -> Failure {
    Failure::arity(format!(
        "the kernel uses an input, output or state number {index}, which the stage lacks"
    ))
}

/// The trigger inputs or the auxiliary inputs of a stage, in the pipeline's order.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a>(Places<'a>);

impl<'a> Inputs<'a> {
    /// The number of inputs.
    pub fn len(&self) -> usize {
        self.0.arrays.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.arrays.is_empty()
    }

    /// The input at a position.
    ///
    /// # Errors
    /// An arity failure when there is none.
    #[inline]
    pub fn get(&self, index: usize) -> Result<View<'a>, Failure> {
        let (array, address) = self.0.get(index, index)?;
        // SAFETY: `Frame::new`'s caller vouches for each input's address and bytes for `'a`, and that nothing
        // that can be written overlaps them.
        Ok(unsafe { View::new(array, address) })
    }

    /// All inputs in order.
    pub fn iter(self) -> impl Iterator<Item = View<'a>> {
        // SAFETY: as in `get`.
        (self.0.iter()).map(|(array, address)| unsafe { View::new(array, address) })
    }
}

/// The outputs of a stage, in the pipeline's order.
#[derive(Debug)]
pub struct Outputs<'a>(Places<'a>);

impl Outputs<'_> {
    /// The number of outputs.
    pub fn len(&self) -> usize {
        self.0.arrays.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.arrays.is_empty()
    }

    /// The output at a position.
    ///
    /// # Errors
    /// An arity failure when there is none.
    #[inline]
    pub fn get(&mut self, index: usize) -> Result<ViewMut<'_>, Failure> {
        let (array, address) = self.0.get(index, index)?;
        // SAFETY: `Frame::new`'s caller vouches for each output's address and bytes for longer than this
        // borrow, and that they overlap nothing; borrowing `self` mutably keeps a second view away.
        Ok(unsafe { ViewMut::new(array, address) })
    }

    /// All outputs in order, to be written side by side.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = ViewMut<'_>> {
        // SAFETY: as in `get`; the outputs do not overlap each other.
        (self.0.iter()).map(|(array, address)| unsafe { ViewMut::new(array, address) })
    }
}

/// The arrays that the host keeps for a stage between frames. They start as zeros. What a frame writes as the
/// next value becomes the previous one of the frame after it, and only if the call succeeds; a failed call
/// leaves the state as it was. The next value holds old bytes until it is written, so write all of it.
#[derive(Debug)]
pub struct State<'a>(Places<'a>);

impl<'a> State<'a> {
    /// The number of state arrays.
    pub fn len(&self) -> usize {
        self.0.arrays.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.arrays.is_empty()
    }

    /// The value that the last successful frame left.
    ///
    /// # Errors
    /// An arity failure when there is no such state array.
    #[inline]
    pub fn previous(&self, index: usize) -> Result<View<'a>, Failure> {
        let (array, address) = self.0.get(index, 2 * index)?;
        // SAFETY: as in `Inputs::get`; next values do not overlap previous ones.
        Ok(unsafe { View::new(array, address) })
    }

    /// Where this frame's value goes.
    ///
    /// # Errors
    /// An arity failure when there is no such state array.
    #[inline]
    pub fn next(&mut self, index: usize) -> Result<ViewMut<'_>, Failure> {
        let (array, address) = self.0.get(index, 2 * index + 1)?;
        // SAFETY: as in `Outputs::get`.
        Ok(unsafe { ViewMut::new(array, address) })
    }
}
