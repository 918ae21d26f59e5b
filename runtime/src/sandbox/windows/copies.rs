//! The copied world's arrays: mapped for the host alone, copied out of before a call, and copied into when the guest hands an
//! output over.

#![allow(
    unsafe_code,
    reason = "copies from and to memory that other processes write"
)]

use std::ptr;

use crate::sandbox::context::Context;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::host::Breach;
use crate::stream::guard::{self, Guarded};

use super::mapping::Mapping;
use super::{cannot_map, no_such_slot, wrong_slots};

/// The arrays of one instance, in frame-table order.
pub(crate) struct Copies {
    inputs: Vec<HostWindow>,
    pub trigger_frames: Vec<Vec<u8>>,
    pub auxiliary_frames: Vec<Vec<u8>>,
    /// `None` only while a call has them.
    pub outputs: Option<Outputs>,
}

impl Copies {
    /// Uses the windows. There is one for each trigger input, auxiliary input and output of the context.
    pub fn new(context: &Context, windows: Vec<Mapping>) -> Result<Copies, Fault> {
        if !context.state.is_empty() {
            return Err(Fault::new(
                Cause::Contract,
                "The kernel is of the copied world, which has no state arrays; its manifest must not ask for any.",
            ));
        }
        let mut mapped = windows
            .into_iter()
            .enumerate()
            .map(|(index, window)| HostWindow::new(index, window))
            .collect::<Result<Vec<_>, Fault>>()?;
        let inputs = context.trigger_inputs.len() + context.auxiliary_inputs.len();
        let outputs = mapped.split_off(inputs.min(mapped.len()));
        let mut trigger_frames: Vec<Vec<u8>> = mapped
            .iter()
            .map(|window| vec![0; window.bytes()])
            .collect();
        let auxiliary_frames = trigger_frames.split_off(context.trigger_inputs.len());
        Ok(Copies {
            outputs: Some(Outputs {
                first: mapped.len(),
                slots: vec![0; outputs.len()],
                written: vec![false; outputs.len()],
                windows: outputs,
            }),
            inputs: mapped,
            trigger_frames,
            auxiliary_frames,
        })
    }

    /// Copies the inputs' frames, and remembers the outputs' slots.
    pub fn point_at(&mut self, slots: &[u32]) -> Result<(), Fault> {
        let outputs = self
            .outputs
            .as_mut()
            .map_or(0, |outputs| outputs.slots.len());
        let (inputs_slots, output_slots) = match slots.split_at_checked(self.inputs.len()) {
            Some(split) if split.1.len() == outputs => split,
            _ => return Err(wrong_slots(slots.len(), self.inputs.len() + outputs)),
        };
        let frames = self
            .trigger_frames
            .iter_mut()
            .chain(&mut self.auxiliary_frames);
        for (index, ((window, frame), &slot)) in
            self.inputs.iter().zip(frames).zip(inputs_slots).enumerate()
        {
            if slot >= window.slots() {
                return Err(no_such_slot(index, slot, window.slots()));
            }
            window.read(slot, frame);
        }
        match &mut self.outputs {
            Some(outputs) => outputs.point_at(output_slots),
            None => Ok(()),
        }
    }

    /// The first window's fault that the guard has counted.
    pub fn fault(&self) -> Option<Fault> {
        let outputs = self.outputs.iter().flat_map(|outputs| &outputs.windows);
        self.inputs
            .iter()
            .chain(outputs)
            .enumerate()
            .find_map(|(index, window)| window.fault(index))
    }
}

/// Where a call's results go.
pub(crate) struct Outputs {
    /// Index of the first output among all windows.
    first: usize,
    windows: Vec<HostWindow>,
    slots: Vec<u32>,
    written: Vec<bool>,
}

impl Outputs {
    fn point_at(&mut self, slots: &[u32]) -> Result<(), Fault> {
        for (index, (window, &slot)) in self.windows.iter().zip(slots).enumerate() {
            if slot >= window.slots() {
                return Err(no_such_slot(self.first + index, slot, window.slots()));
            }
        }
        self.slots.copy_from_slice(slots);
        self.written.fill(false);
        Ok(())
    }

    /// Takes one output from the guest.
    pub fn write(&mut self, output: u32, data: &[u8]) -> Result<(), Breach> {
        let index = output as usize;
        let Some(window) = self.windows.get_mut(index) else {
            return Err(Breach(format!(
                "it wrote output {output}, but has {} of them, counted from 0",
                self.slots.len()
            )));
        };
        if data.len() != window.bytes() {
            return Err(Breach(format!(
                "it wrote {} bytes to output {output}, which has {}",
                data.len(),
                window.bytes()
            )));
        }
        window.write(self.slots[index], data);
        self.written[index] = true;
        Ok(())
    }

    /// Checks, after a successful call, that every output was written.
    pub fn check_written(&self) -> Result<(), Fault> {
        match self.written.iter().position(|written| !written) {
            None => Ok(()),
            Some(output) => Err(Fault::new(
                Cause::Contract,
                format!(
                    "The kernel succeeded without writing output {output}; call `write-output` for each output."
                ),
            )),
        }
    }
}

/// One window, where it was mapped.
struct HostWindow {
    // Dropped first: a guard ends before its memory.
    guard: Guarded,
    mapping: Mapping,
}

impl HostWindow {
    fn new(index: usize, mapping: Mapping) -> Result<HostWindow, Fault> {
        // SAFETY: whole pages, nobody else's, unmapped when the guard has ended; only bytes are kept there.
        let guard = unsafe { guard::register(mapping.base(), mapping.length()) }
            .map_err(|error| cannot_map(index, error))?;
        Ok(HostWindow { guard, mapping })
    }

    /// Number of slots.
    pub fn slots(&self) -> u32 {
        self.mapping.extent().slots
    }

    /// Length of a frame.
    pub fn bytes(&self) -> usize {
        self.mapping.extent().bytes as usize
    }

    /// Copies a slot's frame out. `frame` has the length of a frame.
    pub fn read(&self, slot: u32, frame: &mut [u8]) {
        let source = self.slot(slot);
        let count = frame.len().min(self.bytes());
        // SAFETY: the source lies in the mapping by `slot`; the target is a Rust slice of at least `count` bytes. Another process
        // may write the source meanwhile: then the copy is torn, but it is only bytes.
        unsafe { ptr::copy_nonoverlapping(source, frame.as_mut_ptr(), count) };
    }

    /// Copies a frame into a slot of a writable window. `frame` has the length of a frame.
    pub fn write(&mut self, slot: u32, frame: &[u8]) {
        let target = self.slot(slot);
        let count = frame.len().min(self.bytes());
        // SAFETY: the target lies in the mapping by `slot`; should it be read-only after all, the guard catches the store.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr(), target, count) };
    }

    fn slot(&self, slot: u32) -> *mut u8 {
        let extent = self.mapping.extent();
        let slot = slot.min(extent.slots - 1);
        let offset = slot as usize * extent.stride as usize;
        self.mapping.base().wrapping_add(offset)
    }

    /// The fault that the guard has counted.
    pub fn fault(&self, index: usize) -> Option<Fault> {
        let faulted = self.guard.faults() != 0;
        faulted.then(|| self.mapping.source().fault(index))
    }
}
