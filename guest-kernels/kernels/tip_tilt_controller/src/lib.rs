//! `cpu.tip_tilt_controller`: s ← leak × s + gain × centroid of the image; out = A s + b.

use sandpipe_kernel::{Context, Failure, Frame, Kernel, Number, export, match_float};
use sandpipe_kernel_common::matrix::Element;
use sandpipe_kernel_common::spot::{Spot, Weights};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct TipTiltController {
    spot: Spot,
    leak: f64,
    gain: f64,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    background: f64,
    #[serde(default)]
    threshold: f64,
    #[serde(default = "one")]
    weight_power: f64,
    #[serde(default = "one")]
    leak: f64,
    #[serde(default = "one")]
    control_gain: f64,
}

fn one() -> f64 {
    1.0
}

impl Kernel for TipTiltController {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.tip_tilt_controller",
        "version": "0.1.0",
        "summary": "Deprecated in favour of cpu.spot_centroid, cpu.leaky_integrator and cpu.affine_transform, which it does in one: finds the centre of mass c of a spot, integrates it with a leak, s = leak × s + control_gain × c, starting from zeros, and turns the result into a command, out = A s + b. The auxiliary streams are A, of shape [2, 2], and b, in this order; all have one dtype.",
        "auxiliary_arity": 2,
        "dtypes": ["f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "background": { "type": "number", "default": 0, "description": "Subtracted from every pixel first." },
                "threshold": { "type": "number", "default": 0, "description": "What a pixel, less the background, must exceed to count." },
                "weight_power": { "type": "number", "exclusiveMinimum": 0, "default": 1, "description": "The power to which it is raised; more than 1 favours bright pixels." },
                "leak": { "type": "number", "default": 1, "description": "How much of the last state stays: 1 keeps all, 0 forgets it." },
                "control_gain": { "type": "number", "default": 1, "description": "How much of the centre is added to the state." }
            },
            "additionalProperties": false
        },
        "state": [{ "alias": "integrator", "like": "output" }]
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        TipTiltController::new(context)?;
        let (matrix, bias) = (context.auxiliary_input(0)?, context.auxiliary_input(1)?);
        let output = context.output()?;
        matrix.require_shape(&[2, 2], "for it turns row and column into a command")?;
        for vector in [bias, output] {
            vector.require_shape(&[2], "for a command has two values")?;
        }
        for array in [matrix, bias, output] {
            array.require_dtype_of(context.trigger_input()?)?;
        }
        Ok(())
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let parameters: Parameters = context.parameters()?;
        let weights = Weights {
            background: parameters.background,
            threshold: parameters.threshold,
            power: parameters.weight_power,
        };
        Ok(TipTiltController {
            spot: Spot::new(context.trigger_input()?, weights)?,
            leak: parameters.leak,
            gain: parameters.control_gain,
        })
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let image = frame.trigger_inputs.get(0)?;
        let [matrix, bias] = [0, 1].map(|index| frame.auxiliary_inputs.get(index));
        let (matrix, bias) = (matrix?, bias?);
        match_float!(image.dtype(), T => {
            // From here on in the streams' own precision.
            let [leak, gain] = [self.leak, self.gain].map(T::from_f64);
            let centroid = self.spot.centroid(image.slice::<T>()?).map(T::from_f64);
            let previous = frame.state.previous(0)?.slice::<T>()?;
            let next = frame.state.next(0)?.slice::<T>()?;
            for ((next, &previous), centroid) in next.iter_mut().zip(previous).zip(centroid) {
                *next = leak * previous + gain * centroid;
            }
            let output = frame.outputs.get(0)?.slice()?;
            T::affine(matrix.slice()?, next, Some(bias.slice()?), output);
            Ok(())
        })
    }
}

export!(TipTiltController);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::{Builder, Stage};

    use super::*;

    const IMAGE: [f32; 9] = [
        3.0, 0.0, 1.0, //
        0.0, 0.0, 0.0, //
        0.0, 0.0, 1.0,
    ];

    fn stage(matrix: &[u32]) -> Builder<TipTiltController> {
        let coefficients = [0.0f32, 10.0, -10.0, 0.0, 0.0, 0.0];
        let elements = matrix.iter().product::<u32>() as usize;
        Stage::<TipTiltController>::new()
            .trigger_input("image", &[3, 3], &IMAGE)
            .auxiliary("matrix", matrix, &coefficients[..elements])
            .auxiliary("bias", &[2], &[1.0f32, 2.0])
            .output::<f32>("command", &[2])
    }

    #[test]
    fn the_centre_is_integrated_and_turned() -> Result<(), Failure> {
        let mut stage = stage(&[2, 2])
            .parameter("leak", 0.5)
            .parameter("control_gain", 2)
            .build()?;
        // The centre is -0.6, -0.2.
        for state in [[-1.2, -0.4f32], [-1.8, -0.6]] {
            stage.compute()?;
            let expected = [10.0 * state[1] + 1.0, -10.0 * state[0] + 2.0];
            for (found, expected) in stage.output::<f32>(0).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(stage(&[2, 2]).validate(), Ok(()));
        assert!(stage(&[4]).validate().is_err());
        assert!(stage(&[3, 2]).validate().is_err());
        let powerless = stage(&[2, 2]).parameter("weight_power", 0);
        assert!(powerless.validate().is_err());
    }
}
