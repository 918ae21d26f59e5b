//! The frame that a stream holds before its first one.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use crate::array::ArrayType;
use crate::config::{Config, Diagnostics, Initial, Number, Report};

use super::EndpointError;
use super::array_file::Format;
use super::elements::{fill, fill_exact};

/// Checks the files that streams are initialised from.
///
/// # Errors
/// All that is wrong with them.
pub fn check_initial(config: &Config) -> Result<(), Report> {
    let mut diagnostics = Diagnostics::default();
    for stream in &config.streams {
        if let Some(initial) = &stream.initial
            && let Initial::File(path) = &initial.value
            && let Err(error) = Format::of(&path.value)
                .open(&path.value)
                .and_then(|file| file.expect(&stream.array))
        {
            diagnostics.push(error.at(path.span));
        }
    }
    diagnostics.finish(()).map_err(|found| config.report(found))
}

/// One frame of `array` as `initial` says; its size fits in memory.
///
/// # Errors
/// A file is no longer what [`check_initial`] found.
pub fn initial_frame(initial: &Initial, array: &ArrayType) -> Result<Vec<u8>, EndpointError> {
    let elements = array.elements().unwrap_or(0);
    let mut frame = vec![0; elements * array.dtype.size()];
    match initial {
        Initial::Constant(value) => {
            fill_exact(
                array.dtype,
                &mut frame,
                std::iter::repeat_n(*value, elements),
            );
        }
        Initial::Normal { seed, mean, std } => {
            let generator = Xoshiro256PlusPlus::seed_from_u64(*seed);
            let normal = StandardNormal.sample_iter(generator);
            fill(
                array.dtype,
                &mut frame,
                normal.map(|value: f64| mean + std * value),
            );
        }
        Initial::Values(values) => fill_exact(array.dtype, &mut frame, values.iter().copied()),
        Initial::Identity(scale) => {
            let columns = array.shape.last().map_or(1, |&extent| extent as usize);
            let values =
                (0..elements).map(|element| match element / columns == element % columns {
                    true => *scale,
                    false => Number::Integer(0),
                });
            fill_exact(array.dtype, &mut frame, values);
        }
        Initial::File(path) => {
            let file = Format::of(path).open(path)?;
            file.expect(array)?;
            file.read_frame(0, &mut frame)?;
        }
    }
    Ok(frame)
}
