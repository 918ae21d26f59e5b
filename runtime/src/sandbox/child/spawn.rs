//! Starting children, and taking note of their end.
//!
//! One thread starts all children of an engine, waits for them and reaps them. A child asks the kernel to be killed when its
//! parent ends, and to the kernel its parent is the *thread* that started it: so that thread has to live as long as the children
//! do, which a lane's thread does not.
//!
//! Children are started by `posix_spawn`, never by a bare `fork`: that would copy the page tables of all guests and make the next
//! write to each page of every lane a fault.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Signal, pidfd_send_signal};

use super::channel::Channel;
use super::nursery::Nursery;
use super::{PANICKED, Role};
use crate::stream::{Bell, WaitWord, Woken, wait};

/// How long a child that was killed may take to be gone. It takes a fraction of a millisecond; the bound is for a machine that
/// is in trouble.
const LAST_WISH: Duration = Duration::from_secs(5);

/// The thread that starts children. Dropping it waits for the last of them; each is killed by its own [`Child`].
pub(in crate::sandbox) struct Spawner {
    orders: Option<Sender<Order>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

/// To start a child.
pub(super) struct Order {
    pub role: Role,
    /// The child's end of its socket.
    pub socket: OwnedFd,
    pub reply: SyncSender<io::Result<Arc<Life>>>,
}

impl Spawner {
    /// Starts the thread; `helper` is the program that children run.
    pub fn start(helper: &Path) -> io::Result<Spawner> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (orders, received) = channel();
        let nursery = Nursery {
            helper: helper.to_owned(),
            orders: received,
            wake: Arc::clone(&wake),
            children: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("children".to_owned())
            .spawn(move || nursery.run())?;
        Ok(Spawner {
            orders: Some(orders),
            wake,
            thread: Some(thread),
        })
    }

    /// Starts a child.
    pub fn spawn(&self, role: Role) -> io::Result<Child> {
        let (channel, socket) = Channel::pair()?;
        let (reply, life) = sync_channel(1);
        let order = Order {
            role,
            socket,
            reply,
        };
        let gone = || io::Error::other("the thread that starts processes has ended");
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).map_err(|_| gone())?;
        ring(&self.wake);
        let life = life.recv().map_err(|_| gone())??;
        Ok(Child { life, channel })
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.orders = None;
        ring(&self.wake);
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

/// Makes the thread look at its orders.
fn ring(wake: &OwnedFd) {
    // Full means that it has been rung often enough.
    let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Ending {
    Signal(i32),
    Code(i32),
    /// Somebody else took note of it.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Signal(libc::SIGSYS) => {
                f.write_str("it made a system call that it may not make and was killed")
            }
            Ending::Signal(libc::SIGKILL) => f.write_str("it was killed"),
            Ending::Signal(libc::SIGABRT) => f.write_str("it ran out of memory"),
            Ending::Signal(libc::SIGXCPU) => f.write_str("it used up its processor time"),
            Ending::Signal(signal) => write!(f, "signal {signal} ended it"),
            Ending::Code(PANICKED) => f.write_str("it met a defect"),
            Ending::Code(code) => write!(f, "it ended with code {code}"),
            Ending::Unknown => f.write_str("it ended"),
        }
    }
}

/// What is known about a child's life.
#[derive(Debug)]
pub(super) struct Life {
    /// The process, by a descriptor: its number may become another's.
    pub process: OwnedFd,
    pub ending: OnceLock<Ending>,
    /// Rung when it has ended.
    pub ended: Bell,
}

/// A child that runs or has run. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub(in crate::sandbox) struct Child {
    life: Arc<Life>,
    pub channel: Channel,
}

impl Child {
    /// Kills it.
    pub fn kill(&self) {
        self.killer().kill();
    }

    /// To kill it from elsewhere.
    pub fn killer(&self) -> Killer {
        Killer(Arc::clone(&self.life))
    }

    /// How it ended, if it has.
    #[inline]
    pub fn ending(&self) -> Option<Ending> {
        self.life.ending.get().copied()
    }

    /// To wait for its end.
    #[inline]
    pub fn end_word(&self) -> WaitWord<'_> {
        self.life.ended.word()
    }

    /// Kills it and waits until it is gone: from then on it changes no memory that it shared.
    pub fn end(&self) -> Ending {
        self.kill();
        let until = Instant::now() + LAST_WISH;
        loop {
            if let Some(ending) = self.ending() {
                return ending;
            }
            if wait(&[self.end_word()], Duration::ZERO, Some(until)) == Woken::Deadline {
                tracing::error!("a child process does not end although it was killed");
                return Ending::Unknown;
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Kills one child, from any thread.
pub(in crate::sandbox) struct Killer(Arc<Life>);

impl Killer {
    pub fn kill(&self) {
        // It fails when the child has ended already.
        let _ = pidfd_send_signal(&self.0.process, Signal::KILL);
    }
}
