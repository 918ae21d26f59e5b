//! Fresh instances after a fault, opened off the stage's lane.
//!
//! Each stage whose rule allows restarts has a thread that sleeps until it is given an order; so neither a wait before a
//! restart nor a kernel that is slow to start holds up the lane, or the restart of another stage. What was opened is handed
//! back through a [`Pending`], whose word wakes the lane.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::opening::Opening;
use crate::sandbox::{Cause, Fault, Instance};
use crate::stream::{Bell, WaitWord, wait};

/// The instances of the parts that lacked one, or why one of them could not start.
pub type Opened = Result<Vec<(u32, Instance)>, Fault>;

/// Instances to come.
#[derive(Default)]
pub struct Pending {
    ready: Bell,
    outcome: Mutex<Option<Opened>>,
}

impl Pending {
    /// Whether there is something to take.
    pub fn is_ready(&self) -> bool {
        self.ready.is_rung()
    }

    /// Takes what was opened, or why it was not.
    pub fn take(&self) -> Option<Opened> {
        if !self.is_ready() {
            return None;
        }
        self.outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// To wait until there is something to take.
    pub fn word(&self) -> WaitWord<'_> {
        self.ready.word()
    }

    fn hand_over(&self, outcome: Opened) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.ready.ring();
    }
}

enum Order {
    /// Open fresh instances.
    Open {
        parts: Vec<u32>,
        not_before: Instant,
        pending: Arc<Pending>,
    },
    /// Drop an old one: unmapping it, or ending its process, takes time as well.
    Drop(Box<Instance>),
}

/// The thread that opens fresh instances of one stage.
pub struct Reopener {
    /// `None` only while it is dropped.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Reopener {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses another thread.
    pub fn start(opening: Opening) -> io::Result<Reopener> {
        let (orders, received) = channel();
        let thread = thread::Builder::new()
            .name(format!("reopen {}", opening.context.name))
            .spawn(move || carry_out(&opening, &received))?;
        Ok(Reopener {
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Asks for a fresh instance of each of these parts, after a time.
    pub fn open(&self, parts: Vec<u32>, after: Duration) -> Arc<Pending> {
        let pending = Arc::new(Pending::default());
        let now = Instant::now();
        let order = Order::Open {
            parts,
            not_before: now.checked_add(after).unwrap_or(now),
            pending: Arc::clone(&pending),
        };
        if !self.send(order) {
            pending.hand_over(Err(lost()));
        }
        pending
    }

    /// Drops an instance.
    pub fn discard(&self, old: Instance) {
        // Where the thread is gone, it is dropped here.
        self.send(Order::Drop(Box::new(old)));
    }

    fn send(&self, order: Order) -> bool {
        let orders = self.orders.as_ref();
        orders.is_some_and(|orders| orders.send(order).is_ok())
    }
}

impl Drop for Reopener {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, whoever waited has been told.
            let _ = thread.join();
        }
    }
}

fn carry_out(opening: &Opening, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        let (parts, not_before, pending) = match order {
            Order::Drop(old) => {
                drop(old);
                continue;
            }
            Order::Open {
                parts,
                not_before,
                pending,
            } => (parts, not_before, pending),
        };
        let stop = [opening.run.bell().word()];
        while !opening.run.is_stopped() && Instant::now() < not_before {
            wait(&stop, Duration::ZERO, Some(not_before));
        }
        if opening.run.is_stopped() {
            // Nobody needs an instance any more.
            return;
        }
        let open = |part| Ok((part, opening.open(part)?));
        let opened = catch_unwind(AssertUnwindSafe(|| parts.into_iter().map(open).collect()));
        pending.hand_over(opened.unwrap_or_else(|_| Err(lost())));
    }
}

fn lost() -> Fault {
    Fault {
        cause: Cause::Host,
        message: "a fresh instance could not be opened; this is a defect of sandpipe".to_owned(),
    }
}
