//! A kernel that runs in a child, seen from the parent.
//!
//! The parent keeps everything that counts: which frame is next, the deadline (the watchdog kills the child), the slots, the
//! windows' files. It takes from the child an answer to each turn and, off the path of frames, messages; what they say is
//! checked, cut and cleaned like what a guest says.

mod instance;
mod program;
mod startup;

pub(in crate::sandbox) use instance::RemoteInstance;
pub(in crate::sandbox) use program::RemoteProgram;
