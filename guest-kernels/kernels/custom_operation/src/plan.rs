//! What is done for a frame: passes over arrays.
//!
//! An operation without `@` is one pass: its steps are done for one block of elements after the other, so that all
//! but the streams stays in the nearest cache. A matrix product needs its operands whole; if they are not
//! streams, each is a pass of its own, into scratch, before it, and so is whatever the product is used for.

use crate::{broadcast::Broadcast, constant::Constant, lane::LaneType};

/// A whole array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stream(usize),
    Scratch(usize),
    Output,
}

/// A block of elements, as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Register(usize),
    /// A register all of whose elements are the same, for the whole pass.
    Single(usize),
    /// The block's part of an array that is laid out as the pass is.
    Direct(Place),
}

/// What is done with blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Copy,
    Negate,
    Absolute,
    Arithmetic(Arithmetic),
    /// NaN if either is.
    Minimum,
    Maximum,
    /// Two at once save a trip of the block through the cache, which costs more than most operations do.
    Then(Arithmetic, Arithmetic),
    /// The second operand at least, the third at most.
    Clip,
    /// The same for integers that are computed in floats.
    Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operation {
    /// Whether the first two operands may change places.
    pub(crate) fn commutes(self) -> bool {
        use Arithmetic::{Add, Multiply};
        matches!(self, Operation::Arithmetic(Add | Multiply))
    }

    /// This operation and another on its result, as one, if there is one for both.
    pub(crate) fn then(self, next: Operation) -> Option<Operation> {
        match (self, next) {
            (Operation::Arithmetic(Arithmetic::Divide), _) => None,
            (Operation::Arithmetic(first), Operation::Arithmetic(second)) => {
                Some(Operation::Then(first, second))
            }
            (Operation::Maximum, Operation::Minimum) => Some(Operation::Clip),
            _ => None,
        }
    }
}

/// What a step computes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Formula {
    pub lane: LaneType,
    pub operation: Operation,
    /// Operations with fewer repeat one.
    pub operands: [Operand; 3],
    /// What the result is brought within at the end, for floats: the least and the greatest value, each the same for all
    /// elements. NaN makes all of it NaN.
    pub limits: Option<[Operand; 2]>,
}

/// One step of a pass, done for each block.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the block's part of an array, converted and repeated as needed.
    Load {
        lane: LaneType,
        from: Place,
        layout: Broadcast,
        to: usize,
    },
    /// Converts from another lane type.
    Convert {
        lane: LaneType,
        from: (LaneType, usize),
        to: usize,
    },
    /// Computes. Without a register the result is the block's part of the destination.
    Compute { formula: Formula, to: Option<usize> },
    /// Writes floats to an output of integers.
    Store { from: Operand },
}

/// A part of the work that is done before the next one begins.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// Element by element.
    Elementwise {
        /// The type of the result.
        lane: LaneType,
        elements: usize,
        /// Done once for a frame: reads of single values.
        once: Vec<Step>,
        steps: Vec<Step>,
        destination: Place,
    },
    /// `rows × inner` times `inner × columns`.
    Product {
        lane: LaneType,
        /// The least and the greatest value, for integers that are computed in floats.
        bounds: Option<(f64, f64)>,
        left: Place,
        right: Place,
        rows: usize,
        columns: usize,
        scratch: usize,
    },
}

/// Everything that happens for a frame, and the memory it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub passes: Vec<Pass>,
    /// Room for one block each; those with a number hold it for ever.
    pub registers: Vec<(LaneType, Option<Constant>)>,
    /// Room for a whole array each, with its number of elements.
    pub scratch: Vec<(LaneType, usize)>,
}
