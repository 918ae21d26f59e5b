//! `cpu.tomographic_controller`: eight Shack-Hartmann sensors to the commands of a deformable mirror.
//!
//! ```text
//! image → (image − dark) × inverse flat → tile centroids → gain × centroid − offset → slopes, of all sensors
//! slopes → R slopes + bias → s = leak × s + gain × … → gain × s − offset → clip → out
//! ```

mod controller;
mod sensor;

use std::fmt;
use std::num::NonZeroU32;

use sandpipe_kernel::{Context, Dtype, Failure, Frame, Kernel, export, match_float};
use serde::Deserialize;

use crate::controller::{Control, Controller};
use crate::sensor::{Layout, place, sensors};

/// The kernel.
pub struct TomographicController {
    /// For the output's dtype.
    controller: Box<dyn Control>,
}

impl fmt::Debug for TomographicController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TomographicController")
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default = "four")]
    tile_size: NonZeroU32,
    #[serde(default = "one")]
    slope_gain: f64,
    #[serde(default = "one")]
    leak: f64,
    #[serde(default = "one")]
    control_gain: f64,
    #[serde(default = "one")]
    command_gain: f64,
}

fn four() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(3)
}

fn one() -> f64 {
    1.0
}

impl Kernel for TomographicController {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.tomographic_controller",
        "version": "0.1.0",
        "summary": "Deprecated in favour of a pipeline of cpu.custom_operation, cpu.shack_hartmann_centroid, cpu.affine_transform and cpu.leaky_integrator, which it does in one for eight Shack-Hartmann sensors: slopes = slope_gain × centroids of ((image − dark) × inverse_flat) − slope_offset; s = leak × s + control_gain × (reconstructor @ slopes + reconstructor_bias), starting from zeros; out = command_gain × s − command_offset, not below command_low and not above command_high. The images are one trigger input of shape [8, rows, columns], with auxiliary streams wfs_dark, wfs_inverse_flat and wfs_slope_offset, or eight of shape [rows, columns], with wfs0_dark to wfs7_slope_offset. The output is float32 or float64; other streams may have other dtypes.",
        "input_arity": null,
        "auxiliary_arity": null,
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "tile_size": { "type": "integer", "minimum": 1, "default": 4, "description": "Rows and columns of a tile, in pixels; divides both extents of an image." },
                "slope_gain": { "type": "number", "default": 1, "description": "What the centroids, in pixels, are multiplied by." },
                "leak": { "type": "number", "default": 1, "description": "How much of the last state stays: 1 keeps all, 0 forgets it." },
                "control_gain": { "type": "number", "default": 1, "description": "How much of what is reconstructed is added to the state." },
                "command_gain": { "type": "number", "default": 1, "description": "What the state is multiplied by for the command." }
            },
            "additionalProperties": false
        },
        "state": [{ "alias": "integrator", "like": "output" }]
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let tile = context.parameters::<Parameters>()?.tile_size;
        let layout = Layout::of(context, tile)?;
        let auxiliary = |alias: &str| context.auxiliary_input(place(context, alias));
        let (matrix, output) = (auxiliary("reconstructor")?, context.output()?);
        matrix.require_rank(2)?;
        let actuators = matrix.shape().first().copied().unwrap_or(1);
        let reason = format!("for {} slopes", layout.slopes);
        matrix.require_shape(&[actuators, layout.slopes], &reason)?;
        let reason = format!("for the rows of {matrix}");
        output.require_shape(&[actuators], &reason)?;
        for alias in VECTORS {
            auxiliary(alias)?.require_shape(&[actuators], &reason)?;
        }
        if !matches!(output.dtype(), Dtype::F32 | Dtype::F64) {
            return Err(Failure::dtype(format!(
                "{output} must have dtype float32 or float64, got {}",
                output.dtype()
            )));
        }
        Ok(())
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let parameters: Parameters = context.parameters()?;
        let layout = Layout::of(context, parameters.tile_size)?;
        let sensors = sensors(context)?;
        match_float!(context.output()?.dtype(), T => Ok(TomographicController {
            controller: Box::new(Controller::<T>::new(context, &parameters, &layout, sensors)?),
        }))
    }

    fn compute_frame(&mut self, frame: Frame) -> Result<(), Failure> {
        self.controller.compute(frame)
    }
}

/// The aliases of the vectors that have one value for each actuator.
const VECTORS: [&str; 4] = [
    "reconstructor_bias",
    "command_offset",
    "command_low",
    "command_high",
];

export!(TomographicController);

#[cfg(test)]
mod tests;
