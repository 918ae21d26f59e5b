//! The states of a run, and what leads from one to another.
//!
//! ```text
//! built ──start──▶ running ◀──pause, resume──▶ paused
//!   └──────────────┬──┴──────────────────────────┘
//!                  ├──stop──────▶ stopped ──interrupt──▶ interrupted
//!                  ├──interrupt─▶ interrupted
//!                  └──fail──────▶ failed (from every state)
//! ```

use crate::report::State;

/// What may happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its lanes are started.
    Start,
    /// It is to wait.
    Pause,
    /// It is to go on.
    Resume,
    /// It has come to its end, or is told to end.
    Stop,
    /// A person wants it to end.
    Interrupt,
    /// Something went wrong that ends it.
    Fail,
}

/// The state after an event; `None` where the event changes nothing.
pub fn after(state: State, event: Event) -> Option<State> {
    use State::{Built, Failed, Interrupted, Paused, Running, Stopped};
    match (state, event) {
        (Built, Event::Start) | (Paused, Event::Resume) => Some(Running),
        (Running, Event::Pause) => Some(Paused),
        (Built | Running | Paused, Event::Stop) => Some(Stopped),
        // A run that is ending already was wanted to end by a person as well.
        (Built | Running | Paused | Stopped, Event::Interrupt) => Some(Interrupted),
        // What goes wrong while it ends is not lost.
        (Built | Running | Paused | Stopped | Interrupted, Event::Fail) => Some(Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_every_state() {
        use State::{Built, Failed, Interrupted, Paused, Running, Stopped};
        let events = [
            Event::Start,
            Event::Pause,
            Event::Resume,
            Event::Stop,
            Event::Interrupt,
            Event::Fail,
        ];
        #[rustfmt::skip]
        let table = [
            (Built, [Some(Running), None, None, Some(Stopped), Some(Interrupted), Some(Failed)]),
            (Running, [None, Some(Paused), None, Some(Stopped), Some(Interrupted), Some(Failed)]),
            (Paused, [None, None, Some(Running), Some(Stopped), Some(Interrupted), Some(Failed)]),
            (Stopped, [None, None, None, None, Some(Interrupted), Some(Failed)]),
            (Interrupted, [None, None, None, None, None, Some(Failed)]),
            (Failed, [None; 6]),
        ];
        for (state, expected) in table {
            assert_eq!(
                events.map(|event| after(state, event)),
                expected,
                "{state:?}"
            );
        }
    }
}
