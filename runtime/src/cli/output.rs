//! Where commands write: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde::Serialize;

use crate::config::Report;

/// Writes a result.
///
/// # Errors
/// Standard output is closed or full.
pub(super) fn result(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a result as one JSON object.
///
/// # Errors
/// Standard output is closed or full.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    result(&text)
}

/// Writes a message for people. Where nobody can read it, there is nobody to tell.
pub(super) fn error(text: &str) {
    let _ = Messages.write_all(text.as_bytes());
}

/// Standard error, for whole messages: what is drawn there is taken off while one is written, and drawn again below it.
pub(super) struct Messages;

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drawings().suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Draws `bar` on standard error; nothing where that is no terminal.
pub(super) fn draw(bar: ProgressBar) -> ProgressBar {
    drawings().add(bar)
}

fn drawings() -> &'static MultiProgress {
    static DRAWINGS: OnceLock<MultiProgress> = OnceLock::new();
    DRAWINGS.get_or_init(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
}

/// Writes what is wrong with a configuration.
pub(super) fn report(report: &Report) {
    let text = if stderr_takes_colour() {
        report.coloured()
    } else {
        report.plain()
    };
    error(text.trim_end());
    error("\n");
}

/// Whether colour may be written to standard error: on a terminal, unless `NO_COLOR` is set.
pub(super) fn stderr_takes_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the error is that the reader of our output has gone away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
