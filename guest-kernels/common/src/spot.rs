//! The centre of mass of one spot.

use sandpipe_kernel::{Array, Failure, Number, elementwise::map};
use wide::f64x2;

use crate::centroid::{ColumnSums, ROWS};

/// What a pixel counts.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// Subtracted from every pixel first.
    pub background: f64,
    /// What a pixel, less the background, must exceed to count.
    pub threshold: f64,
    /// The power to which it is raised; positive.
    pub power: f64,
}

/// Finds the centre of mass of images of one shape.
#[derive(Debug)]
pub struct Spot {
    weights: Weights,
    height: usize,
    width: usize,
    sums: ColumnSums,
    /// Room for a few rows in double precision.
    rows: Vec<f64>,
}

impl Spot {
    /// Room for images like `image`.
    ///
    /// # Errors
    /// The array is no image, or the power is not positive.
    pub fn new(image: &Array, weights: Weights) -> Result<Self, Failure> {
        image.require_rank(2)?;
        if weights.power <= 0.0 {
            return Err(Failure::parameter(format!(
                "parameter 'weight_power' must be positive, got {}",
                weights.power
            )));
        }
        let width = image.shape().last().copied().unwrap_or(1) as usize;
        Ok(Spot {
            weights,
            height: image.elements() / width.max(1),
            width,
            sums: ColumnSums::new(width),
            rows: vec![0.0; ROWS * width],
        })
    }

    /// Row and column of the centre, relative to the image's middle: 0, 0 where no pixel counts, NaN where one that counts is.
    pub fn centroid<T: Number>(&mut self, image: &[T]) -> [f64; 2] {
        let power = self.weights.power;
        let background = f64x2::splat(self.weights.background);
        let threshold = f64x2::splat(self.weights.threshold);
        let signal = |x: f64x2| {
            let signal = x - background;
            // What is not above the threshold counts nothing, but NaN is neither.
            signal.simd_le(threshold).bitselect(f64x2::ZERO, signal)
        };
        self.sums.clear();
        if power == 1.0 {
            self.sums.add(image, signal);
        } else {
            // In double precision, so that the power need not be compiled for every type.
            for rows in image.rchunks(self.rows.len()) {
                let wide = &mut self.rows[..rows.len()];
                map(rows, wide, T::to_f64);
                self.sums.add(wide, |x: f64x2| raise(signal(x), power));
            }
        }
        self.sums.centroid(0..self.width, self.height)
    }
}

#[inline]
fn raise(signal: f64x2, power: f64) -> f64x2 {
    if power == 2.0 {
        return signal * signal;
    }
    f64x2::from(signal.to_array().map(|x| x.powf(power)))
}
