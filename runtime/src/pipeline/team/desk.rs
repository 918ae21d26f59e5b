//! What a stage's lane and the lane of one more part of it share: the frame to compute, and how it went.
//!
//! ```text
//!  the stage's lane                     desk                       the part's lane
//!  slots, frame id, asked = turn ─────▶ asked ───────────────────▶ computes its rows
//!  its own rows, then waits      ◀───── answered = turn, faulted? ◀┘
//! ```
//!
//! For a frame that goes well these are a store and a load on each side. The tray, under a lock, is for instances on their
//! way: fresh ones to the part's lane, and those that have faulted back, with what went wrong.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sandbox::{Fault, Instance};
use crate::stream::Signal;

/// Turns count by two in both words: bit 0 says something about the turn, and any change shows in the half that the
/// kernel compares.
pub(super) const TURN: u64 = 2;
/// In the word of questions: there will be none any more.
pub(super) const CLOSED: u64 = 1;
/// In the word of answers: the part has faulted; its instance and the fault are in the tray.
pub(super) const FAULTED: u64 = 1;
/// In place of an answer: the part's lane has ended.
pub(super) const GONE: u64 = u64::MAX;

/// A word in cache lines of its own (two, since they are fetched in pairs): each is written by one side only.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Line(pub Signal);

#[derive(Default)]
pub(super) struct Tray {
    pub instance: Option<Instance>,
    pub fault: Option<Fault>,
}

pub(super) struct Desk {
    /// The turn that is asked for; written by the stage's lane.
    pub asked: Line,
    /// The turn that is done; written by the part's lane.
    pub answered: Line,
    frame_id: AtomicU64,
    slots: Box<[AtomicU32]>,
    tray: Mutex<Tray>,
}

impl Desk {
    /// For a stage with so many windows.
    pub fn new(windows: usize) -> Desk {
        Desk {
            asked: Line::default(),
            answered: Line::default(),
            frame_id: AtomicU64::new(0),
            slots: (0..windows).map(|_| AtomicU32::new(0)).collect(),
            tray: Mutex::default(),
        }
    }

    /// Says which frame is next. What stands here is published by the change of `asked` that follows.
    pub fn write(&self, frame_id: u64, slots: &[u32]) {
        self.frame_id.store(frame_id, Ordering::Relaxed);
        for (place, &slot) in self.slots.iter().zip(slots) {
            place.store(slot, Ordering::Relaxed);
        }
    }

    /// The frame of the turn that `asked` has been seen to ask for: its id, and its slots into `slots`.
    pub fn read(&self, slots: &mut [u32]) -> u64 {
        for (slot, place) in slots.iter_mut().zip(&self.slots) {
            *slot = place.load(Ordering::Relaxed);
        }
        self.frame_id.load(Ordering::Relaxed)
    }

    pub fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
