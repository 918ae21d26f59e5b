//! Which stream is what, and whether the shapes fit.

use std::num::NonZeroU32;

use sandpipe_kernel::{Context, Failure};

use crate::VECTORS;

/// Sensors of the one system that this controls.
const SENSORS: u32 = 8;

/// The images of one sensor, or of all where one stream has them: they are stacked rows then, and no tile has rows of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sensor {
    /// The place of its images among the trigger inputs.
    pub(crate) image: usize,
    /// The places of its calibration among the auxiliary inputs.
    pub(crate) dark: usize,
    pub(crate) inverse_flat: usize,
    pub(crate) slope_offset: usize,
}

/// Extents that all sensors have.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Rows and columns of a tile.
    pub(crate) tile: usize,
    /// Columns of an image.
    pub(crate) width: usize,
    /// Slopes of all sensors.
    pub(crate) slopes: u32,
}

/// The sensors with the places of their streams.
pub(crate) fn sensors(context: &Context) -> Result<Vec<Sensor>, Failure> {
    let names: Vec<String> = match context.trigger_inputs.len() {
        1 => vec!["wfs".into()],
        8 => (0..SENSORS).map(|index| format!("wfs{index}")).collect(),
        count => {
            return Err(Failure::arity(format!(
                "expects 1 trigger input stream of all images, or {SENSORS}, got {count}"
            )));
        }
    };
    let wanted = names.iter().flat_map(|name| {
        ["dark", "inverse_flat", "slope_offset"].map(|what| format!("{name}_{what}"))
    });
    let others = ["reconstructor"].into_iter().chain(VECTORS);
    let wanted: Vec<String> = wanted.chain(others.map(String::from)).collect();
    check_aliases(context, &wanted)?;
    let sensor = |(image, name): (usize, &String)| {
        let calibration = |what: &str| place(context, &format!("{name}_{what}"));
        Sensor {
            image,
            dark: calibration("dark"),
            inverse_flat: calibration("inverse_flat"),
            slope_offset: calibration("slope_offset"),
        }
    };
    Ok(names.iter().enumerate().map(sensor).collect())
}

/// The place of an auxiliary input; all that are asked for are there once [`sensors`] has looked.
pub(crate) fn place(context: &Context, alias: &str) -> usize {
    context.auxiliary_index(alias).unwrap_or_default()
}

fn check_aliases(context: &Context, wanted: &[String]) -> Result<(), Failure> {
    let missing: Vec<&str> = (wanted.iter().map(String::as_str))
        .filter(|alias| context.auxiliary_index(alias).is_none())
        .collect();
    let given = context.auxiliary_inputs.iter().map(|array| array.alias());
    let unknown: Vec<&str> = given
        .filter(|alias| !wanted.iter().any(|name| name == alias))
        .collect();
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    let mut message = String::from("the aliases of the auxiliary streams do not fit");
    for (what, aliases) in [("missing", missing), ("unknown", unknown)] {
        if !aliases.is_empty() {
            message.push_str(&format!("; {what}: {}", aliases.join(", ")));
        }
    }
    Err(Failure::arity(message))
}

impl Layout {
    /// Checks the shapes of what the sensors see and of their calibration.
    pub(crate) fn of(context: &Context, tile: NonZeroU32) -> Result<Layout, Failure> {
        let tile = tile.get();
        let sensors = sensors(context)?;
        let first = context.trigger_input()?;
        let (stack, [rows, columns]) = match (first.shape(), sensors.len()) {
            (&[SENSORS, rows, columns], 1) => (Some(SENSORS), [rows, columns]),
            (_, 1) => {
                return Err(Failure::shape(format!(
                    "{first} must have shape [{SENSORS}, rows, columns], got {:?}",
                    first.shape()
                )));
            }
            (&[rows, columns], _) => (None, [rows, columns]),
            _ => {
                first.require_rank(2)?;
                (None, [1, 1])
            }
        };
        if rows % tile != 0 || columns % tile != 0 {
            return Err(Failure::shape(format!(
                "{first} must have images with extents divisible by the parameter tile_size = {tile}, got {:?}",
                [rows, columns]
            )));
        }
        let stacked = |extents: &[u32]| -> Vec<u32> {
            stack.into_iter().chain(extents.iter().copied()).collect()
        };
        let image = stacked(&[rows, columns]);
        let tiles = [rows / tile, columns / tile, 2];
        let slopes = stacked(&tiles);
        for sensor in &sensors {
            let images = &context.trigger_inputs[sensor.image];
            images.require_shape(&image, &format!("like {first}"))?;
            for calibration in [sensor.dark, sensor.inverse_flat] {
                let calibration = context.auxiliary_input(calibration)?;
                calibration.require_shape(&image, &format!("like {images}"))?;
            }
            let offset = context.auxiliary_input(sensor.slope_offset)?;
            offset.require_shape(&slopes, &format!("for the tiles of {images}"))?;
        }
        let all = tiles
            .iter()
            .fold(SENSORS, |all, &extent| all.saturating_mul(extent));
        Ok(Layout {
            tile: tile as usize,
            width: columns as usize,
            slopes: all,
        })
    }
}
