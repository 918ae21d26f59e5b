//! Which processors serve the interrupts of devices.

use std::fs;

/// Moves the processors behind the others that serve more than twice as many interrupts of devices as these do on average.
pub fn quiet_first(processors: Vec<usize>) -> Vec<usize> {
    match fs::read_to_string("/proc/interrupts") {
        Ok(text) => order(processors, &served(&text)),
        Err(_) => processors,
    }
}

fn order(processors: Vec<usize>, served: &[(usize, u64)]) -> Vec<usize> {
    let count = |processor: usize| {
        let found = served.iter().find(|(other, _)| *other == processor);
        found.map_or(0, |(_, count)| *count)
    };
    let all: u64 = processors.iter().map(|&processor| count(processor)).sum();
    let others = processors.len().saturating_sub(1) as u64;
    let is_quiet = |&processor: &usize| {
        let own = count(processor);
        own.saturating_mul(others) <= (all - own).saturating_mul(2)
    };
    let (mut quiet, busy): (Vec<_>, Vec<_>) = processors.into_iter().partition(is_quiet);
    quiet.extend(busy);
    quiet
}

/// How many interrupts of devices each processor has served since the system started. proc(5): the first row names the processors, and each
/// row after it has an interrupt's name and a count for each of them; those of devices have numbers for names.
fn served(text: &str) -> Vec<(usize, u64)> {
    let mut rows = text.lines();
    let processors = rows.next().unwrap_or_default().split_whitespace();
    let processors = processors.filter_map(|name| name.strip_prefix("CPU")?.parse().ok());
    let mut served: Vec<(usize, u64)> = processors.map(|processor| (processor, 0)).collect();
    for row in rows {
        let Some((name, counts)) = row.split_once(':') else {
            continue;
        };
        if name.trim().parse::<u32>().is_err() {
            continue;
        }
        for ((_, sum), count) in served.iter_mut().zip(counts.split_whitespace()) {
            *sum = sum.saturating_add(count.parse().unwrap_or(0));
        }
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
           CPU0       CPU2       CPU3
 28:          7          0         10   PCI-MSIX-0000:00:01.0   0-edge      virtio0-config
 36:          0    2025139          5   PCI-MSIX-0000:00:02.0   1-edge      virtio1-req.0
NMI:  999999999          0          0   Non-maskable interrupts
ERR:          0
";

    #[test]
    fn interrupts_of_devices_are_counted_for_each_processor() {
        assert_eq!(served(TEXT), [(0, 7), (2, 2025139), (3, 15)]);
        assert_eq!(served(""), []);
        assert_eq!(served("CPU0\n1: many"), [(0, 0)]);
    }

    #[test]
    fn a_processor_that_serves_most_of_them_comes_last() {
        let served = served(TEXT);
        assert_eq!(order(vec![2, 3, 0], &served), [3, 0, 2]);
        assert_eq!(order(vec![2, 0], &served), [0, 2]);
        assert_eq!(order(vec![2], &served), [2]);
        // Alike, they stay as they are.
        assert_eq!(order(vec![3, 0], &[(0, 7), (3, 10)]), [3, 0]);
        assert_eq!(order(vec![1, 4, 0], &[]), [1, 4, 0]);
        assert!(order(Vec::new(), &served).is_empty());
    }
}
