//! `realtime:`: asks the system before anything is created, and says why it refuses.

use std::io;
use std::num::NonZeroU64;
use std::thread;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit, nice};
use rustix::thread::{
    CapabilitySet, CpuSet, capabilities, sched_getaffinity, sched_getcpu, sched_setaffinity,
    set_current_timer_slack,
};

use super::awake::Awake;
use super::interrupts::quiet_first;
use super::plan::Plan;
use crate::config::{Config, Diagnostic, Pin, Report};
use crate::report::realtime::Realtime;
use crate::sandbox::run_in_real_time;

/// How much nicer than lanes a thread beside them is: a tenth of their share where they want the same processor.
const ASIDE: i32 = 10;

/// Sees to it that lanes get what the pipeline asks for. Memory is locked from here on, for as long as the process lives; processors
/// stay awake for as long as what is returned.
///
/// # Errors
/// What the system refuses, and how to have it allowed.
pub fn prepare(plan: &Plan) -> Result<Option<Awake>, Report> {
    let Some(realtime) = &plan.config.realtime else {
        return Ok(None);
    };
    let mut refused = Vec::new();
    if let Pin::Listed(listed) = &realtime.pin {
        let allowed = allowed();
        for processor in listed.iter().filter(|one| !allowed.contains(&one.value)) {
            let message = format!(
                "a lane cannot be pinned to processor {}: this process may use {}",
                processor.value,
                crate::report::realtime::numbers(&allowed)
            );
            let help = "choose among those, or let it use more with 'taskset' or a larger cpuset";
            refused.push(Diagnostic::at(processor.span, message).help(help));
        }
    }
    if let Some(priority) = &realtime.priority
        && let Err(error) = schedule(plan, priority.value)
    {
        // The watchdog has to come before the lanes.
        let needed = priority.value + 1;
        let message = format!(
            "the system does not let lanes run at the real-time priority {}: {error}",
            priority.value
        );
        let help = format!(
            "allow it with 'ulimit -r {needed}' ('rtprio {needed}' in /etc/security/limits.conf) or the capability CAP_SYS_NICE, \
             or leave out 'priority'"
        );
        refused.push(Diagnostic::at(priority.span, message).help(help));
    }
    if let Some(lock) = &realtime.lock_memory
        && lock.value
        && let Err(error) = lock_memory()
    {
        let message = format!("the system does not let memory be locked: {error}");
        let help = "allow it with 'ulimit -l unlimited' ('memlock unlimited' in /etc/security/limits.conf) or the capability \
                    CAP_IPC_LOCK, or leave out 'lock_memory'";
        refused.push(Diagnostic::at(lock.span, message).help(help));
    }
    let asked = realtime.awake.as_ref().filter(|asked| asked.value);
    let awake = asked.map(|asked| (asked, Awake::ask()));
    if let Some((asked, Err(error))) = &awake {
        let message = format!("the system does not let processors be kept awake: {error}");
        let help = "allow this user to write /dev/cpu_dma_latency, which a rule of udev can (KERNEL==\"cpu_dma_latency\", \
                    GROUP=\"realtime\", MODE=\"0660\"), or leave out 'awake'";
        refused.push(Diagnostic::at(asked.span, message).help(help));
    }
    match refused.is_empty() {
        true => Ok(awake.and_then(|(_, asked)| asked.ok())),
        false => Err(plan.config.report(refused)),
    }
}

/// Tries the priority on a thread made for that, and gives the watchdog one more.
fn schedule(plan: &Plan, priority: u32) -> io::Result<()> {
    let trial = thread::Builder::new().spawn(move || run_in_real_time(priority))?;
    trial
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the trial panicked")))?;
    plan.engine.watch_in_real_time(priority + 1)
}

/// Locks what is mapped and what will be. Guests reserve much more address space than they use, all of which counts for the limit; so
/// there must be none.
fn lock_memory() -> io::Result<()> {
    let capable =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if let Some(limit) = getrlimit(Resource::Memlock).current
        && !capable
    {
        return Err(io::Error::other(format!(
            "only {limit} bytes may be locked, and guests reserve gigabytes of address space"
        )));
    }
    Ok(mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?)
}

/// The processors that lanes run on, in turn. Empty: wherever the system puts them.
pub fn processors(config: &Config) -> Vec<usize> {
    match config.realtime.as_ref().map(|realtime| &realtime.pin) {
        None | Some(Pin::Available) => available(),
        Some(Pin::Free) => Vec::new(),
        Some(Pin::Listed(listed)) => listed.iter().map(|one| one.value).collect(),
    }
}

/// As [`processors`], where the run is recorded. What serves the disk is interrupted for each block, so lanes begin with the others.
pub fn processors_beside_a_disk(config: &Config) -> Vec<usize> {
    match config.realtime.as_ref().map(|realtime| &realtime.pin) {
        None | Some(Pin::Available) => quiet_first(available()),
        Some(Pin::Free | Pin::Listed(_)) => processors(config),
    }
}

/// What is asked for, as reports show it.
pub fn shown(config: &Config) -> Option<Realtime> {
    let realtime = config.realtime.as_ref()?;
    let mut pin = processors(config);
    pin.sort_unstable();
    Some(Realtime {
        priority: realtime.priority.map(|priority| priority.value),
        lock_memory: realtime.lock_memory.is_some_and(|lock| lock.value),
        awake: realtime.awake.is_some_and(|awake| awake.value),
        pin,
    })
}

/// The processors that this process may use.
fn allowed() -> Vec<usize> {
    let allowed = sched_getaffinity(None);
    let is_set = |processor: &usize| {
        let set = allowed.as_ref();
        set.is_ok_and(|allowed| allowed.is_set(*processor))
    };
    (0..CpuSet::MAX_CPU).filter(is_set).collect()
}

/// The processors that this process may use, the one that the caller runs on first: runs that start on different
/// processors then pin their first lanes to different ones. Empty where the system does not say.
pub fn available() -> Vec<usize> {
    let mut processors = allowed();
    let here = processors
        .iter()
        .position(|&processor| processor == sched_getcpu());
    processors.rotate_left(here.unwrap_or(0));
    processors
}

/// Pins the calling thread to a processor.
pub fn pin(processor: usize) {
    let mut one = CpuSet::new();
    one.set(processor);
    // Pinning only steadies the timing: where the system refuses it, the thread runs unpinned.
    let _ = sched_setaffinity(None, &one);
}

/// What the thread of a lane asks of the system when it starts.
#[derive(Clone, Copy)]
pub struct Thread {
    /// The processor that it is pinned to.
    pub processor: Option<usize>,
    /// Its priority, if it runs in real time.
    pub priority: Option<u32>,
}

impl Thread {
    /// Applies it to the calling thread. All of it only steadies the timing; what can be refused was tried before the run began.
    pub fn apply(self) {
        if let Some(processor) = self.processor {
            pin(processor);
        }
        // Or the kernel wakes it up to 50 µs late, to wake several at once.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        if let Some(priority) = self.priority
            && let Err(error) = run_in_real_time(priority)
        {
            tracing::warn!("a lane lost its real-time priority {priority}: {error}");
        }
    }
}

/// What a thread that works beside the lanes, and may come late, asks of the system.
#[derive(Clone)]
pub struct Aside {
    /// Where it may run; empty: anywhere.
    processors: Vec<usize>,
}

impl Aside {
    /// Beside lanes that run on these processors.
    pub fn of(lanes: impl Iterator<Item = Option<usize>>) -> Aside {
        let taken: Vec<usize> = lanes.flatten().collect();
        let mut processors = allowed();
        processors.retain(|processor| !taken.contains(processor));
        Aside { processors }
    }

    /// Applies it to the calling thread. All of it only steadies the timing of the lanes.
    pub fn apply(&self) {
        if !self.processors.is_empty() {
            let mut set = CpuSet::new();
            for &processor in &self.processors {
                set.set(processor);
            }
            let _ = sched_setaffinity(None, &set);
        }
        let _ = nice(ASIDE);
    }
}
