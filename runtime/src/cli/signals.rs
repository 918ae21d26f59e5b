//! Signals, and what they do to what is running.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Exit code of what Ctrl-C ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Ctrl-C and a polite kill.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Calls `end` for Ctrl-C and a polite kill, of which a second one ends the process at once; and `other` for the signals
/// `others`. Both are called on a thread of their own.
pub(super) fn obey(
    others: &[i32],
    end: impl Fn() + Send + 'static,
    other: impl Fn(i32) + Send + 'static,
) -> anyhow::Result<()> {
    let start = || -> std::io::Result<()> {
        let seen = Arc::new(AtomicBool::new(false));
        for signal in ENDING {
            signal_hook::flag::register_conditional_shutdown(
                signal,
                INTERRUPTED.into(),
                Arc::clone(&seen),
            )?;
            signal_hook::flag::register(signal, Arc::clone(&seen))?;
        }
        let mut signals = Signals::new(ENDING.iter().chain(others))?;
        let handle = move || {
            for signal in signals.forever() {
                match signal {
                    SIGINT | SIGTERM | SIGHUP => end(),
                    _ => other(signal),
                }
            }
        };
        let name = "signals".to_owned();
        thread::Builder::new().name(name).spawn(handle).map(drop)
    };
    start().context("cannot prepare for Ctrl-C")
}
