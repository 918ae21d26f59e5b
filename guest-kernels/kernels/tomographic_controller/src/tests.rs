use sandpipe_kernel::testing::{Builder, Stage};
use sandpipe_kernel::{Element, Number};

use super::*;

type Tomographic = Builder<TomographicController>;

/// Rows, columns and edge of a tile.
const ROWS: u32 = 2;
const COLUMNS: u32 = 6;
const TILE: u32 = 2;
const PIXELS: usize = (ROWS * COLUMNS) as usize;
const SLOPES: usize = PIXELS / (TILE * TILE) as usize * 2;
const ACTUATORS: usize = 7;

/// Whole numbers that look random.
fn noise<T: Number>(seed: usize, length: usize) -> Vec<T> {
    (0..length)
        .map(|k| T::from_f64(((k + seed) * (k + 3) * 31 % 61) as f64))
        .collect()
}

fn batched<I: Number, C: Number>() -> Tomographic {
    let image = [8, ROWS, COLUMNS];
    Stage::new()
        .trigger_input("images", &image, &noise::<I>(0, 8 * PIXELS))
        .auxiliary("wfs_dark", &image, &noise::<C>(1, 8 * PIXELS))
        .auxiliary("wfs_inverse_flat", &image, &noise::<C>(2, 8 * PIXELS))
        .auxiliary(
            "wfs_slope_offset",
            &[8, ROWS / TILE, COLUMNS / TILE, 2],
            &noise::<C>(3, 8 * SLOPES),
        )
}

fn separate<T: Number>() -> Tomographic {
    let image = [ROWS, COLUMNS];
    let mut stage = Stage::new();
    fn part<T: Copy>(all: &[T], index: usize) -> &[T] {
        &all[index * all.len() / 8..][..all.len() / 8]
    }
    for index in 0..8 {
        let images = noise::<T>(0, 8 * PIXELS);
        stage = stage.trigger_input(&format!("image{index}"), &image, part(&images, index));
    }
    for index in 0..8 {
        let alias = |what: &str| format!("wfs{index}_{what}");
        let [dark, flat] = [1, 2].map(|seed| noise::<T>(seed, 8 * PIXELS));
        let offset = noise::<T>(3, 8 * SLOPES);
        stage = stage
            .auxiliary(&alias("dark"), &image, part(&dark, index))
            .auxiliary(&alias("inverse_flat"), &image, part(&flat, index))
            .auxiliary(
                &alias("slope_offset"),
                &[ROWS / TILE, COLUMNS / TILE, 2],
                part(&offset, index),
            );
    }
    stage
}

fn with_mirror<C: Number, O: Element>(stage: Tomographic) -> Tomographic {
    let actuators = [ACTUATORS as u32];
    let vector = |seed| noise::<C>(seed, ACTUATORS);
    stage
        .auxiliary(
            "reconstructor",
            &[ACTUATORS as u32, 8 * SLOPES as u32],
            &noise::<C>(4, ACTUATORS * 8 * SLOPES),
        )
        .auxiliary("reconstructor_bias", &actuators, &vector(5))
        .auxiliary("command_offset", &actuators, &vector(6))
        .auxiliary("command_low", &actuators, &[C::from_f64(-100.0); ACTUATORS])
        .auxiliary("command_high", &actuators, &[C::from_f64(100.0); ACTUATORS])
        .output::<O>("commands", &actuators)
        .parameter("tile_size", TILE)
        .parameter("slope_gain", 0.5)
        .parameter("leak", 0.75)
        .parameter("control_gain", 0.001)
        .parameter("command_gain", 2)
}

fn commands<O: Number>(stage: Tomographic) -> Result<Vec<O>, Failure> {
    let mut stage = stage.build()?;
    let mut commands = Vec::new();
    for _ in 0..3 {
        stage.compute()?;
        commands.extend_from_slice(stage.output::<O>(0));
    }
    Ok(commands)
}

/// The formula of the manifest, in double precision.
fn expected() -> Vec<f64> {
    let [image, dark, flat] = [0, 1, 2].map(|seed| noise::<f64>(seed, 8 * PIXELS));
    let offset = noise::<f64>(3, 8 * SLOPES);
    let (tile, columns) = (TILE as usize, COLUMNS as usize);
    let mut slopes = Vec::new();
    for band in 0..8 * (ROWS / TILE) as usize {
        for tile_column in 0..columns / tile {
            let [mut total, mut moments] = [0.0, 0.0].map(|zero| [zero; 2]);
            for (row, column) in (0..tile * tile).map(|k| (k / tile, k % tile)) {
                let at = (band * tile + row) * columns + tile_column * tile + column;
                let weight = (image[at] - dark[at]) * flat[at];
                total[0] += weight;
                moments[0] += weight * row as f64;
                moments[1] += weight * column as f64;
            }
            for moment in moments {
                let centroid = match total[0] > 0.0 {
                    true => moment / total[0] - 0.5 * (tile - 1) as f64,
                    false => 0.0,
                };
                slopes.push(0.5 * centroid - offset[slopes.len()]);
            }
        }
    }
    let matrix = noise::<f64>(4, ACTUATORS * slopes.len());
    let [bias, offset] = [5, 6].map(|seed| noise::<f64>(seed, ACTUATORS));
    let mut state = [0.0; ACTUATORS];
    let mut commands = Vec::new();
    for _ in 0..3 {
        for (actuator, state) in state.iter_mut().enumerate() {
            let row = &matrix[actuator * slopes.len()..][..slopes.len()];
            let sum: f64 = row.iter().zip(&slopes).map(|(a, x)| a * x).sum();
            *state = 0.75 * *state + 0.001 * (sum + bias[actuator]);
            commands.push((2.0 * *state - offset[actuator]).clamp(-100.0, 100.0));
        }
    }
    commands
}

#[test]
fn it_computes_its_formula() -> Result<(), Failure> {
    let expected = expected();
    let found = commands::<f64>(with_mirror::<f64, f64>(batched::<f64, f64>()))?;
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
    // Not everything is at its limit.
    assert!(found.iter().any(|command| command.abs() < 99.0));
    assert!(found.iter().any(|command| command.abs() == 100.0));
    Ok(())
}

#[test]
fn one_input_and_eight_are_the_same() -> Result<(), Failure> {
    let one = commands::<f32>(with_mirror::<f32, f32>(batched::<f32, f32>()))?;
    let eight = commands::<f32>(with_mirror::<f32, f32>(separate::<f32>()))?;
    assert_eq!(one, eight);
    Ok(())
}

#[test]
fn numbers_count_and_not_their_dtype() -> Result<(), Failure> {
    let floats = commands::<f32>(with_mirror::<f32, f32>(batched::<f32, f32>()))?;
    let integers = commands::<f32>(with_mirror::<f32, f32>(batched::<u16, i32>()))?;
    assert_eq!(floats, integers);
    let mixed = commands::<f32>(with_mirror::<i16, f32>(batched::<u8, f64>()))?;
    for (found, expected) in mixed.iter().zip(&floats) {
        // The product with the matrix is summed in double precision.
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
    Ok(())
}

#[test]
fn limits_have_the_last_word_and_nan_passes() -> Result<(), Failure> {
    let stage = |low: f64, high: f64, offset: f64| {
        let vector = [ACTUATORS as u32];
        let zeros = [0.0; ACTUATORS];
        batched::<f64, f64>()
            .parameter("tile_size", TILE)
            .auxiliary(
                "reconstructor",
                &[ACTUATORS as u32, 8 * SLOPES as u32],
                &[0.0; ACTUATORS * 8 * SLOPES],
            )
            .auxiliary("reconstructor_bias", &vector, &zeros)
            .auxiliary("command_offset", &vector, &[offset; ACTUATORS])
            .auxiliary("command_low", &vector, &[low; ACTUATORS])
            .auxiliary("command_high", &vector, &[high; ACTUATORS])
            .output::<f64>("commands", &vector)
    };
    assert_eq!(commands::<f64>(stage(1.0, 2.0, 0.0))?[0], 1.0);
    assert_eq!(commands::<f64>(stage(-2.0, -1.0, 0.0))?[0], -1.0);
    assert_eq!(commands::<f64>(stage(2.0, 1.0, 0.0))?[0], 1.0);
    for (low, high, offset) in [
        (f64::NAN, 1.0, 0.0),
        (0.0, f64::NAN, 0.0),
        (0.0, 1.0, f64::NAN),
    ] {
        assert!(commands::<f64>(stage(low, high, offset))?[0].is_nan());
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_named() {
    let message = |stage: Tomographic| stage.validate().err().map(|failure| failure.message);
    let refused = |stage, words: &str| {
        let message = message(stage).unwrap_or_default();
        assert!(message.contains(words), "{message}");
    };
    let whole = || with_mirror::<f32, f32>(batched::<f32, f32>());
    assert_eq!(message(whole()), None);
    refused(
        batched::<f32, f32>(),
        "missing: reconstructor, reconstructor_bias",
    );
    refused(
        whole().auxiliary("wfs0_dark", &[1], &[0f32]),
        "unknown: wfs0_dark",
    );
    refused(
        whole().parameter("tile_size", 4),
        "divisible by the parameter tile_size = 4",
    );
    refused(whole().parameter("tile_size", 1), "for the tiles of");
    refused(whole().trigger_input("more", &[1], &[0f32]), "got 2");
    refused(
        with_mirror::<i32, i32>(batched::<i32, i32>()),
        "float32 or float64, got int32",
    );
    let flat = Stage::new().trigger_input("image", &[ROWS, COLUMNS], &[0f32; PIXELS]);
    let flat = flat.auxiliary("wfs_dark", &[1], &[0f32]);
    let flat = flat.auxiliary("wfs_inverse_flat", &[1], &[0f32]);
    let flat = flat.auxiliary("wfs_slope_offset", &[1], &[0f32]);
    refused(
        with_mirror::<f32, f32>(flat),
        "must have shape [8, rows, columns]",
    );
}
