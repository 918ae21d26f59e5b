//! A child that runs one instance of a kernel.
//!
//! Before any of the kernel's code runs the windows are mapped and their files closed, and the process has lost everything but
//! memory and the socket.

use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::channel::Channel;
use super::confine::{self, Missing};
use super::control::{Answer, Control};
use super::filter::Filter;
use super::messages::{Order, Said, Start, Step, WindowFiles};
use super::{Confinement, DONE, MISUSED, enclosed, sealed};
use crate::sandbox::code::Code;
use crate::sandbox::engine::Engine;
use crate::sandbox::executable::Executable;
use crate::sandbox::fault::{Cause, Fault};
use crate::sandbox::guest::Guest;
use crate::sandbox::host::LogMessage;
use crate::sandbox::local::{Local, Opening};
use crate::sandbox::windows::layout::{Extent, Layout, lay_out};
use crate::sandbox::windows::mapping::Mapping;
use crate::sandbox::windows::{Access, Window};
use crate::stream::Spin;

/// Stack of the thread that runs the kernel: that of a lane.
const STACK: usize = 2 << 20;

/// The child's side of the socket.
struct Voice {
    channel: Arc<Channel>,
    /// Messages of the kernel were sent since this was last looked at.
    spoke: AtomicBool,
    /// Messages of the kernel for which the socket had no room.
    lost: AtomicU64,
}

impl Voice {
    /// Says something, whatever it takes. It goes unheard only where the parent is gone.
    fn say(&self, said: &Said) {
        let _ = self.channel.send(said, &[]);
    }

    fn step(&self, step: Step) {
        self.say(&Said::Step(step));
    }

    fn fault(&self, fault: Fault) {
        self.say(&Said::Fault(fault.cause, fault.message));
    }

    /// Passes on a message of the kernel, or counts it where the parent does not listen.
    fn log(&self, message: &LogMessage<'_>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let dropped = message.dropped.saturating_add(lost);
        let said = Said::Log {
            level: message.level,
            text: message.text.to_owned(),
            dropped,
        };
        match self.channel.try_send(&said) {
            Ok(()) => self.spoke.store(true, Ordering::Relaxed),
            Err(_) => self
                .lost
                .store(dropped.saturating_add(1), Ordering::Relaxed),
        }
    }
}

/// What a child gets to begin with.
struct Files {
    code: OwnedFd,
    control: OwnedFd,
}

/// The child's life.
pub(super) fn serve(channel: Channel) -> ! {
    let Some((order, files)) = receive(&channel) else {
        exit(MISUSED)
    };
    let bounds = order.bounds;
    enclosed(channel, &bounds, STACK, move |channel, missing| {
        let voice = Arc::new(Voice {
            channel,
            spoke: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        });
        if let Err(fault) = live(&order, files, &voice, missing) {
            voice.fault(fault);
        }
    })
}

fn receive(channel: &Channel) -> Option<(Order, Files)> {
    let (Start, files) = channel.receive_with_files().ok()?;
    let [order, code, control] = <[OwnedFd; 3]>::try_from(files).ok()?;
    let order = serde_json::from_slice(&sealed::read(&order).ok()?).ok()?;
    Some((order, Files { code, control }))
}

fn live(
    order: &Order,
    files: Files,
    voice: &Arc<Voice>,
    mut missing: Missing,
) -> Result<(), Fault> {
    let (executable, control) = prepare(order, files, voice)?;
    let windows = receive_windows(order, &voice.channel)?;
    missing.add(confine::filter(Filter::Run));
    if let Some(what) = missing.list() {
        voice.say(&Said::Missing(what));
        if order.confinement == Confinement::Full {
            return Ok(());
        }
    }
    voice.step(Step::Loaded);
    let Some(wanted) = &order.windows else {
        return validate(&executable, order, voice);
    };
    let layout = layout_of(wanted)?;
    let mut opening = Opening::start(&executable, &order.context, &layout, &order.limits)?;
    voice.step(Step::Instantiated);
    opening.reserve()?;
    let mut instance = opening.place(windows)?;
    voice.step(Step::Placed);
    instance.init(&order.context, &order.limits)?;
    voice.step(Step::Ready);
    run(instance, &control, wanted.len(), voice)
}

/// Loads the code and maps the control pages.
fn prepare(
    order: &Order,
    files: Files,
    voice: &Arc<Voice>,
) -> Result<(Executable, Control), Fault> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Fault::new(
            Cause::Host,
            format!("{what} in a process of its own: {error}."),
        )
    };
    let logged = Arc::clone(voice);
    let engine = Engine::of_child(Arc::new(move |message: &LogMessage<'_>| {
        logged.log(message)
    }))
    .map_err(|error| failed("The sandbox cannot start", &error))?;
    let code = sealed::read(&files.code)
        .map_err(|error| failed("The machine code cannot be read", &error))?;
    let executable = Executable::new(&engine.0, &engine.0.target, &Code(code), order.world)
        .map_err(|error| failed("The kernel cannot be loaded", &error))?;
    let control = Control::map(&files.control)
        .map_err(|error| failed("The control pages cannot be mapped", &error))?;
    Ok((executable, control))
}

/// Maps the windows as their files come, and closes those.
fn receive_windows(order: &Order, channel: &Channel) -> Result<Vec<Mapping>, Fault> {
    let wanted = order.windows.as_deref().unwrap_or_default();
    let mut files = Vec::with_capacity(wanted.len());
    while files.len() < wanted.len() {
        match channel.receive_with_files() {
            Ok((WindowFiles, more)) if !more.is_empty() => files.extend(more),
            _ => exit(MISUSED),
        }
    }
    let windows: Vec<Window<'_>> = wanted
        .iter()
        .zip(&files)
        .map(|((extent, access), file)| Window {
            file: file.as_fd(),
            offset: extent.offset,
            stride: extent.stride,
            slots: extent.slots,
            bytes: extent.bytes,
            access: *access,
        })
        .collect();
    let mut mapped = Mapping::all(&windows)?;
    mapped.iter_mut().for_each(Mapping::forget_file);
    Ok(mapped)
}

fn layout_of(windows: &[(Extent, Access)]) -> Result<Layout, Fault> {
    let extents: Vec<Extent> = windows.iter().map(|(extent, _)| *extent).collect();
    lay_out(&extents)
        .map_err(|error| Fault::new(Cause::Host, format!("The windows do not fit: {error}.")))
}

fn validate(executable: &Executable, order: &Order, voice: &Voice) -> Result<(), Fault> {
    let (mut guest, _) = Guest::start(executable, &order.context, &order.limits, 0)?;
    voice.step(Step::Instantiated);
    guest.validate_config(&order.context)?;
    voice.step(Step::Ready);
    Ok(())
}

/// Computes frames until the parent kills this process, or until the instance can compute no more.
fn run(mut instance: Local, control: &Control, windows: usize, voice: &Voice) -> Result<(), Fault> {
    let mut slots = vec![0; windows];
    let (mut last, mut spin) = (0, Spin::default());
    loop {
        let (turn, frame_id) = control.next(last, &mut slots, &mut spin);
        last = turn;
        match instance.compute_into(frame_id, &slots) {
            Ok(_) if voice.spoke.load(Ordering::Relaxed) => {
                voice.spoke.store(false, Ordering::Relaxed);
                control.reply(turn, Answer::DoneWithMessages);
            }
            Ok(_) => control.reply(turn, Answer::Done),
            Err(fault) => {
                voice.spoke.store(false, Ordering::Relaxed);
                // First the answer: then the parent listens, and makes room where messages have filled the socket.
                control.reply(turn, Answer::Fault);
                voice.fault(fault);
                if instance.is_dead() {
                    exit(DONE)
                }
            }
        }
    }
}
