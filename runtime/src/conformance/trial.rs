//! A kernel at work on made-up frames.

use std::time::Duration;

use super::frames;
use crate::pipeline::Solo;
use crate::sandbox::{Array, Context, Limits, Program};

/// Slots on either side of an output that the kernel can see and must leave alone.
const MARGIN: u32 = 2;

/// An instance with its arrays. Errors are sentences for the author.
pub(super) struct Trial {
    solo: Solo,
    context: Context,
    frame: u64,
}

impl Trial {
    pub fn open(program: &Program, context: Context, limits: &Limits) -> Result<Trial, String> {
        let solo = Solo::open_with_margin(program, &context, limits, MARGIN)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Trial {
            solo,
            context,
            frame: 0,
        })
    }

    fn inputs(&self) -> impl Iterator<Item = &Array> {
        self.context
            .trigger_inputs
            .iter()
            .chain(&self.context.auxiliary_inputs)
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.context.outputs.len()
    }

    /// Fills every input with mild numbers.
    pub fn fill(&self, seed: u64) -> Result<(), String> {
        for (index, array) in self.inputs().enumerate() {
            self.set(
                index,
                &frames::mild(&array.array, seed.wrapping_add(index as u64) ^ 0x51),
            )?;
        }
        Ok(())
    }

    /// Fills every input with numbers that surprise.
    pub fn fill_extreme(&self) -> Result<(), String> {
        for (index, array) in self.inputs().enumerate() {
            self.set(index, &frames::extreme(&array.array))?;
        }
        Ok(())
    }

    /// Replaces an input.
    pub fn set(&self, index: usize, frame: &[u8]) -> Result<(), String> {
        self.solo
            .set_input(index, frame)
            .map_err(|error| format!("{error:#}"))
    }

    /// Computes the next frame.
    pub fn step(&mut self) -> Result<Duration, String> {
        self.frame += 1;
        self.solo.compute(self.frame).map_err(|fault| {
            format!(
                "frame {} of {}: {}",
                self.frame,
                self.shapes(),
                fault.message
            )
        })
    }

    /// Computes frames on mild numbers, the first of them on those of `seed`, and gives the outputs of each.
    pub fn play(&mut self, seeds: std::ops::Range<u64>) -> Result<Vec<Vec<Vec<u8>>>, String> {
        seeds
            .map(|seed| {
                self.fill(seed)?;
                self.step()?;
                self.results()
            })
            .collect()
    }

    /// All outputs.
    pub fn results(&self) -> Result<Vec<Vec<u8>>, String> {
        (0..self.outputs())
            .map(|index| {
                self.solo
                    .output(index)
                    .map_err(|error| format!("{error:#}"))
            })
            .collect()
    }

    /// Sets every byte of the outputs and of what is around them.
    pub fn paint(&self, byte: u8) {
        self.solo.paint_outputs(byte);
    }

    /// The first output around which a byte is not as it was painted.
    pub fn smeared(&self, byte: u8) -> Option<usize> {
        (0..self.outputs()).find(|&index| !self.solo.is_clean_around(index, byte))
    }

    /// The committed state.
    pub fn state(&self) -> Result<Vec<Vec<u8>>, String> {
        (0..self.context.state.len())
            .map(|index| self.solo.state(index).map_err(|error| format!("{error:#}")))
            .collect()
    }

    /// Goes on from a state, after so many frames.
    pub fn resume(&mut self, state: &[Vec<u8>], frame: u64) -> Result<(), String> {
        self.frame = frame;
        for (index, value) in state.iter().enumerate() {
            self.solo
                .set_state(index, value)
                .map_err(|error| format!("{error:#}"))?;
        }
        Ok(())
    }

    /// Bytes of linear memory that the kernel has.
    pub fn memory(&self) -> Option<u64> {
        self.solo.memory_bytes()
    }

    /// The shapes of the inputs, for messages.
    fn shapes(&self) -> String {
        let shapes: Vec<String> = self
            .inputs()
            .map(|array| format!("{}", array.array))
            .collect();
        shapes.join(" and ")
    }
}
