//! What the host offers a guest, and what it keeps about it: limits, log messages, the outputs of the copied world.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wasmtime::component::{Linker, WasmList, WasmStr};
use wasmtime::{StoreContextMut, Trap};

use super::bounds::LOG_CHARACTERS;
use super::contract::{self, LOG, SINK};
use super::deadline::Revoked;
use super::limits::{Limiter, Limits};
use super::memory::GuestMemory;
use super::text::clean_bytes;
use super::windows::copies::Outputs;

/// How serious a log message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// Of interest to the kernel's author.
    Debug,
    /// Of interest to whoever runs it.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something went wrong.
    Error,
}

/// One message of a guest.
#[derive(Clone, Debug)]
pub struct LogMessage<'a> {
    /// The stage's name, as the context has it.
    pub stage: &'a str,
    /// How serious the guest thinks it is.
    pub level: LogLevel,
    /// One line, cleaned and bounded.
    pub text: &'a str,
    /// How many messages were dropped before this one, because they came too fast.
    pub dropped: u64,
}

/// Takes the messages of guests.
pub type LogConsumer = Arc<dyn Fn(&LogMessage<'_>) + Send + Sync>;

/// Hands messages to `tracing`.
pub fn log_to_tracing(message: &LogMessage<'_>) {
    let LogMessage {
        stage,
        text,
        dropped,
        ..
    } = message;
    match message.level {
        LogLevel::Debug => tracing::debug!(stage, dropped, "{text}"),
        LogLevel::Info => tracing::info!(stage, dropped, "{text}"),
        LogLevel::Warn => tracing::warn!(stage, dropped, "{text}"),
        LogLevel::Error => tracing::error!(stage, dropped, "{text}"),
    }
}

/// A store's data.
pub(super) struct Host {
    pub limiter: Limiter,
    pub log: Log,
    /// The copied world's outputs; `None` when no call runs that may write them.
    pub outputs: Option<Outputs>,
    /// Whether the guest may call the host now; asked of core modules.
    pub may_call: bool,
    /// Where a core module's memory lies.
    pub memory: Option<GuestMemory>,
    /// Whether the guest has been told to stop.
    revoked: Revoked,
}

impl Host {
    pub fn new(
        stage: &str,
        limits: &Limits,
        windows: u64,
        consumer: LogConsumer,
        revoked: Revoked,
    ) -> Host {
        Host {
            limiter: Limiter::new(limits, windows),
            log: Log::new(stage, limits.log_rate, consumer),
            outputs: None,
            may_call: true,
            memory: None,
            revoked,
        }
    }

    /// Ends a guest here that has been told to stop: its own code may be nothing but calls of the host's.
    pub fn check_revoked(&self) -> wasmtime::Result<()> {
        if self.revoked.is_set() {
            return Err(Trap::Interrupt.into());
        }
        Ok(())
    }
}

/// A guest broke the contract in a call of the host's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Breach(pub String);

/// Passes the messages of one guest on, as many a second as it may have.
pub(super) struct Log {
    stage: String,
    consumer: LogConsumer,
    /// Messages a second.
    rate: u32,
    /// When the present second began.
    second: Instant,
    taken: u32,
    dropped: u64,
}

impl Log {
    pub fn new(stage: &str, rate: u32, consumer: LogConsumer) -> Log {
        Log {
            stage: stage.to_owned(),
            consumer,
            rate,
            second: Instant::now(),
            taken: 0,
            dropped: 0,
        }
    }

    /// Messages that may pass in a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes a message from a child, and how many it says it has dropped.
    pub fn relay(&mut self, level: LogLevel, text: &str, dropped: u64) {
        self.dropped = self.dropped.saturating_add(dropped);
        if self.admit() {
            self.pass(level, text.as_bytes());
        }
    }

    /// Whether one more message may pass; counts it either way.
    pub fn admit(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.taken = 0;
        }
        let admitted = self.taken < self.rate;
        if admitted {
            self.taken += 1;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        admitted
    }

    /// Passes on a message that was admitted.
    pub fn pass(&mut self, level: LogLevel, bytes: &[u8]) {
        let text = clean_bytes(bytes, LOG_CHARACTERS);
        (self.consumer)(&LogMessage {
            stage: &self.stage,
            level,
            text: &text,
            dropped: std::mem::take(&mut self.dropped),
        });
    }
}

/// Defines everything a guest may import.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(LOG)?.func_wrap("log", log)?;
    linker
        .instance(SINK)?
        .func_wrap("write-output", write_output)
}

fn log(
    mut store: StoreContextMut<'_, Host>,
    (level, message): (contract::Level, WasmStr),
) -> wasmtime::Result<()> {
    store.data().check_revoked()?;
    // A flood is dropped before its text is looked at.
    if !store.data_mut().log.admit() {
        return Ok(());
    }
    // The text lies in the guest's memory, perhaps in a window that another process writes. So only a few of its bytes are
    // copied, and the copy is what is read.
    let limit = LOG_CHARACTERS * 4 + 4;
    let bytes = {
        let text = message.to_str(&store)?;
        text.as_bytes()[..text.len().min(limit)].to_vec()
    };
    let level = match level {
        contract::Level::Debug => LogLevel::Debug,
        contract::Level::Info => LogLevel::Info,
        contract::Level::Warn => LogLevel::Warn,
        contract::Level::Error => LogLevel::Error,
    };
    store.data_mut().log.pass(level, &bytes);
    Ok(())
}

fn write_output(
    mut store: StoreContextMut<'_, Host>,
    (output, data): (u32, WasmList<u8>),
) -> wasmtime::Result<()> {
    store.data().check_revoked()?;
    let Some(mut outputs) = store.data_mut().outputs.take() else {
        return Err(Breach("it called `write-output` outside of `compute-into`".to_owned()).into());
    };
    let written = outputs.write(output, data.as_le_slice(&store));
    store.data_mut().outputs = Some(outputs);
    Ok(written?)
}
