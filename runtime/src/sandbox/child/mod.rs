//! Children: processes of the same program that have nothing, for what must not be trusted with everything.
//!
//! ```text
//!  the command                                   a child
//!  ┌─────────────────────┐  socket (fd 0)  ┌──────────────────────────────┐
//!  │ Engine ── Spawner ──┼────────────────▶│ enter() ── enclose ── filter │
//!  │   compile   ────────┼─ module, sealed ▶ compile ── machine code      │
//!  │   RemoteInstance ───┼─ code, windows ─▶ instance ── loop             │
//!  │        └─ control pages (memfd): one word rung each way, per frame   │
//!  └─────────────────────┘                 └──────────────────────────────┘
//! ```
//!
//! - [`spawn`], [`nursery`]: starts children and notes their end; nothing survives its parent.
//! - [`confine`], [`filter`]: what is taken from a child.
//! - [`channel`], [`sealed`]: how messages and bytes pass. Whatever comes from a child is checked like a guest's.
//! - [`compile`]: a child that compiles one module.
//! - [`remote`], [`stage`], [`control`], [`spin`], [`messages`]: a child that runs a kernel, seen from either side.

#![allow(unsafe_code, reason = "sets up the C library's allocator")]

mod channel;
pub(super) mod compile;
mod confine;
mod control;
mod filter;
mod messages;
mod nursery;
pub(super) mod remote;
mod sealed;
pub(super) mod spawn;
mod stage;

use std::ffi::OsStr;
use std::panic;
use std::process::exit;
use std::sync::Arc;
use std::thread;

use rustix::process::{Signal, chdir, getppid, set_parent_process_death_signal, setsid};
use serde::{Deserialize, Serialize};

use channel::Channel;
use confine::{Bounds, Missing};

/// The name that a child is started under, in place of the program's.
pub(super) const MARKER: &str = "sandpipe-child";
/// Exit code of a child that met a defect of ours.
const PANICKED: i32 = 70;
/// Exit code of a child that was started by something else than a [`spawn::Spawner`].
const MISUSED: i32 = 71;
/// Exit code of a child that has done its work, or whose parent is gone.
const DONE: i32 = 0;

/// How much of the confinement of children the machine has to offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confinement {
    /// All of it: otherwise [`Isolation::Process`](super::Isolation::Process) is refused.
    #[default]
    Full,
    /// What there is.
    Available,
}

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Compiles one module.
    Compile,
    /// Runs one instance of a kernel.
    Stage,
}

impl Role {
    const ALL: [Role; 2] = [Role::Compile, Role::Stage];

    fn name(self) -> &'static str {
        match self {
            Role::Compile => "compile",
            Role::Stage => "stage",
        }
    }
}

/// To be called first in the `main` of a program that is a [`helper`](super::EngineOptions::helper): where the process was
/// started as a child, this does the child's work and never returns; otherwise it returns at once.
pub fn enter() {
    if is_child() {
        live()
    }
}

/// Whether this process was started as a child.
pub(super) fn is_child() -> bool {
    std::env::args_os().next().as_deref() == Some(OsStr::new(MARKER))
}

fn live() -> ! {
    // Nobody would read a message; and a child never unwinds back into the program's `main`.
    panic::set_hook(Box::new(|_| exit(PANICKED)));
    let mut arguments = std::env::args_os().skip(1);
    let role = arguments.next();
    let role = Role::ALL
        .into_iter()
        .find(|known| role.as_deref() == Some(OsStr::new(known.name())));
    let parent = arguments.next().and_then(|id| id.to_str()?.parse().ok());
    let (Some(role), Some(parent)) = (role, parent) else {
        exit(MISUSED)
    };
    confine::close_inherited();
    leave_with(parent);
    let channel = Channel::inherited();
    match role {
        Role::Compile => compile::serve(channel),
        Role::Stage => stage::serve(channel),
    }
}

/// Leaves the parent's terminal and directory, and ends when the parent does.
fn leave_with(parent: i32) {
    // They fail only where there is nothing to leave.
    let _ = setsid();
    let _ = chdir("/");
    let dies = set_parent_process_death_signal(Some(Signal::KILL));
    // The parent may have ended before the kernel was asked; then this process belongs to another already.
    if dies.is_err() || getppid().map(|id| id.as_raw_nonzero().get()) != Some(parent) {
        exit(DONE)
    }
}

/// Has all threads use the arena that the C library begins with: it asks files of the system before it gives memory of another
/// back.
fn one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number; this process has one thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1)
    };
}

/// Takes from this process what [`confine::enclose`] takes, does `work` on a thread of its own with a stack of `stack` bytes,
/// and ends with it, or when the parent has gone.
fn enclosed(
    channel: Channel,
    bounds: &Bounds,
    stack: usize,
    work: impl FnOnce(Arc<Channel>, Missing) + Send + 'static,
) -> ! {
    one_arena();
    let missing = confine::enclose(bounds);
    let channel = Arc::new(channel);
    let shared = Arc::clone(&channel);
    let started = thread::Builder::new().stack_size(stack).spawn(move || {
        work(shared, missing);
        exit(DONE)
    });
    if started.is_ok() {
        // The kernel kills this process when the thread that started it ends; this is for what it does not count as that.
        channel.wait_for_the_end();
    }
    exit(DONE)
}
