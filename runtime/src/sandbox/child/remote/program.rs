//! A program whose instances run in children, and how one is started.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::instance::RemoteInstance;
use super::startup::Whose;
use crate::sandbox::admission::LoadError;
use crate::sandbox::child::confine::Bounds;
use crate::sandbox::child::control::Control;
use crate::sandbox::child::messages::{Order, Start, Step};
use crate::sandbox::child::{Role, sealed};
use crate::sandbox::code::Code;
use crate::sandbox::contract::World;
use crate::sandbox::engine::Inner;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::host::Log;
use crate::sandbox::windows::Window;
use crate::sandbox::windows::layout::Layout;
use crate::sandbox::windows::mapping::Source;
use crate::sandbox::{Context, Limits};

/// Memory that a child needs beside the kernel's.
const HEAP: u64 = 64 << 20;

/// A program whose instances run in children.
pub(in crate::sandbox) struct RemoteProgram {
    engine: Arc<Inner>,
    code: OwnedFd,
    code_bytes: u64,
    world: World,
}

impl RemoteProgram {
    /// Keeps the code for children. Nothing of it is loaded into this process.
    pub fn new(engine: &Arc<Inner>, code: &Code, world: World) -> Result<RemoteProgram, LoadError> {
        Ok(RemoteProgram {
            engine: Arc::clone(engine),
            code: sealed::sealed("sandpipe-code", &code.0).map_err(|error| {
                LoadError::new(format!("The compiled module cannot be kept: {error}."))
            })?,
            code_bytes: code.0.len() as u64,
            world,
        })
    }

    /// Asks the kernel, in a child of its own, whether it can run in this place.
    pub fn validate_config(&self, context: &Context, limits: &Limits) -> Result<(), Fault> {
        let mut remote = self.start(context, None, limits)?;
        remote.step(Step::Instantiated, Whose::Guest)?;
        remote.step(Step::Ready, Whose::Guest)
    }

    /// Makes an instance.
    pub fn open(
        &self,
        context: &Context,
        windows: &[Window<'_>],
        layout: &Layout,
        limits: &Limits,
    ) -> Result<RemoteInstance, Fault> {
        let mut remote = self.start(context, Some((windows, layout)), limits)?;
        remote.step(Step::Instantiated, Whose::Guest)?;
        remote.step(Step::Placed, Whose::Guest)?;
        remote.step(Step::Ready, Whose::Guest)?;
        remote.set_deadline(limits.deadline);
        Ok(remote)
    }

    /// Starts a child and gives it the code and the windows.
    fn start(
        &self,
        context: &Context,
        windows: Option<(&[Window<'_>], &Layout)>,
        limits: &Limits,
    ) -> Result<RemoteInstance, Fault> {
        let engine = &self.engine;
        let spawner = engine.children().ok_or_else(|| {
            host("this program does not say which program runs kernels in processes of their own")
        })?;
        let spawner = spawner.map_err(host)?;
        let given = windows.map_or(&[][..], |(windows, _)| windows);
        let sources = given
            .iter()
            .enumerate()
            .map(|(index, window)| Ok((Source::of(index, window)?, window.slots)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let order = Order {
            context: context.clone(),
            limits: *limits,
            world: self.world,
            windows: windows.map(|(windows, _)| {
                let each = windows.iter();
                each.map(|window| (window.extent(), window.access))
                    .collect()
            }),
            bounds: self.bounds(windows, limits),
            confinement: engine.confinement(),
        };
        let order = serde_json::to_vec(&order).map_err(host)?;
        let order = sealed::sealed("sandpipe-order", &order).map_err(host)?;
        let (control, pages) = Control::new().map_err(host)?;
        let child = spawner.spawn(Role::Stage).map_err(host)?;
        let files = [order.as_fd(), self.code.as_fd(), pages.as_fd()];
        // If the child is gone already, the first step says how.
        let _ = child.channel.send(&Start, &files);
        let log = Log::new(&context.name, limits.log_rate, Arc::clone(&engine.log));
        let mut remote = RemoteInstance::new(engine, child, control, sources, log, limits.startup);
        remote.send(given)?;
        remote.step(Step::Loaded, Whose::Ours)?;
        Ok(remote)
    }

    /// Private memory: the kernel's own, the block for its windows before they are mapped and the zeros that are mapped over
    /// them after a fault, copies of the frames for the copied world, the code with what is made of it, and a heap.
    fn bounds(&self, windows: Option<(&[Window<'_>], &Layout)>, limits: &Limits) -> Bounds {
        let block = windows.map_or(0, |(_, layout)| u64::from(layout.length));
        let memory = limits
            .memory
            .saturating_add(block.saturating_mul(4))
            .saturating_add(self.code_bytes.saturating_mul(4))
            .saturating_add(HEAP);
        let count = windows.map_or(0, |(windows, _)| windows.len() as u64);
        Bounds {
            memory,
            files: 16 + 2 * count,
            file_bytes: 0,
            time: None,
        }
    }
}

/// The host could not do its part.
fn host(error: impl std::fmt::Display) -> Fault {
    let error = error.to_string();
    let error = error.trim_end_matches('.');
    Fault::new(
        Cause::Host,
        format!("No process can be started for the kernel: {error}."),
    )
}
