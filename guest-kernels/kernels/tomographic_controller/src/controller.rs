//! The computation, in the precision of the output.
//!
//! Streams of that dtype are used where they lie. Others are read in double precision, and each result is rounded to the output's
//! dtype all the same, so that it makes no difference whether an image comes as integers or as the floats that equal them.

use sandpipe_kernel::{
    Context, Failure, Frame, Number, View,
    elementwise::{map, zip, zip3},
};
use sandpipe_kernel_common::centroid::ColumnSums;
use sandpipe_kernel_common::matrix::Element;
use sandpipe_kernel_common::widen::widen;

use crate::Parameters;
use crate::sensor::{Layout, Sensor, place};

/// A controller of any precision.
pub(crate) trait Control {
    fn compute(&mut self, frame: Frame<'_>) -> Result<(), Failure>;
}

/// The places of the auxiliary inputs that are not a sensor's.
struct Places {
    reconstructor: usize,
    bias: usize,
    offset: usize,
    low: usize,
    high: usize,
}

pub(crate) struct Controller<T> {
    sensors: Vec<Sensor>,
    places: Places,
    tile: usize,
    slope_gain: T,
    leak: T,
    control_gain: T,
    command_gain: T,
    /// One row of tiles.
    sums: ColumnSums,
    band: Vec<T>,
    wide_band: [Vec<f64>; 3],
    wide_offsets: Vec<f64>,
    slopes: Vec<T>,
    wide_slopes: Vec<f64>,
    wide_row: Vec<f64>,
    residual: Vec<T>,
    command: Vec<T>,
    wide_vectors: [Vec<f64>; 3],
}

impl<T: Element + Number> Controller<T> {
    pub(crate) fn new(
        context: &Context,
        parameters: &Parameters,
        layout: &Layout,
        sensors: Vec<Sensor>,
    ) -> Result<Self, Failure> {
        let place = |alias: &str| place(context, alias);
        let &Layout {
            tile,
            width,
            slopes,
        } = layout;
        let (slopes, actuators) = (slopes as usize, context.output()?.elements());
        let zeros = |length| vec![T::from_f64(0.0); length];
        Ok(Controller {
            sensors,
            places: Places {
                reconstructor: place("reconstructor"),
                bias: place("reconstructor_bias"),
                offset: place("command_offset"),
                low: place("command_low"),
                high: place("command_high"),
            },
            tile,
            slope_gain: T::from_f64(parameters.slope_gain),
            leak: T::from_f64(parameters.leak),
            control_gain: T::from_f64(parameters.control_gain),
            command_gain: T::from_f64(parameters.command_gain),
            sums: ColumnSums::new(width),
            band: zeros(tile * width),
            wide_band: [(); 3].map(|()| vec![0.0; tile * width]),
            wide_offsets: vec![0.0; 2 * (width / tile)],
            slopes: zeros(slopes),
            wide_slopes: vec![0.0; slopes],
            wide_row: vec![0.0; slopes],
            residual: zeros(actuators),
            command: zeros(actuators),
            wide_vectors: [(); 3].map(|()| vec![0.0; actuators]),
        })
    }

    /// The slopes of all sensors.
    fn measure(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        let bands = self.slopes.chunks_exact_mut(self.wide_offsets.len());
        let sensors = self.sensors.len();
        let per_sensor = bands.len() / sensors;
        for (number, slopes) in bands.enumerate() {
            let (sensor, band) = (&self.sensors[number / per_sensor], number % per_sensor);
            let calibration = |place| frame.auxiliary_inputs.get(place);
            let views = [
                frame.trigger_inputs.get(sensor.image)?,
                calibration(sensor.dark)?,
                calibration(sensor.inverse_flat)?,
            ];
            let start = band * self.band.len();
            calibrate(views, start, &mut self.wide_band, &mut self.band)?;
            let offsets = calibration(sensor.slope_offset)?;
            widen(offsets, band * slopes.len(), &mut self.wide_offsets)?;
            let slopes = slopes.as_chunks_mut::<2>().0.iter_mut();
            let offsets = self.wide_offsets.as_chunks::<2>().0;
            let centroids = self.sums.tiles(&self.band, self.tile);
            for ((slope, offset), centroid) in slopes.zip(offsets).zip(centroids) {
                for axis in 0..2 {
                    let scaled = self.slope_gain.product(T::from_f64(centroid[axis]));
                    slope[axis] = T::from_f64(scaled.to_f64() - offset[axis]);
                }
            }
        }
        Ok(())
    }

    /// What the slopes say, for each actuator.
    fn reconstruct(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        let matrix = frame.auxiliary_inputs.get(self.places.reconstructor)?;
        let bias = frame.auxiliary_inputs.get(self.places.bias)?;
        if [matrix, bias].iter().all(is::<T>) {
            T::affine(
                matrix.slice()?,
                &self.slopes,
                Some(bias.slice()?),
                &mut self.residual,
            );
            return Ok(());
        }
        map(&self.slopes, &mut self.wide_slopes, T::to_f64);
        let [biases, ..] = &mut self.wide_vectors;
        widen(bias, 0, biases)?;
        for (row, (residual, &bias)) in self.residual.iter_mut().zip(&*biases).enumerate() {
            widen(matrix, row * self.slopes.len(), &mut self.wide_row)?;
            let mut sum = [0.0];
            f64::affine(&self.wide_row, &self.wide_slopes, Some(&[bias]), &mut sum);
            *residual = T::from_f64(sum[0]);
        }
        Ok(())
    }

    /// The next state, and the command that it makes.
    fn control(&mut self, mut frame: Frame<'_>) -> Result<(), Failure> {
        let (leak, gain) = (self.leak, self.control_gain);
        let previous = frame.state.previous(0)?.slice::<T>()?;
        let state = frame.state.next(0)?.slice::<T>()?;
        zip(previous, &self.residual, state, |state, residual| {
            leak.product(state).sum(gain.product(residual))
        });
        let places = [self.places.offset, self.places.low, self.places.high];
        for (place, vector) in places.into_iter().zip(&mut self.wide_vectors) {
            widen(frame.auxiliary_inputs.get(place)?, 0, vector)?;
        }
        let [offsets, lows, highs] = &self.wide_vectors;
        let gain = self.command_gain;
        zip(&*state, offsets, &mut self.command, |state: T, offset| {
            T::from_f64(gain.product(state).to_f64() - offset)
        });
        let output = frame.outputs.get(0)?.slice::<T>()?;
        zip3(
            &self.command,
            lows,
            highs,
            output,
            |command: T, low, high| {
                // The upper bound has the last word, and NaN passes.
                T::from_f64(minimum(maximum(command.to_f64(), low), high))
            },
        );
        Ok(())
    }
}

impl<T: Element + Number> Control for Controller<T> {
    fn compute(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        self.measure(&frame)?;
        self.reconstruct(&frame)?;
        self.control(frame)
    }
}

fn is<T: Element + Number>(frame: &View<'_>) -> bool {
    frame.dtype() == T::DTYPE
}

/// (image − dark) × inverse flat, from element `start` on.
fn calibrate<T: Element + Number>(
    views: [View<'_>; 3],
    start: usize,
    wide: &mut [Vec<f64>; 3],
    band: &mut [T],
) -> Result<(), Failure> {
    let [image, dark, inverse_flat] = views;
    if views.iter().all(is::<T>) {
        let range = start..start + band.len();
        let image = &image.slice::<T>()?[range.clone()];
        let dark = &dark.slice::<T>()?[range.clone()];
        let inverse_flat = &inverse_flat.slice::<T>()?[range];
        zip3(image, dark, inverse_flat, band, |image, dark, flat| {
            image.difference(dark).product(flat)
        });
        return Ok(());
    }
    for (view, wide) in views.into_iter().zip(&mut *wide) {
        widen(view, start, wide)?;
    }
    let [image, dark, inverse_flat] = &*wide;
    zip3(image, dark, inverse_flat, band, |image, dark, flat| {
        T::from_f64(T::from_f64(image - dark).to_f64() * flat)
    });
    Ok(())
}

/// The larger one; NaN if one is.
fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller one; NaN if one is.
fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}
