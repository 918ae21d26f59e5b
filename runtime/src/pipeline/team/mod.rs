//! The instances of a stage: one, or one for each part of a frame. The stage's own lane computes part 0; each other part has a lane
//! of its own, a [`Helper`].
//!
//! All parts are given the same slots and write their rows into the same outputs. The frame is done when the last part is,
//! whether or not one has faulted before: nobody writes into a slot that has been published or given up.

mod desk;
mod helper;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

pub use helper::Helper;

use crate::sandbox::{Cause, Fault, Instance};
use crate::stream::wait;
use desk::{CLOSED, Desk, FAULTED, GONE, TURN};

/// How long the stage's lane polls for the other parts before it parks: they have as much to do as itself.
const SPIN: Duration = Duration::from_micros(50);

/// The instances of one stage.
pub struct Team {
    own: Seat,
    helpers: Box<[Colleague]>,
}

/// One more part, as the stage's lane knows it.
struct Colleague {
    desk: Arc<Desk>,
    /// The turn that was asked for last.
    turn: u64,
    seat: Seat,
}

/// Where the instance of a part is.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each part, and the first is on the path of a frame"
)]
enum Seat {
    /// At hand, and good.
    Here(Instance),
    /// With the lane of the part.
    Away,
    /// At hand, after a fault.
    Faulted(Instance),
    /// Nowhere.
    Empty,
}

impl Seat {
    fn fault(&mut self) {
        if let Seat::Here(instance) = mem::replace(self, Seat::Empty) {
            *self = Seat::Faulted(instance);
        }
    }

    fn keep(&mut self) {
        match mem::replace(self, Seat::Empty) {
            Seat::Faulted(instance) => *self = Seat::Here(instance),
            other => *self = other,
        }
    }

    fn take_faulted(&mut self) -> Option<Instance> {
        match mem::replace(self, Seat::Empty) {
            Seat::Faulted(instance) => Some(instance),
            other => {
                *self = other;
                None
            }
        }
    }

    fn is_alive(&self) -> bool {
        match self {
            Seat::Here(instance) | Seat::Faulted(instance) => !instance.is_dead(),
            Seat::Away => true,
            Seat::Empty => false,
        }
    }
}

impl Team {
    /// A team without instances for a stage of so many parts and windows, and who computes the parts but the first.
    pub fn new(parts: u32, windows: usize) -> (Team, Vec<Helper>) {
        let desks: Vec<Arc<Desk>> = (1..parts).map(|_| Arc::new(Desk::new(windows))).collect();
        let helpers = desks.iter().map(|desk| Helper::new(desk.clone(), windows));
        let helpers = helpers.collect();
        let colleague = |desk| Colleague {
            desk,
            turn: 0,
            seat: Seat::Empty,
        };
        let team = Team {
            own: Seat::Empty,
            helpers: desks.into_iter().map(colleague).collect(),
        };
        (team, helpers)
    }

    /// Computes one frame: every part its rows, at the same time. Returns when the first part was called, in nanoseconds of
    /// CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// What went wrong in the first of the parts that faulted. All have ended.
    #[inline]
    pub fn compute_into(&mut self, frame_id: u64, slots: &[u32]) -> Result<u64, Fault> {
        for helper in &mut self.helpers {
            helper.ask(frame_id, slots);
        }
        let outcome = match &mut self.own {
            Seat::Here(instance) => instance.compute_into(frame_id, slots),
            Seat::Away | Seat::Faulted(_) | Seat::Empty => Err(no_instance()),
        };
        let mut done = true;
        for helper in &mut self.helpers {
            done &= helper.is_done();
        }
        match outcome {
            Ok(begun) if done => Ok(begun),
            outcome => Err(self.collect(outcome.err())),
        }
    }

    /// What went wrong first, in the order of the parts.
    #[cold]
    fn collect(&mut self, own: Option<Fault>) -> Fault {
        let count = 1 + self.helpers.len();
        let mut first = None;
        if let Some(fault) = own {
            self.own.fault();
            first = Some((0, fault));
        }
        for (index, helper) in self.helpers.iter_mut().enumerate() {
            if let Some(fault) = helper.collect() {
                first.get_or_insert((1 + index, fault));
            }
        }
        let (part, fault) = first.unwrap_or_else(|| (0, no_instance()));
        let message = match count {
            1 => fault.message,
            _ => format!("part {part} of {count}: {}", fault.message),
        };
        Fault { message, ..fault }
    }

    /// Whether every part has an instance that can go on.
    pub fn is_alive(&self) -> bool {
        self.seats().all(Seat::is_alive)
    }

    /// The first part whose last call faulted; 0 if none did.
    pub fn faulted_part(&self) -> u32 {
        let faulted = |seat: &Seat| matches!(seat, Seat::Faulted(_));
        self.seats().position(faulted).unwrap_or(0) as u32
    }

    /// Goes on with the instances that have faulted.
    pub fn keep(&mut self) {
        self.seats_mut().for_each(Seat::keep);
    }

    /// Gives away the instances that have faulted.
    pub fn take_faulted(&mut self) -> Vec<Instance> {
        self.seats_mut().filter_map(Seat::take_faulted).collect()
    }

    /// The parts that have no instance.
    pub fn missing(&self) -> Vec<u32> {
        let seats = self.seats().zip(0..);
        let empty = seats.filter(|(seat, _)| matches!(seat, Seat::Empty));
        empty.map(|(_, part)| part).collect()
    }

    /// Gives a part its instance.
    pub fn put(&mut self, part: u32, instance: Instance) {
        if let Some(seat) = self.seats_mut().nth(part as usize) {
            *seat = Seat::Here(instance);
        }
    }

    fn seats(&self) -> impl Iterator<Item = &Seat> {
        let helpers = self.helpers.iter().map(|helper| &helper.seat);
        std::iter::once(&self.own).chain(helpers)
    }

    fn seats_mut(&mut self) -> impl Iterator<Item = &mut Seat> {
        let helpers = self.helpers.iter_mut().map(|helper| &mut helper.seat);
        std::iter::once(&mut self.own).chain(helpers)
    }
}

impl Colleague {
    /// Asks for a frame.
    #[inline]
    fn ask(&mut self, frame_id: u64, slots: &[u32]) {
        if !matches!(self.seat, Seat::Away) {
            self.hand_over();
        }
        self.desk.write(frame_id, slots);
        self.turn += TURN;
        self.desk.asked.0.store(self.turn);
    }

    /// Gives the lane of the part its instance.
    #[cold]
    fn hand_over(&mut self) {
        if let Seat::Here(instance) = mem::replace(&mut self.seat, Seat::Away) {
            self.desk.tray().instance = Some(instance);
        }
    }

    /// Waits for the answer. Whether the part is done without a fault.
    #[inline]
    fn is_done(&self) -> bool {
        loop {
            let answer = self.desk.answered.0.load();
            if answer == self.turn {
                return true;
            }
            if answer == GONE || answer == self.turn | FAULTED {
                return false;
            }
            wait(&[self.desk.answered.0.word(answer)], SPIN, None);
        }
    }

    /// Takes back the instance after a fault.
    fn collect(&mut self) -> Option<Fault> {
        let answer = self.desk.answered.0.load();
        if answer == self.turn {
            return None;
        }
        let mut tray = self.desk.tray();
        self.seat = tray.instance.take().map_or(Seat::Empty, Seat::Faulted);
        Some(tray.fault.take().unwrap_or_else(no_instance))
    }
}

impl Drop for Colleague {
    fn drop(&mut self) {
        self.desk.asked.0.set_bits(CLOSED);
    }
}

/// A part without an instance is never asked, unless its lane has panicked.
fn no_instance() -> Fault {
    Fault {
        cause: Cause::Host,
        message: "there is no instance for it; this is a defect of sandpipe".to_owned(),
    }
}
