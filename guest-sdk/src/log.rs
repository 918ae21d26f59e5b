//! Messages for people. The host bounds them and limits their rate; a kernel that never logs imports nothing.

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever works on the kernel.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd, and the kernel goes on.
    Warn,
    /// Something is wrong.
    Error,
}

/// Says something. Not for every frame: it costs a call of the host. Natively the message goes to standard
/// error.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    {
        use crate::guest::bindings::sandpipe::kernel::log::{Level as L, log};
        let level = match level {
            Level::Debug => L::Debug,
            Level::Info => L::Info,
            Level::Warn => L::Warn,
            Level::Error => L::Error,
        };
        log(level, message);
    }
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}
