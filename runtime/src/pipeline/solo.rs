//! One kernel by itself, on arrays in private memory: no streams, no lane.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::opening::Memory;
use super::state::{self, State};
use crate::sandbox::{Access, Array, Context, Fault, Instance, Limits, Program, Window};
use crate::stream::{PrivateRing, now_ns};

/// A kernel with an array for each of its inputs, outputs and state arrays.
pub struct Solo {
    /// One, or one for each part, which compute one after the other.
    instances: Vec<Instance>,
    inputs: Vec<Arc<PrivateRing>>,
    outputs: Vec<Arc<PrivateRing>>,
    state: Vec<State>,
    slots: Vec<u32>,
    /// Slots before the one of each output that is used, and as many behind it.
    margin: u32,
}

impl Solo {
    /// Opens an instance. All arrays start as zeros.
    ///
    /// # Errors
    /// No memory for the arrays, or a fault of the kernel while it starts.
    pub fn open(program: &Program, context: &Context, limits: &Limits) -> anyhow::Result<Self> {
        Self::open_with_margin(program, context, limits, 0)
    }

    /// As [`Solo::open`], with an instance for each part of the stage that `context` is of: together they compute whole frames.
    ///
    /// # Errors
    /// As there.
    pub fn open_parts(
        program: &Program,
        context: &Context,
        limits: &Limits,
    ) -> anyhow::Result<Self> {
        let parts = (0..context.part.count).map(|part| context.of_part(part));
        Self::open_contexts(program, &parts.collect::<Vec<_>>(), limits, 0)
    }

    /// As [`Solo::open`], with `margin` slots on either side of each output that the kernel sees and has to leave alone.
    ///
    /// # Errors
    /// As there.
    pub fn open_with_margin(
        program: &Program,
        context: &Context,
        limits: &Limits,
        margin: u32,
    ) -> anyhow::Result<Self> {
        Self::open_contexts(program, std::slice::from_ref(context), limits, margin)
    }

    /// An instance for each of the contexts, which differ in their part only.
    fn open_contexts(
        program: &Program,
        contexts: &[Context],
        limits: &Limits,
        margin: u32,
    ) -> anyhow::Result<Self> {
        let context = contexts.first().context("a stage has at least one part")?;
        let inputs = arrays(
            context
                .trigger_inputs
                .iter()
                .chain(&context.auxiliary_inputs),
            1,
        )?;
        let outputs = arrays(&context.outputs, 1 + 2 * margin)?;
        let state = context
            .state
            .iter()
            .map(State::new)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = |arrays: &[Arc<PrivateRing>], access| {
            let memories = arrays.iter().cloned().map(Memory::Private);
            memories.map(|memory| (memory, access)).collect::<Vec<_>>()
        };
        let mut memories = shown(&inputs, Access::Read);
        memories.extend(shown(&outputs, Access::Write));
        for state in &state {
            for access in [Access::Read, Access::Write] {
                memories.push((Memory::Private(state.memory()), access));
            }
        }
        let windows: Vec<Window<'_>> = memories
            .iter()
            .map(|(memory, access)| memory.window(*access))
            .collect();
        let mut slots = vec![0; windows.len()];
        slots[inputs.len()..][..outputs.len()].fill(margin);
        let open = |context: &Context| program.open(context, &windows, limits);
        let instances = contexts.iter().map(open).collect::<Result<_, _>>();
        Ok(Self {
            instances: instances.map_err(|fault| anyhow!("{fault}"))?,
            inputs,
            outputs,
            state,
            slots,
            margin,
        })
    }

    /// Replaces an input: trigger inputs first, then auxiliary inputs.
    ///
    /// # Errors
    /// The frame has another size, or there is no memory for it.
    pub fn set_input(&self, index: usize, frame: &[u8]) -> anyhow::Result<()> {
        let input = self
            .inputs
            .get(index)
            .ok_or_else(|| anyhow!("there is no input {index}"))?;
        Ok(input.write(0, frame)?)
    }

    /// Replaces the value of a state array.
    ///
    /// # Errors
    /// There is no such array, or it has another size.
    pub fn set_state(&self, index: usize, value: &[u8]) -> anyhow::Result<()> {
        let state = self
            .state
            .get(index)
            .ok_or_else(|| anyhow!("there is no state array {index}"))?;
        Ok(state.set(value)?)
    }

    /// Computes one frame, commits the state, and says how long the call took.
    ///
    /// # Errors
    /// Whatever the kernel did wrong.
    pub fn compute(&mut self, frame_id: u64) -> Result<Duration, Fault> {
        state::point(&self.state, &mut self.slots);
        let mut first_ns = None;
        for instance in &mut self.instances {
            let begun_ns = instance.compute_into(frame_id, &self.slots)?;
            first_ns.get_or_insert(begun_ns);
        }
        let took = first_ns.map_or(0, |begun_ns| now_ns().saturating_sub(begun_ns));
        let took = Duration::from_nanos(took);
        state::commit(&mut self.state);
        Ok(took)
    }

    /// What the last call wrote to an output.
    ///
    /// # Errors
    /// There is no such output.
    pub fn output(&self, index: usize) -> anyhow::Result<Vec<u8>> {
        let output = self
            .outputs
            .get(index)
            .ok_or_else(|| anyhow!("there is no output {index}"))?;
        Ok(output.read(self.margin)?)
    }

    /// The committed value of a state array.
    ///
    /// # Errors
    /// There is no such array.
    pub fn state(&self, index: usize) -> anyhow::Result<Vec<u8>> {
        let state = self
            .state
            .get(index)
            .ok_or_else(|| anyhow!("there is no state array {index}"))?;
        Ok(state.committed()?)
    }

    /// Sets every byte that the kernel sees of its outputs, margins included.
    pub fn paint_outputs(&self, byte: u8) {
        self.outputs.iter().for_each(|output| output.fill(byte));
    }

    /// Whether an output's memory has only this byte outside its frame.
    pub fn is_clean_around(&self, index: usize, byte: u8) -> bool {
        let output = self.outputs.get(index);
        output.is_none_or(|output| output.has_only(byte, self.margin))
    }

    /// Bytes of linear memory that the kernel has, windows included; unknown where it runs in a process of its own.
    pub fn memory_bytes(&self) -> Option<u64> {
        let mut instances = self.instances.iter().map(Instance::memory_bytes);
        instances.try_fold(0, |sum: u64, bytes| sum.checked_add(bytes?))
    }
}

fn arrays<'a>(
    arrays: impl IntoIterator<Item = &'a Array>,
    slots: u32,
) -> anyhow::Result<Vec<Arc<PrivateRing>>> {
    let arrays = arrays.into_iter();
    arrays
        .map(|array| {
            let memory = PrivateRing::new(&array.name, slots, array.array.bytes())?;
            Ok(Arc::new(memory))
        })
        .collect()
}
