//! What a core module imports.

use wasmtime::{Caller, Linker};

use super::{Violation, lift};
use crate::sandbox::bounds::LOG_CHARACTERS;
use crate::sandbox::contract::LOG;
use crate::sandbox::host::{Host, LogLevel};

/// Defines it.
pub(in crate::sandbox) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(LOG, "log", log)?;
    Ok(())
}

fn log(mut caller: Caller<'_, Host>, level: u32, at: u32, length: u32) -> wasmtime::Result<()> {
    let host = caller.data_mut();
    host.check_revoked()?;
    if !host.may_call {
        let why = "its allocator, or what frees its results, called the host";
        return Err(Violation(why.to_owned()).into());
    }
    let level = match level {
        0 => LogLevel::Debug,
        1 => LogLevel::Info,
        2 => LogLevel::Warn,
        3 => LogLevel::Error,
        other => return Err(Violation(format!("there is no level {other} of messages")).into()),
    };
    let Some(memory) = host.memory.clone() else {
        let why = "its `start` function called the host";
        return Err(Violation(why.to_owned()).into());
    };
    // A flood is dropped before its text is looked at.
    if host.log.admit() {
        let text = lift::text(&memory, at, length, LOG_CHARACTERS)?;
        host.log.pass(level, text.as_bytes());
    }
    Ok(())
}
