//! The linear partition problem: a row of loads in contiguous segments, of which the heaviest is as light as can be.

/// What it costs a lane to get its frames from another one, in nanoseconds: a hand-off, and what moves between the processors' caches.
const HAND_OFF: f64 = 1000.0;
/// A lane more has to make the heaviest one at least so much lighter.
const WORTH: f64 = 0.95;

/// Where each of at most `most` segments begins. The loads are in nanoseconds, in an order in which frames pass. The heaviest segment
/// is the lightest that there can be, or nearly so where that saves a lane.
pub fn partition(loads: &[f64], most: usize) -> Vec<usize> {
    let mut best = Split::whole(loads);
    let mut split = Split::whole(loads);
    for _ in 1..most.min(loads.len()) {
        split = split.with_one_more(loads);
        if split.heaviest() < WORTH * best.heaviest() {
            best = split.clone();
        }
    }
    best.starts.pop().unwrap_or_default()
}

/// The best ways to divide the first n loads, for every n, into a fixed number of segments.
#[derive(Clone)]
struct Split {
    /// The heaviest segment.
    makespans: Vec<f64>,
    starts: Vec<Vec<usize>>,
}

impl Split {
    fn whole(loads: &[f64]) -> Split {
        let mut sum = 0.0;
        let sums = loads.iter().map(|load| {
            sum += load;
            sum
        });
        Split {
            makespans: std::iter::once(0.0).chain(sums).collect(),
            starts: vec![vec![0]; loads.len() + 1],
        }
    }

    fn heaviest(&self) -> f64 {
        self.makespans.last().copied().unwrap_or(0.0)
    }

    /// The last segment takes the loads from `start` on; what is before them is divided as well as can be.
    fn with_one_more(&self, loads: &[f64]) -> Split {
        let mut next = self.clone();
        for count in 1..=loads.len() {
            let mut last = HAND_OFF;
            for start in (1..count).rev() {
                last += loads[start];
                let makespan = last.max(self.makespans[start]);
                if makespan < next.makespans[count] {
                    next.makespans[count] = makespan;
                    next.starts[count].clone_from(&self.starts[start]);
                    next.starts[count].push(start);
                }
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const US: f64 = 1000.0;

    fn heaviest(loads: &[f64], starts: &[usize]) -> f64 {
        let ends = starts[1..].iter().copied().chain([loads.len()]);
        let segments = starts.iter().zip(ends).map(|(&start, end)| {
            let hand_off = if start > 0 { HAND_OFF } else { 0.0 };
            hand_off + loads[start..end].iter().sum::<f64>()
        });
        segments.fold(0.0, f64::max)
    }

    /// Every way to choose where segments begin.
    fn lightest(loads: &[f64], most: usize) -> f64 {
        let ways = 0u32..1 << (loads.len() - 1);
        let allowed = ways.filter(|way| (way.count_ones() as usize) < most);
        let starts = |way: u32| {
            let cut = move |at: &usize| *at == 0 || way >> (at - 1) & 1 == 1;
            (0..loads.len()).filter(cut).collect::<Vec<_>>()
        };
        allowed
            .map(|way| heaviest(loads, &starts(way)))
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_heaviest_segment_is_as_light_as_can_be() {
        let loads = [40.0, 10.0, 90.0, 20.0, 30.0].map(|load| load * US);
        assert_eq!(partition(&loads, 2), [0, 3]);
        assert_eq!(partition(&loads, 3), [0, 2, 3]);
        assert_eq!(partition(&loads, 9), [0, 2, 3]);
        assert_eq!(partition(&loads, 1), [0]);
    }

    #[test]
    fn what_is_not_worth_a_hand_off_stays_together() {
        assert_eq!(partition(&[300.0, 300.0, 300.0], 3), [0]);
        assert_eq!(partition(&[200.0 * US, US], 2), [0]);
        assert_eq!(partition(&[], 4), [0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lighter(loads in prop::collection::vec(0.0..1e6, 1..9), most in 1usize..5) {
            let starts = partition(&loads, most);
            prop_assert!(starts.len() <= most && starts[0] == 0);
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
            // A lane is saved for at most a twentieth, once for each lane.
            let saved = WORTH.powi(most as i32);
            prop_assert!(heaviest(&loads, &starts) * saved <= lightest(&loads, most));
        }
    }
}
