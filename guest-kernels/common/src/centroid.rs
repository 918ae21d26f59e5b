//! Centres of mass, in double precision.
//!
//! A centre of mass needs Σ w, Σ row × w and Σ column × w. Most of that can be had without multiplications
//! and without adding across a vector: rows are added up from the last to the first, column by column, and
//! after each row the sums so far are added up once more, so that row r is counted r + 1 times.

use std::{array, ops::Range};

use sandpipe_kernel::Number;
use wide::f64x2;

/// Rows that are added in one pass over the columns.
pub const ROWS: usize = 4;

/// Columns of one turn; with [`ROWS`] of them it does 32 elements.
const COLUMNS: usize = 8;

/// The sums of a stack of rows, column by column.
#[derive(Clone, Debug)]
pub struct ColumnSums {
    /// Σ w for each column.
    weights: Vec<f64>,
    /// Σ (row + 1) × w for each column.
    moments: Vec<f64>,
}

impl ColumnSums {
    /// Room for rows of the given width.
    pub fn new(width: usize) -> Self {
        ColumnSums {
            weights: vec![0.0; width],
            moments: vec![0.0; width],
        }
    }

    /// Begins with no rows.
    pub fn clear(&mut self) {
        self.weights.fill(0.0);
        self.moments.fill(0.0);
    }

    /// Adds rows above those that are there. Each element counts with the weight that `weigh` gives it.
    pub fn add<T: Number>(&mut self, image: &[T], weigh: impl Fn(f64x2) -> f64x2) {
        let width = self.weights.len().max(1);
        let row = |index: usize| &image[index * width..][..width];
        let mut left = image.len() / width;
        while left >= ROWS {
            self.pass::<T, ROWS>(array::from_fn(|back| row(left - 1 - back)), &weigh);
            left -= ROWS;
        }
        for index in (0..left).rev() {
            self.pass([row(index)], &weigh);
        }
    }

    /// The centre of mass of each square tile of a band: of rows as many as a tile has.
    pub fn tiles<T: Number>(&mut self, band: &[T], tile: usize) -> impl Iterator<Item = [f64; 2]> {
        self.clear();
        self.add(band, |x| x);
        let columns = (0..self.weights.len()).step_by(tile);
        columns.map(move |column| self.centroid(column..column + tile, tile))
    }

    /// Adds rows, the last of them first.
    #[inline(always)]
    fn pass<T: Number, const R: usize>(
        &mut self,
        rows: [&[T]; R],
        weigh: &impl Fn(f64x2) -> f64x2,
    ) {
        let turns = rows.map(|row| row.as_chunks::<COLUMNS>());
        let (weights, weights_rest) = self.weights.as_chunks_mut::<COLUMNS>();
        let (moments, moments_rest) = self.moments.as_chunks_mut::<COLUMNS>();
        for (turn, (weights, moments)) in weights.iter_mut().zip(moments).enumerate() {
            let (weights, _) = weights.as_chunks_mut::<2>();
            let (moments, _) = moments.as_chunks_mut::<2>();
            for (pair, (weights, moments)) in weights.iter_mut().zip(moments).enumerate() {
                let (mut weight, mut moment) = (f64x2::from(*weights), f64x2::from(*moments));
                for (row, _) in &turns {
                    let [a, b] = [row[turn][2 * pair], row[turn][2 * pair + 1]];
                    weight += weigh(f64x2::from([a.to_f64(), b.to_f64()]));
                    moment += weight;
                }
                (*weights, *moments) = (weight.to_array(), moment.to_array());
            }
        }
        for (_, rest) in &turns {
            for ((weight, moment), x) in weights_rest.iter_mut().zip(&mut *moments_rest).zip(*rest)
            {
                *weight += weigh(f64x2::splat(x.to_f64())).to_array()[0];
                *moment += *weight;
            }
        }
    }

    /// The centre of mass of some of the columns, of images of `height` rows: row and column, relative to
    /// the middle of the area. No mass, or a negative one, gives the middle itself; a mass that is not finite
    /// gives NaN.
    #[inline]
    pub fn centroid(&self, columns: Range<usize>, height: usize) -> [f64; 2] {
        let width = columns.len();
        let weights = self.weights[columns.clone()].as_chunks::<2>();
        let moments = self.moments[columns].as_chunks::<2>();
        let [mut total, mut row, mut column] = [f64x2::ZERO; 3];
        let mut number = f64x2::from([1.0, 2.0]);
        for (&weight, &moment) in weights.0.iter().zip(moments.0) {
            let weight = f64x2::from(weight);
            total += weight;
            column += number * weight;
            row += f64x2::from(moment);
            number += f64x2::splat(2.0);
        }
        let [mut total, mut row, mut column] = [total, row, column].map(f64x2::reduce_add);
        if let (&[weight], &[moment]) = (weights.1, moments.1) {
            total += weight;
            column += width as f64 * weight;
            row += moment;
        }
        if total <= 0.0 {
            return [0.0, 0.0];
        }
        if total == f64::INFINITY {
            return [f64::NAN, f64::NAN];
        }
        // Rows and columns are numbered from 1, so the middle is half of one more than their number.
        [
            row / total - 0.5 * (height + 1) as f64,
            column / total - 0.5 * (width + 1) as f64,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_equals_the_definition() {
        for height in [1, 2, 3, 4, 5, 8, 11] {
            for width in [1, 2, 7, 8, 9, 16, 19] {
                let image: Vec<u16> = (0..height * width)
                    .map(|k| (k * k * 31 % 97) as u16)
                    .collect();
                let mut sums = ColumnSums::new(width);
                sums.add(&image, |x| x);
                let [mut total, mut row, mut column] = [0.0; 3];
                for (k, &w) in image.iter().enumerate() {
                    total += f64::from(w);
                    row += f64::from(w) * (k / width) as f64;
                    column += f64::from(w) * (k % width) as f64;
                }
                let middle = |extent: usize| 0.5 * (extent - 1) as f64;
                let expected = if total > 0.0 {
                    [row / total - middle(height), column / total - middle(width)]
                } else {
                    [0.0, 0.0]
                };
                let found = sums.centroid(0..width, height);
                for (found, expected) in found.into_iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-14, "{height} × {width}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_centre_is_nowhere() {
        let mut sums = ColumnSums::new(2);
        for (image, expected) in [
            ([0.0, 0.0, 0.0, 0.0], Some([0.0, 0.0])),
            ([-1.0, 0.0, 0.5, 0.0], Some([0.0, 0.0])),
            ([f64::INFINITY, 1.0, 1.0, 1.0], None),
            ([1.0, 1.0, f64::NAN, 1.0], None),
        ] {
            sums.clear();
            sums.add(&image, |x| x);
            let found = sums.centroid(0..2, 2);
            match expected {
                Some(expected) => assert_eq!(found, expected),
                None => assert!(found.iter().all(|x| x.is_nan())),
            }
        }
    }
}
