//! One kernel by itself, on arrays in private memory: no streams, no lane.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::state::{self, State};
use crate::array::ArrayType;
use crate::sandbox::{Access, Array, Context, Fault, Instance, Limits, Program, Window};

/// A kernel with an array for each of its inputs, outputs and state arrays.
pub struct Solo {
    instance: Instance,
    inputs: Vec<PrivateArray>,
    outputs: Vec<PrivateArray>,
    state: Vec<State>,
    slots: Vec<u32>,
}

impl Solo {
    /// Opens an instance. All arrays start as zeros.
    ///
    /// # Errors
    /// No memory for the arrays, or a fault of the kernel while it starts.
    pub fn open(program: &Program, context: &Context, limits: &Limits) -> anyhow::Result<Self> {
        let arrays = |arrays: &[Array]| -> anyhow::Result<Vec<PrivateArray>> {
            arrays
                .iter()
                .map(|array| PrivateArray::new(&array.array))
                .collect()
        };
        let mut inputs = arrays(&context.trigger_inputs)?;
        inputs.extend(arrays(&context.auxiliary_inputs)?);
        let outputs = arrays(&context.outputs)?;
        let state = context
            .state
            .iter()
            .map(|array| State::new(&array.array))
            .collect::<io::Result<Vec<_>>>()
            .context("cannot get memory for a state array")?;
        let windows: Vec<Window<'_>> = inputs
            .iter()
            .map(|input| input.window(Access::Read))
            .chain(outputs.iter().map(|output| output.window(Access::Write)))
            .chain(state.iter().flat_map(State::windows))
            .collect();
        let slots = vec![0; windows.len()];
        let instance = program
            .open(context, &windows, limits)
            .map_err(|fault| anyhow!("{fault}"))?;
        Ok(Self {
            instance,
            inputs,
            outputs,
            state,
            slots,
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
        input.write(frame)
    }

    /// Computes one frame, commits the state, and says how long the call took.
    ///
    /// # Errors
    /// Whatever the kernel did wrong.
    pub fn compute(&mut self, frame_id: u64) -> Result<Duration, Fault> {
        state::point(&self.state, &mut self.slots);
        let start = Instant::now();
        self.instance.compute_into(frame_id, &self.slots)?;
        let took = start.elapsed();
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
        output.read()
    }
}

/// One frame in anonymous memory that can be mapped into a guest.
struct PrivateArray {
    file: OwnedFd,
    bytes: u32,
    stride: u32,
}

impl PrivateArray {
    fn new(array: &ArrayType) -> anyhow::Result<Self> {
        let bytes = array.bytes().and_then(|bytes| u32::try_from(bytes).ok());
        let stride = bytes
            .and_then(|bytes| bytes.checked_next_multiple_of(rustix::param::page_size() as u32));
        let (Some(bytes), Some(stride)) = (bytes, stride) else {
            anyhow::bail!("an array of {array} is larger than the 4 GiB that a kernel can address");
        };
        let file = memfd_create("sandpipe-array", MemfdFlags::CLOEXEC)
            .context("cannot get memory for an array")?;
        ftruncate(&file, stride.into()).context("cannot get memory for an array")?;
        Ok(Self {
            file,
            bytes,
            stride,
        })
    }

    fn window(&self, access: Access) -> Window<'_> {
        Window {
            file: self.file.as_fd(),
            offset: 0,
            stride: self.stride,
            slots: 1,
            bytes: self.bytes,
            access,
        }
    }

    fn write(&self, mut frame: &[u8]) -> anyhow::Result<()> {
        if frame.len() != self.bytes as usize {
            anyhow::bail!(
                "the frame has {} bytes instead of {}",
                frame.len(),
                self.bytes
            );
        }
        let mut offset = 0;
        while !frame.is_empty() {
            let written =
                rustix::io::pwrite(&self.file, frame, offset).context("cannot write an array")?;
            offset += written as u64;
            frame = &frame[written..];
        }
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut frame = vec![0; self.bytes as usize];
        let mut done = 0;
        while done < frame.len() {
            match rustix::io::pread(&self.file, &mut frame[done..], done as u64)
                .context("cannot read an array")?
            {
                0 => anyhow::bail!("an array is shorter than its {} bytes", self.bytes),
                read => done += read,
            }
        }
        Ok(frame)
    }
}
