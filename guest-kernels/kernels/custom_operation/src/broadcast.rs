//! How an array is repeated to fill a larger shape.

/// Where the elements of a larger array come from, as runs along its last axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broadcast {
    /// Extent of each axis of the larger array and the distance in the smaller one between its elements, 0
    /// where they repeat. Neighbouring axes that are stepped through alike are one.
    axes: Vec<(usize, usize)>,
}

/// Consecutive elements of the larger array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where they begin in the smaller array.
    pub from: usize,
    pub length: usize,
    /// All of them are the one element at `from`; otherwise they are consecutive there too.
    pub repeated: bool,
}

impl Broadcast {
    /// From one shape to another to which it can be broadcast.
    pub(crate) fn new(from: &[u32], to: &[u32]) -> Self {
        let mut axes: Vec<(usize, usize)> = Vec::new();
        let mut distance = 1;
        // From the last axis to the first.
        for (back, &extent) in to.iter().rev().enumerate() {
            let extent = extent as usize;
            let own = from
                .iter()
                .rev()
                .nth(back)
                .map_or(1, |&extent| extent as usize);
            let stride = if own == 1 { 0 } else { distance };
            distance *= own;
            if extent == 1 {
                continue;
            }
            match axes.last_mut() {
                Some((inner, step)) if stride == *step * *inner => *inner *= extent,
                _ => axes.push((extent, stride)),
            }
        }
        axes.reverse();
        Broadcast { axes }
    }

    /// Whether both arrays are laid out alike.
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self.axes.as_slice(), [] | [(_, 1)])
    }

    /// Whether all elements are the same one.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.axes.as_slice(), [] | [(_, 0)])
    }

    /// The runs that make up the elements from `start` on, `count` of them.
    pub(crate) fn runs(&self, start: usize, count: usize) -> impl Iterator<Item = Run> {
        let (outer, &(extent, step)) = match self.axes.split_last() {
            Some((inner, outer)) => (outer, inner),
            None => (&[][..], &(1, 1)),
        };
        let mut position = start;
        std::iter::from_fn(move || {
            let left = (start + count)
                .checked_sub(position)
                .filter(|&left| left > 0)?;
            let (mut row, within) = (position / extent, position % extent);
            let mut from = within * step;
            for &(extent, step) in outer.iter().rev() {
                from += row % extent * step;
                row /= extent;
            }
            let length = left.min(extent - within);
            position += length;
            Some(Run {
                from,
                length,
                repeated: step == 0,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each element comes from.
    fn sources(broadcast: &Broadcast, start: usize, count: usize) -> Vec<usize> {
        let elements = |run: Run| {
            (0..run.length).map(move |k| if run.repeated { run.from } else { run.from + k })
        };
        broadcast.runs(start, count).flat_map(elements).collect()
    }

    #[test]
    fn axes_that_are_alike_are_one() {
        assert!(Broadcast::new(&[2, 3, 4], &[2, 3, 4]).is_identity());
        assert!(Broadcast::new(&[1, 2, 1, 3], &[2, 1, 3]).is_identity());
        assert!(Broadcast::new(&[], &[2, 3]).is_single());
        assert!(Broadcast::new(&[1, 1], &[2, 3]).is_single());
        assert_eq!(Broadcast::new(&[3], &[2, 2, 3]).axes, [(4, 0), (3, 1)]);
        assert_eq!(
            Broadcast::new(&[2, 1, 1], &[2, 3, 4]).axes,
            [(2, 1), (12, 0)]
        );
    }

    #[test]
    fn every_part_of_every_shape_comes_from_the_right_place() {
        for (from, to) in [
            (vec![4], vec![3, 4]),
            (vec![3, 1], vec![3, 4]),
            (vec![1, 3, 1], vec![2, 3, 2]),
            (vec![2, 1, 3], vec![2, 2, 3]),
            (vec![], vec![5]),
            (vec![1], vec![1]),
            (vec![2, 1], vec![2, 1]),
        ] {
            let to: Vec<u32> = to;
            let count = to.iter().product::<u32>() as usize;
            // By the definition: each index, cut to the smaller array.
            let expected: Vec<usize> = (0..count)
                .map(|mut element| {
                    let (mut source, mut distance) = (0, 1);
                    for (back, &extent) in to.iter().rev().enumerate() {
                        let index = element % extent as usize;
                        element /= extent as usize;
                        if let Some(&own) = from.iter().rev().nth(back) {
                            let own: u32 = own;
                            source += index.min(own as usize - 1) * distance;
                            distance *= own as usize;
                        }
                    }
                    source
                })
                .collect();
            let broadcast = Broadcast::new(&from, &to);
            for start in 0..count {
                for length in 0..=count - start {
                    let found = sources(&broadcast, start, length);
                    assert_eq!(found, expected[start..start + length], "{from:?} {to:?}");
                }
            }
        }
    }
}
