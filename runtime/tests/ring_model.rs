//! The ring's protocols, in every order in which their steps can happen.
//!
//! The accesses that they rely on are sequentially consistent, so that every execution is an interleaving of single steps. The
//! models below repeat those steps (`ring/`, `wait.rs`) for a few frames and explore all interleavings;
//! and they show that each precaution is needed, since without it some interleaving goes wrong.

use std::collections::HashSet;
use std::hash::Hash;

/// Something with threads that step one at a time.
trait Model: Clone + Eq + Hash {
    const THREADS: usize;
    /// Takes the next step of a thread; `false` if it has ended or sleeps.
    fn step(&mut self, thread: usize) -> Result<bool, String>;
    /// Whether the threads may stop here.
    fn is_done(&self) -> bool;
}

const STUCK: &str = "nobody can go on";

/// Explores every interleaving; how many states there are, or what went wrong.
fn explore<M: Model>(start: M) -> Result<usize, String> {
    let mut known = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        let mut stuck = true;
        for thread in 0..M::THREADS {
            let mut next = state.clone();
            if next.step(thread)? {
                stuck = false;
                if known.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        if stuck && !state.is_done() {
            return Err(STUCK.into());
        }
    }
    Ok(known.len())
}

const SLOTS: usize = 5;
const FRAMES: u8 = 6;

/// A precaution of the ring's protocol that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Without {
    Nothing,
    SecondLook,
    PinBeforeConsumed,
    KeptBeforePins,
    SecondLookWhenAttaching,
}

/// A publication: slot and sequence.
type Head = (u8, u8);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writing {
    Begin,
    LookEvery,
    LookConsumed,
    LookPin(u8),
    Fill(u8),
    Remember(u8),
    Publish(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Reading {
    LookHead,
    Pin(Head),
    LookAgain(Head),
    // Of the reader of every frame only:
    AttachConsumed(Head),
    AttachEvery(Head),
    AttachLookAgain(Head),
    LookHistory,
    PinOldest(u8),
    Consume(u8),
}

/// One writer (thread 0), a reader of the latest frame (1) and one of every frame (2), which attaches while the writer runs.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Ring {
    without: Without,
    // Shared.
    head: Head,
    history: [u8; FRAMES as usize + 1],
    content: [u8; SLOTS],
    pins: [u8; 2],
    every: bool,
    consumed: u8,
    // The writer's.
    writing: Writing,
    published: u8,
    sequences: [u8; SLOTS],
    free: Vec<u8>,
    kept_after: u8,
    pinned: [bool; SLOTS],
    // The readers'.
    reading: [Reading; 2],
    taken: [u8; 2],
    held: [Option<Head>; 2],
}

impl Ring {
    fn new(without: Without) -> Ring {
        Ring {
            without,
            head: (0, 0),
            history: [0; FRAMES as usize + 1],
            content: [0; SLOTS],
            pins: [0; 2],
            every: false,
            consumed: 0,
            writing: Writing::Begin,
            published: 0,
            sequences: [0; SLOTS],
            free: Vec::new(),
            kept_after: u8::MAX,
            pinned: [false; SLOTS],
            reading: [Reading::LookHead, Reading::AttachConsumed((0, 0))],
            taken: [0; 2],
            held: [None; 2],
        }
    }

    fn write(&mut self) -> bool {
        let late = self.without == Without::KeptBeforePins;
        let first_look = if late {
            Writing::LookPin(0)
        } else {
            Writing::LookEvery
        };
        self.writing = match self.writing {
            Writing::Begin if self.published == FRAMES => return false,
            Writing::Begin => match self.free.last() {
                Some(&slot) => {
                    self.content[usize::from(slot)] = 0;
                    Writing::Fill(slot)
                }
                None => {
                    self.pinned = [false; SLOTS];
                    first_look
                }
            },
            Writing::LookEvery => {
                self.kept_after = u8::MAX;
                match (self.every, late) {
                    (true, _) => Writing::LookConsumed,
                    (false, false) => Writing::LookPin(0),
                    (false, true) => self.search(),
                }
            }
            Writing::LookConsumed => {
                self.kept_after = self.consumed;
                if late {
                    self.search()
                } else {
                    Writing::LookPin(0)
                }
            }
            Writing::LookPin(reader) => {
                if let Some(slot) = self.pins[usize::from(reader)].checked_sub(1) {
                    self.pinned[usize::from(slot)] = true;
                }
                match (reader, late) {
                    (0, _) => Writing::LookPin(1),
                    (_, true) => Writing::LookEvery,
                    (_, false) => self.search(),
                }
            }
            Writing::Fill(slot) => {
                self.content[usize::from(slot)] = self.published + 1;
                Writing::Remember(slot)
            }
            Writing::Remember(slot) => {
                self.history[usize::from(self.published) + 1] = slot;
                Writing::Publish(slot)
            }
            Writing::Publish(slot) => {
                self.published += 1;
                self.head = (slot, self.published);
                self.sequences[usize::from(slot)] = self.published;
                self.free.retain(|&free| free != slot);
                Writing::Begin
            }
        };
        true
    }

    /// Private, so one step.
    fn search(&mut self) -> Writing {
        let newest = (self.published > 0).then_some(self.head.0);
        for slot in (0..SLOTS as u8).rev() {
            let at = usize::from(slot);
            let kept = self.sequences[at] > self.kept_after;
            if !kept && !self.pinned[at] && newest != Some(slot) {
                self.free.push(slot);
            }
        }
        Writing::Begin
    }

    fn read(&mut self, reader: usize) -> bool {
        let without = self.without;
        self.reading[reader] = match self.reading[reader] {
            Reading::LookHead if self.taken[reader] == FRAMES => return false,
            Reading::LookHead if self.head.1 <= self.taken[reader] => Reading::LookHead,
            Reading::LookHead if reader == 1 => Reading::LookHistory,
            Reading::LookHead => Reading::Pin(self.head),
            Reading::Pin(head) => {
                self.pins[reader] = head.0 + 1;
                self.held[reader] = None;
                if without == Without::SecondLook {
                    self.hold(reader, head)
                } else {
                    Reading::LookAgain(head)
                }
            }
            Reading::LookAgain(head) if self.head == head => self.hold(reader, head),
            Reading::LookAgain(_) => Reading::Pin(self.head),
            Reading::AttachConsumed(head) => {
                self.consumed = head.1;
                Reading::AttachEvery(head)
            }
            Reading::AttachEvery(head) => {
                self.every = true;
                Reading::AttachLookAgain(head)
            }
            Reading::AttachLookAgain(head)
                if self.head == head || without == Without::SecondLookWhenAttaching =>
            {
                self.taken[reader] = head.1;
                Reading::LookHead
            }
            Reading::AttachLookAgain(_) => Reading::AttachConsumed(self.head),
            Reading::LookHistory => {
                let slot = self.history[usize::from(self.taken[reader]) + 1];
                if without == Without::PinBeforeConsumed {
                    Reading::Consume(slot)
                } else {
                    Reading::PinOldest(slot)
                }
            }
            Reading::PinOldest(slot) => {
                self.pins[reader] = slot + 1;
                self.held[reader] = None;
                if without == Without::PinBeforeConsumed {
                    self.hold(reader, (slot, self.taken[reader] + 1))
                } else {
                    Reading::Consume(slot)
                }
            }
            Reading::Consume(slot) => {
                self.consumed = self.taken[reader] + 1;
                if without == Without::PinBeforeConsumed {
                    Reading::PinOldest(slot)
                } else {
                    self.hold(reader, (slot, self.taken[reader] + 1))
                }
            }
        };
        true
    }

    fn hold(&mut self, reader: usize, head: Head) -> Reading {
        self.held[reader] = Some(head);
        self.taken[reader] = head.1;
        Reading::LookHead
    }
}

impl Model for Ring {
    const THREADS: usize = 3;

    fn step(&mut self, thread: usize) -> Result<bool, String> {
        let stepped = match thread {
            0 => self.write(),
            reader => self.read(reader - 1),
        };
        for (slot, sequence) in self.held.iter().flatten() {
            if self.content[usize::from(*slot)] != *sequence {
                return Err(format!(
                    "frame {sequence} was overwritten while it was held"
                ));
            }
        }
        Ok(stepped)
    }

    fn is_done(&self) -> bool {
        self.taken == [FRAMES; 2]
    }
}

#[test]
fn no_reader_loses_what_it_holds_in_any_order() {
    let states = explore(Ring::new(Without::Nothing));
    assert!(
        states.as_ref().is_ok_and(|&states| states > 10_000),
        "{states:?}"
    );
}

#[test]
fn every_precaution_of_the_ring_is_needed() {
    for without in [
        Without::SecondLook,
        Without::PinBeforeConsumed,
        Without::KeptBeforePins,
        Without::SecondLookWhenAttaching,
    ] {
        let outcome = explore(Ring::new(without));
        assert!(outcome.is_err_and(|error| error.contains("overwritten")));
    }
}

/// A precaution of the waking protocol that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Sleepy {
    Not,
    /// The publisher looks at the flag only before it changes the word.
    LooksBefore,
    /// It takes the flag down after it has changed the word.
    ClearsAfter,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Changing {
    LookFlag,
    TakeDown,
    Change(bool),
    LookAgain(bool),
    Wake,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Waiting {
    Look,
    Raise,
    Sleep,
    Asleep,
}

/// One that changes a word (thread 0) and two that wait for each change they have not seen.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Waking {
    sleepy: Sleepy,
    word: u8,
    parked: bool,
    changing: Changing,
    waiting: [Waiting; 2],
    seen: [u8; 2],
}

const CHANGES: u8 = 4;

impl Waking {
    fn new(sleepy: Sleepy) -> Waking {
        Waking {
            sleepy,
            word: 0,
            parked: false,
            changing: Changing::LookFlag,
            waiting: [Waiting::Look; 2],
            seen: [0; 2],
        }
    }

    fn change(&mut self) -> bool {
        self.changing = match self.changing {
            Changing::LookFlag if self.word == CHANGES => return false,
            Changing::LookFlag if self.sleepy == Sleepy::ClearsAfter => Changing::Change(false),
            Changing::LookFlag if self.parked => Changing::TakeDown,
            Changing::LookFlag => Changing::Change(false),
            Changing::TakeDown => {
                let parked = std::mem::replace(&mut self.parked, false);
                if self.sleepy == Sleepy::ClearsAfter {
                    Changing::Wake
                } else {
                    Changing::Change(parked)
                }
            }
            Changing::Change(parked) => {
                self.word += 1;
                Changing::LookAgain(parked)
            }
            Changing::LookAgain(parked) => {
                let again = self.parked && self.sleepy != Sleepy::LooksBefore;
                match (parked || again, self.sleepy) {
                    (true, Sleepy::ClearsAfter) => Changing::TakeDown,
                    (true, _) => Changing::Wake,
                    (false, _) => Changing::LookFlag,
                }
            }
            Changing::Wake => {
                for waiting in &mut self.waiting {
                    if *waiting == Waiting::Asleep {
                        *waiting = Waiting::Look;
                    }
                }
                Changing::LookFlag
            }
        };
        true
    }

    fn wait(&mut self, waiter: usize) -> bool {
        self.waiting[waiter] = match self.waiting[waiter] {
            Waiting::Look if self.seen[waiter] == CHANGES => return false,
            Waiting::Look if self.word != self.seen[waiter] => {
                self.seen[waiter] = self.word;
                Waiting::Look
            }
            Waiting::Look => Waiting::Raise,
            Waiting::Raise => {
                self.parked = true;
                Waiting::Sleep
            }
            // The kernel compares and falls asleep in one step, as seen by a wake.
            Waiting::Sleep if self.word != self.seen[waiter] => Waiting::Look,
            Waiting::Sleep => Waiting::Asleep,
            Waiting::Asleep => return false,
        };
        true
    }
}

impl Model for Waking {
    const THREADS: usize = 3;

    fn step(&mut self, thread: usize) -> Result<bool, String> {
        Ok(match thread {
            0 => self.change(),
            waiter => self.wait(waiter - 1),
        })
    }

    fn is_done(&self) -> bool {
        self.seen == [CHANGES; 2]
    }
}

#[test]
fn nobody_sleeps_through_a_change_in_any_order() {
    let states = explore(Waking::new(Sleepy::Not));
    assert!(
        states.as_ref().is_ok_and(|&states| states > 500),
        "{states:?}"
    );
}

#[test]
fn every_precaution_of_waking_is_needed() {
    for sleepy in [Sleepy::LooksBefore, Sleepy::ClearsAfter] {
        let outcome = explore(Waking::new(sleepy));
        assert!(outcome.is_err_and(|error| error == STUCK));
    }
}
