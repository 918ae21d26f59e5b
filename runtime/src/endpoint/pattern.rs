//! The frames of a synthetic source: formulas of the frame's number n (from 0) and the element's flat index e.
//!
//! | pattern | element |
//! |---|---|
//! | `constant` | offset + constant |
//! | `random` | offset + amplitude · N(0, 1) |
//! | `ramp` | offset + amplitude · ((e + n) mod period) / max(period − 1, 1) |
//! | `sine` | offset + amplitude · sin(2π (e + n) / period) |
//! | `impulse` | offset; where n mod interval = 0, the element (n / interval) mod size has offset + amplitude |
//! | `checkerboard` | offset + amplitude · parity; parity = (Σ over axes ⌊coordinate / max(period, 1)⌋) mod 2, axis 0 shifted by n |

use std::f64::consts::TAU;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use crate::array::ArrayType;

use super::elements::fill;

/// Elements of a table that is kept even where a frame has fewer.
const TABLE_ELEMENTS: usize = 1 << 16;

/// Which formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    Constant,
    Random,
    Ramp,
    Sine,
    Impulse,
    Checkerboard,
}

/// The formulas as they are written.
pub(super) const FORMULAS: [(&str, Formula); 6] = [
    ("constant", Formula::Constant),
    ("random", Formula::Random),
    ("ramp", Formula::Ramp),
    ("sine", Formula::Sine),
    ("impulse", Formula::Impulse),
    ("checkerboard", Formula::Checkerboard),
];

/// A formula with its parameters, all finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    pub(super) formula: Formula,
    pub(super) seed: u64,
    pub(super) amplitude: f64,
    pub(super) offset: f64,
    /// Above 0, in elements or frames.
    pub(super) period: f64,
    pub(super) constant: f64,
    /// At least 1, in frames.
    pub(super) impulse_interval: u64,
}

impl Pattern {
    /// The value of ramp or sine at position `e + n`, which is taken modulo the period.
    fn wave(&self, position: f64) -> f64 {
        let phase = position % self.period;
        let shape = match self.formula {
            Formula::Sine => (TAU * phase / self.period).sin(),
            _ => phase / (self.period - 1.0).max(1.0),
        };
        self.offset + self.amplitude * shape
    }
}

/// Writes the frames of a pattern one after the other. What repeats itself is made once.
pub(super) struct Generator {
    array: ArrayType,
    pattern: Pattern,
    frame: u64,
    work: Work,
}

enum Work {
    /// Every frame is this.
    Still(Vec<u8>),
    /// Frame n is what lies from element n mod period on.
    Sliding {
        table: Vec<u8>,
        period: u64,
    },
    /// A wave whose period is no whole number of elements, or too many.
    Wave,
    Random(Box<Xoshiro256PlusPlus>),
    /// Frames without a pulse are `quiet`; a pulse puts `pulse` somewhere.
    Impulse {
        quiet: Vec<u8>,
        pulse: Vec<u8>,
    },
    /// What a step along axis 0 looks like where that axis counts as even, and as odd.
    Checkerboard([Vec<u8>; 2]),
}

impl Generator {
    /// Frames of `array`, whose size in bytes fits in a `usize`.
    pub(super) fn new(pattern: Pattern, array: ArrayType) -> Generator {
        let elements = array.elements().unwrap_or(0);
        let level = |value: f64, count: usize| {
            let mut bytes = vec![0; count * array.dtype.size()];
            fill(array.dtype, &mut bytes, std::iter::repeat_n(value, count));
            bytes
        };
        let work = match pattern.formula {
            Formula::Constant => Work::Still(level(pattern.offset + pattern.constant, elements)),
            Formula::Random => {
                Work::Random(Box::new(Xoshiro256PlusPlus::seed_from_u64(pattern.seed)))
            }
            Formula::Ramp | Formula::Sine => sliding(&pattern, &array).unwrap_or(Work::Wave),
            Formula::Impulse => Work::Impulse {
                quiet: level(pattern.offset, elements),
                pulse: level(pattern.offset + pattern.amplitude, 1),
            },
            Formula::Checkerboard => Work::Checkerboard(checkerboard(&pattern, &array)),
        };
        Generator {
            array,
            pattern,
            frame: 0,
            work,
        }
    }

    /// Writes the next frame.
    pub(super) fn next(&mut self, frame: &mut [u8]) {
        let n = self.frame;
        self.frame += 1;
        let size = self.array.dtype.size();
        match &mut self.work {
            Work::Still(bytes) => frame.copy_from_slice(bytes),
            Work::Sliding { table, period } => {
                let start = (n % *period) as usize * size;
                frame.copy_from_slice(&table[start..start + frame.len()]);
            }
            Work::Wave => {
                let start = n as f64 % self.pattern.period;
                let values = (0u64..).map(|e| self.pattern.wave(start + e as f64));
                fill(self.array.dtype, frame, values);
            }
            Work::Random(generator) => {
                let Pattern {
                    offset, amplitude, ..
                } = self.pattern;
                let normal = StandardNormal.sample_iter(generator.as_mut());
                fill(
                    self.array.dtype,
                    frame,
                    normal.map(|value: f64| offset + amplitude * value),
                );
            }
            Work::Impulse { quiet, pulse } => {
                frame.copy_from_slice(quiet);
                let interval = self.pattern.impulse_interval;
                let elements = (frame.len() / size) as u64;
                if n.is_multiple_of(interval) && elements > 0 {
                    let at = (n / interval % elements) as usize * size;
                    frame[at..at + size].copy_from_slice(pulse);
                }
            }
            Work::Checkerboard(steps) => {
                let period = self.pattern.period.max(1.0);
                for (row, bytes) in frame.chunks_exact_mut(steps[0].len()).enumerate() {
                    let cell = ((row as u64 + n) as f64 / period).floor();
                    bytes.copy_from_slice(&steps[usize::from(cell % 2.0 != 0.0)]);
                }
            }
        }
    }
}

/// A wave whose period is a whole number of elements: one period and a frame, from which each frame is a piece.
fn sliding(pattern: &Pattern, array: &ArrayType) -> Option<Work> {
    let elements = array.elements()?;
    let longest = elements.max(TABLE_ELEMENTS);
    if pattern.period.fract() != 0.0 || pattern.period > longest as f64 {
        return None;
    }
    let period = pattern.period as usize;
    let mut table = vec![
        0;
        elements
            .checked_add(period)?
            .checked_mul(array.dtype.size())?
    ];
    fill(
        array.dtype,
        &mut table,
        (0u64..).map(|position| pattern.wave(position as f64)),
    );
    Some(Work::Sliding {
        table,
        period: period as u64,
    })
}

/// One step along axis 0, for an even and an odd cell there.
fn checkerboard(pattern: &Pattern, array: &ArrayType) -> [Vec<u8>; 2] {
    let inner = array.shape.get(1..).unwrap_or_default();
    let elements: usize = inner.iter().map(|&extent| extent as usize).product();
    let period = pattern.period.max(1.0);
    let parity = |element: usize| {
        let mut rest = element;
        let cells = inner.iter().rev().map(|&extent| {
            let coordinate = rest % extent as usize;
            rest /= extent as usize;
            (coordinate as f64 / period).floor()
        });
        cells.sum::<f64>() % 2.0
    };
    [0.0, 1.0].map(|shift| {
        let mut bytes = vec![0; elements * array.dtype.size()];
        let values = (0..elements)
            .map(|element| pattern.offset + pattern.amplitude * ((parity(element) + shift) % 2.0));
        fill(array.dtype, &mut bytes, values);
        bytes
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::array::Dtype;

    fn frames(formula: Formula, period: f64, shape: &[u32], count: usize) -> Vec<Vec<f64>> {
        let array = ArrayType {
            dtype: Dtype::F64,
            shape: shape.to_vec(),
        };
        let mut frame = vec![0; array.bytes().unwrap()];
        let pattern = Pattern {
            formula,
            seed: 3,
            amplitude: 2.0,
            offset: 10.0,
            period,
            constant: 5.0,
            impulse_interval: 2,
        };
        let mut generator = Generator::new(pattern, array);
        (0..count)
            .map(|_| {
                generator.next(&mut frame);
                let elements = frame.as_chunks().0.iter();
                elements.map(|&bytes| f64::from_le_bytes(bytes)).collect()
            })
            .collect()
    }

    #[test]
    fn constant() {
        assert_eq!(
            frames(Formula::Constant, 64.0, &[3], 2),
            vec![vec![15.0; 3]; 2]
        );
    }

    #[test]
    fn ramp() {
        let expected = [
            [10.0, 11.0, 12.0, 10.0],
            [11.0, 12.0, 10.0, 11.0],
            [12.0, 10.0, 11.0, 12.0],
            [10.0, 11.0, 12.0, 10.0],
        ];
        assert_eq!(frames(Formula::Ramp, 3.0, &[2, 2], 4), expected);
        // A period of one element has no slope.
        assert_eq!(frames(Formula::Ramp, 1.0, &[2], 1), [[10.0, 10.0]]);
    }

    #[test]
    fn waves_follow_the_formula_whether_tabulated_or_not() {
        for period in [8.0, 2.5, 1e6] {
            for formula in [Formula::Sine, Formula::Ramp] {
                let frames = frames(formula, period, &[7], 20);
                for (n, frame) in frames.iter().enumerate() {
                    for (e, value) in frame.iter().enumerate() {
                        let position = (e + n) as f64;
                        let expected = match formula {
                            Formula::Sine => 10.0 + 2.0 * (TAU * position / period).sin(),
                            _ => 10.0 + 2.0 * (position % period) / (period - 1.0).max(1.0),
                        };
                        assert!(
                            (value - expected).abs() < 1e-12,
                            "{period} {n} {e}: {value} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn impulse() {
        let expected = [
            [12.0, 10.0],
            [10.0, 10.0],
            [10.0, 12.0],
            [10.0, 10.0],
            [12.0, 10.0],
        ];
        assert_eq!(frames(Formula::Impulse, 64.0, &[2], 5), expected);
    }

    #[test]
    fn checkerboard_moves_along_axis_0() {
        let expected = [
            [10.0, 10.0, 12.0, 10.0, 10.0, 12.0, 12.0, 12.0, 10.0],
            [10.0, 10.0, 12.0, 12.0, 12.0, 10.0, 12.0, 12.0, 10.0],
            [12.0, 12.0, 10.0, 12.0, 12.0, 10.0, 10.0, 10.0, 12.0],
        ];
        assert_eq!(frames(Formula::Checkerboard, 2.0, &[3, 3], 3), expected);
        assert_eq!(
            frames(Formula::Checkerboard, 1.0, &[2], 2),
            [[10.0, 12.0], [12.0, 10.0]]
        );
        // Below 1 the period counts as 1.
        assert_eq!(
            frames(Formula::Checkerboard, 0.5, &[1, 2, 2], 1),
            [[10.0, 12.0, 12.0, 10.0]]
        );
    }

    #[test]
    fn random_is_normal_seeded_and_never_the_same_frame() {
        let one = frames(Formula::Random, 64.0, &[100, 100], 2);
        assert_eq!(one, frames(Formula::Random, 64.0, &[100, 100], 2));
        assert_ne!(one[0], one[1]);
        let mean = one[0].iter().sum::<f64>() / 1e4;
        let variance = one[0]
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / 1e4;
        assert!((mean - 10.0).abs() < 0.1, "{mean}");
        assert!((variance.sqrt() - 2.0).abs() < 0.1, "{variance}");
    }

    #[test]
    fn every_dtype_has_every_pattern() {
        for dtype in Dtype::all() {
            for (name, formula) in FORMULAS {
                let array = ArrayType {
                    dtype,
                    shape: vec![2, 3, 5],
                };
                let mut frame = vec![0xaa; array.bytes().unwrap()];
                let pattern = Pattern {
                    formula,
                    seed: 0,
                    amplitude: 1.0,
                    offset: 0.0,
                    period: 64.0,
                    constant: 0.0,
                    impulse_interval: 64,
                };
                let mut generator = Generator::new(pattern, array);
                for _ in 0..3 {
                    generator.next(&mut frame);
                }
                assert!(
                    !frame
                        .chunks_exact(dtype.size())
                        .any(|element| element == vec![0xaa; dtype.size()]),
                    "{name} {dtype}"
                );
            }
        }
    }
}
