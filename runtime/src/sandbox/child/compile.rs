//! Compiling in a child: a module that makes the compiler run for hours, take all memory or crash does that to the child.
//!
//! What this does not give: a module that takes the compiler over decides what machine code comes back. The parent runs that
//! code as it runs any other (SECURITY.md says what follows).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::channel::{Channel, ReceiveError};
use super::confine::{self, Bounds};
use super::filter::Filter;
use super::spawn::{Ending, Spawner};
use super::{DONE, MISUSED, Role, enclosed, sealed};
use crate::sandbox::admission::{self, LoadError};
use crate::sandbox::code::Code;
use crate::sandbox::compiler::{COMPILER_STACK, Compiler};
use crate::sandbox::floats::Nans;
use crate::sandbox::interruption::Interruption;
use crate::sandbox::limits::Limits;

/// Machine code has at most so many times the bytes of its module, ...
const GROWTH: u64 = 64;
/// ... and so many more.
const OVERHEAD: u64 = 16 << 20;
/// Descriptors: the standard ones, the module and the result.
const FILES: u64 = 8;

/// What may be used for compiling one module.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct CompileLimits {
    pub time: Duration,
    pub memory: u64,
}

impl CompileLimits {
    pub fn too_slow(&self) -> LoadError {
        LoadError::new(format!(
            "The module did not compile within {:?}. Split very long functions.",
            self.time
        ))
    }
}

impl Default for CompileLimits {
    fn default() -> CompileLimits {
        CompileLimits {
            time: Duration::from_secs(120),
            memory: 2 << 30,
        }
    }
}

/// The parent's message. With it go the module and the file for the result.
#[derive(Serialize, Deserialize)]
struct Order {
    interruption: Interruption,
    nans: Nans,
    /// The limits of the stage, against which the module is admitted.
    limits: Limits,
    bounds: Bounds,
}

/// The child's message.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// So many bytes of machine code are in the result's file.
    Compiled { bytes: u64 },
    /// The sentence of a [`LoadError`].
    Refused { why: String },
    /// Where the machine does not offer all of the confinement: what is missing. The child goes on.
    Missing { what: String },
}

/// The parent's side: machine code of a module in the binary format.
pub(in crate::sandbox) fn compile(
    spawner: &Spawner,
    compiler: &Compiler,
    module: &[u8],
    stage: &Limits,
    limits: &CompileLimits,
) -> Result<Code, LoadError> {
    let cannot = |error: io::Error| {
        LoadError::new(format!(
            "The module cannot be compiled in a process of its own: {error}."
        ))
    };
    let until = Instant::now() + limits.time;
    let largest = (module.len() as u64)
        .saturating_mul(GROWTH)
        .saturating_add(OVERHEAD);
    let result = sealed::fixed("sandpipe-code", largest).map_err(cannot)?;
    let order = Order {
        interruption: compiler.interruption,
        nans: compiler.nans,
        limits: *stage,
        bounds: Bounds {
            memory: limits.memory,
            files: FILES,
            file_bytes: largest,
            time: Some(limits.time),
        },
    };
    let module = sealed::sealed("sandpipe-module", module).map_err(cannot)?;
    let child = spawner.spawn(Role::Compile).map_err(cannot)?;
    // If the child is gone already, its end says how.
    let _ = child
        .channel
        .send(&order, &[module.as_fd(), result.as_fd()]);
    let mut answer = child.channel.receive(until);
    if let Ok(Answer::Missing { what }) = &answer {
        tracing::warn!(
            "this machine does not offer all that a compiling process is confined by; missing: {}",
            crate::sandbox::text::clean(what, 500)
        );
        answer = child.channel.receive(until);
    }
    // Gone before its result is read: what is read is what it stays.
    let ending = child.end();
    match answer {
        Ok(Answer::Compiled { bytes }) if bytes <= largest => {
            sealed::read_part(&result, bytes).map(Code).map_err(cannot)
        }
        Ok(Answer::Refused { why }) => Err(LoadError::new(why)),
        Ok(Answer::Compiled { .. } | Answer::Missing { .. }) | Err(ReceiveError::Garbage(_)) => {
            Err(LoadError::new(
                "The module makes the compiler fail: it gives an answer that is none.",
            ))
        }
        Err(ReceiveError::Late) => Err(limits.too_slow()),
        Err(ReceiveError::Ended) if ending == Ending::Signal(libc::SIGXCPU) => {
            Err(limits.too_slow())
        }
        Err(ReceiveError::Ended) => Err(LoadError::new(format!(
            "The module makes the compiler fail: {ending}. It may use {} MiB of memory.",
            limits.memory >> 20
        ))),
    }
}

/// The child's side.
pub(super) fn serve(channel: Channel) -> ! {
    let Ok((order, files)) = channel.receive_with_files::<Order>() else {
        exit(MISUSED)
    };
    let bounds = order.bounds;
    enclosed(
        channel,
        &bounds,
        COMPILER_STACK,
        move |channel, mut missing| {
            // It goes unheard only where the parent is gone.
            let tell = |answer| drop(channel.send(&answer, &[]));
            let Ok([module, result]) = <[OwnedFd; 2]>::try_from(files) else {
                exit(MISUSED)
            };
            let refuse = |why: String| Answer::Refused { why };
            let prepared = sealed::read(&module)
                .map_err(|error| error.to_string())
                .and_then(|bytes| {
                    let compiler = Compiler::new(order.interruption, order.nans);
                    Ok((bytes, compiler.map_err(|error| format!("{error:#}"))?))
                });
            let (bytes, compiler) = match prepared {
                Ok(prepared) => prepared,
                Err(why) => return tell(refuse(format!("The module cannot be compiled: {why}."))),
            };
            missing.add(confine::filter(Filter::Compile));
            if let Some(what) = missing.list() {
                tell(Answer::Missing { what });
            }
            let code = admission::inspect(&bytes, &order.limits)
                .and_then(|facts| compiler.code(&bytes, &facts))
                .and_then(|code| {
                    sealed::write_part(&result, &code.0)
                        .map(|()| code.0.len() as u64)
                        .map_err(|error| {
                            LoadError::new(format!(
                                "The module's machine code is too large: {error}."
                            ))
                        })
                });
            tell(match code {
                Ok(bytes) => Answer::Compiled { bytes },
                Err(error) => refuse(error.to_string()),
            });
            // Before the files are closed, which is no longer allowed.
            exit(DONE)
        },
    )
}
