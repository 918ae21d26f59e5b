//! The thread that starts children and waits for their end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, waitid};

use super::spawn::{Ending, Life, Order};
use super::{MARKER, Role};
use crate::stream::Bell;

/// What the thread works on.
pub(super) struct Nursery {
    pub helper: PathBuf,
    pub orders: Receiver<Order>,
    /// Becomes readable when there are orders, or when there will be none any more.
    pub wake: Arc<OwnedFd>,
    pub children: Vec<Arc<Life>>,
}

impl Nursery {
    /// Works until nobody can order any more and the last child has ended.
    pub fn run(mut self) {
        let mut open = true;
        while open || !self.children.is_empty() {
            self.sleep();
            open = self.take_orders();
            self.children.retain(|life| !reap(life));
        }
    }

    /// Sleeps until there is an order, or a child has ended.
    fn sleep(&self) {
        let processes = self.children.iter().map(|life| life.process.as_fd());
        let mut watched: Vec<PollFd<'_>> = [self.wake.as_fd()]
            .into_iter()
            .chain(processes)
            .map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN))
            .collect();
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            // No memory for the call: look again soon.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
        // Empty when it was a child.
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
    }

    /// Starts what was ordered. False when nobody can order any more.
    fn take_orders(&mut self) -> bool {
        use std::sync::mpsc::TryRecvError;
        loop {
            match self.orders.try_recv() {
                Ok(order) => {
                    let started = start(&self.helper, order.role, order.socket);
                    self.children.extend(started.as_ref().ok().cloned());
                    // Who ordered waits for it.
                    let _ = order.reply.send(started);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }
}

/// Starts one child, with the socket as its standard input and nothing else: no environment, no other descriptor.
fn start(helper: &Path, role: Role, socket: OwnedFd) -> io::Result<Arc<Life>> {
    let child = Command::new(helper)
        .arg0(MARKER)
        .arg(role.name())
        .arg(std::process::id().to_string())
        .env_clear()
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{} cannot be started: {error}", helper.display()),
            )
        })?;
    let id = Pid::from_child(&child);
    // Its number cannot be another's yet: nobody but this thread reaps it.
    let process = match pidfd_open(id, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(error) => {
            let mut child = child;
            // It was just started; should it have ended by itself, that is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error.into());
        }
    };
    Ok(Arc::new(Life {
        process,
        ending: OnceLock::new(),
        ended: Bell::new(),
    }))
}

/// Takes note of a child's end. False while it runs.
fn reap(life: &Life) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let ending = match waitid(WaitId::PidFd(life.process.as_fd()), options) {
        Ok(None) | Err(Errno::INTR) => return false,
        Ok(Some(status)) => of(&status),
        Err(_) => Ending::Unknown,
    };
    // Set once: it leaves the list with this.
    let _ = life.ending.set(ending);
    life.ended.ring();
    true
}

fn of(status: &WaitIdStatus) -> Ending {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => Ending::Signal(signal),
        (None, Some(code)) => Ending::Code(code),
        (None, None) => Ending::Unknown,
    }
}
