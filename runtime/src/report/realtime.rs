//! What lanes were given by the system.

use std::fmt;

use serde::Serialize;

/// What `realtime:` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct Realtime {
    /// The priority of lanes under `SCHED_FIFO`; `null`: they are ordinary threads.
    pub priority: Option<u32>,
    /// Whether memory is kept from being paged out.
    pub lock_memory: bool,
    /// Whether processors are kept from sleeping between frames.
    pub awake: bool,
    /// The processors that lanes are pinned to; none: they are not pinned.
    pub pin: Vec<usize>,
}

impl fmt::Display for Realtime {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.priority {
            Some(priority) => write!(f, "realtime: SCHED_FIFO at priority {priority}")?,
            None => write!(f, "realtime: ordinary scheduling")?,
        }
        let memory = if self.lock_memory {
            "locked"
        } else {
            "not locked"
        };
        write!(f, ", memory {memory}, ")?;
        if self.awake {
            write!(f, "processors awake, ")?;
        }
        match self.pin.is_empty() {
            true => write!(f, "lanes not pinned"),
            false => write!(f, "lanes on {}", numbers(&self.pin)),
        }
    }
}

/// `processors 0, 1`
pub fn numbers(processors: &[usize]) -> String {
    let numbers: Vec<String> = processors.iter().map(usize::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    format!("processor{plural} {}", numbers.join(", "))
}
