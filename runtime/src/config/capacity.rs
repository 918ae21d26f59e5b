//! Whether the streams fit in the memory of the machine.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::stream::{Mode, StreamConfig};

/// Where POSIX shared memory lies.
const SHARED_MEMORY: &str = "/dev/shm";

/// Slots that the ring of a stream has at least.
const LEAST_SLOTS: u64 = 3;

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Bytes of main memory, used or not.
    pub(super) memory: u64,
    /// Bytes that the file system of shared memory may hold, used or not. What is used now may be our own, left
    /// by a run before this one; that the rest suffices shows when the streams are created.
    pub(super) shared_memory: u64,
}

impl Capacity {
    /// Of this machine; what cannot be found out is taken for unbounded.
    pub(super) fn of_this_machine() -> Capacity {
        let system = rustix::system::sysinfo();
        let memory = system.totalram.saturating_mul(system.mem_unit.into());
        let shared_memory = rustix::fs::statvfs(SHARED_MEMORY).map_or(u64::MAX, |found| {
            found.f_blocks.saturating_mul(found.f_frsize)
        });
        Capacity {
            memory,
            shared_memory: if shared_memory == 0 {
                u64::MAX
            } else {
                shared_memory
            },
        }
    }
}

/// Reports the streams that cannot be created because there is not the memory.
pub(super) fn check(streams: &[StreamConfig], capacity: Capacity, diagnostics: &mut Diagnostics) {
    let (limit, of) = if capacity.shared_memory < capacity.memory {
        (capacity.shared_memory, format!("{SHARED_MEMORY} holds"))
    } else {
        (capacity.memory, "this machine has".to_owned())
    };
    let mut total: u64 = 0;
    let before = diagnostics.found();
    for stream in streams.iter().filter(|stream| stream.mode != Mode::Attach) {
        let slots = stream.slots.map_or(LEAST_SLOTS, |slots| slots.value.into());
        let frame = stream.array.bytes().map_or(u64::MAX, |bytes| bytes as u64);
        let ring = frame.saturating_mul(slots);
        total = total.saturating_add(ring);
        if ring > limit {
            diagnostics.push(
                Diagnostic::at(
                    stream.shape_span,
                    format!(
                        "stream '{}' needs {} for {slots} slots of {}, but {of} {}",
                        stream.name.value,
                        readable(ring),
                        stream.array,
                        readable(limit)
                    ),
                )
                .help("make the shape smaller"),
            );
        } else if total > limit && diagnostics.found() == before {
            diagnostics.push(
                Diagnostic::at(
                    stream.shape_span,
                    format!(
                        "the streams up to '{}' need {} together, but {of} {}",
                        stream.name.value,
                        readable(total),
                        readable(limit)
                    ),
                )
                .help("make the shapes smaller, or the streams fewer"),
            );
        }
    }
}

/// Bytes in the largest unit that leaves a whole part.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    if unit == 0 {
        return format!("{bytes} bytes");
    }
    format!(
        "{:.1} {}",
        bytes as f64 / (1u64 << (10 * unit)) as f64,
        UNITS[unit]
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]
    use std::path::Path;

    use super::*;

    const TEXT: &str = "shared_memory:
- {name: a, shape: [100], dtype: uint8}
- {name: b, shape: [100], dtype: uint8}
- {name: c, shape: [4000], dtype: uint8, mode: attach}
sinks: [{name: s, kind: null.sink, stream: a}]
";

    fn messages(text: &str, memory: u64, shared_memory: u64) -> Vec<String> {
        let capacity = Capacity {
            memory,
            shared_memory,
        };
        match super::super::check(Path::new("x.yaml"), text.into(), capacity) {
            Ok(_) => Vec::new(),
            Err(report) => report
                .diagnostics()
                .iter()
                .map(|found| found.message.clone())
                .collect(),
        }
    }

    #[test]
    fn streams_fit_or_are_refused() {
        assert_eq!(messages(TEXT, 600, 600), [""; 0]);
        assert_eq!(
            messages(TEXT, 10_000, 599),
            ["the streams up to 'b' need 600 bytes together, but /dev/shm holds 599 bytes"]
        );
        assert_eq!(
            messages(TEXT, 299, 10_000),
            [
                "stream 'a' needs 300 bytes for 3 slots of uint8 [100], but this machine has 299 bytes",
                "stream 'b' needs 300 bytes for 3 slots of uint8 [100], but this machine has 299 bytes",
            ]
        );
        assert_eq!(
            messages(&TEXT.replace("uint8}", "uint8, slots: 4}"), 600, 600).len(),
            1
        );
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(1023), "1023 bytes");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(u64::MAX), "16.0 EiB");
    }
}
