//! Which block goes where.

use crate::{constant::Constant, lane::LaneType, plan::Operand};

/// Registers, each with room for one block.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    /// Those with a number hold it for ever.
    all: Vec<(LaneType, Option<Constant>)>,
    /// Those that hold nothing which is needed any more.
    free: Vec<usize>,
}

impl Registers {
    /// The register of a number.
    pub(crate) fn constant(&mut self, lane: LaneType, number: Constant) -> Operand {
        let bits = |number: Constant| match number {
            Constant::Integer(value) => (true, value),
            Constant::Float(value) => (false, value.to_bits().into()),
        };
        let same = |&(other_lane, other): &(LaneType, Option<Constant>)| {
            other_lane == lane && other.is_some_and(|other| bits(other) == bits(number))
        };
        Operand::Single(match self.all.iter().position(same) {
            Some(register) => register,
            None => self.add(lane, Some(number)),
        })
    }

    /// A register until it is released.
    pub(crate) fn take(&mut self, lane: LaneType) -> usize {
        match self.free.iter().position(|&free| self.all[free].0 == lane) {
            Some(place) => self.free.swap_remove(place),
            None => self.add(lane, None),
        }
    }

    /// A register that no step of a block has used or will use.
    pub(crate) fn keep(&mut self, lane: LaneType) -> usize {
        self.add(lane, None)
    }

    /// Gives back the register of an operand that has been read, if it can be used again.
    pub(crate) fn release(&mut self, operand: Operand) {
        if let Operand::Register(register) = operand
            && !self.free.contains(&register)
        {
            self.free.push(register);
        }
    }

    /// All of them.
    pub(crate) fn finish(self) -> Vec<(LaneType, Option<Constant>)> {
        self.all
    }

    fn add(&mut self, lane: LaneType, number: Option<Constant>) -> usize {
        self.all.push((lane, number));
        self.all.len() - 1
    }
}
