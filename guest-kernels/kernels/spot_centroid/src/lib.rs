//! `cpu.spot_centroid`: the centre of mass of one spot.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Number, View, ViewMut, export, match_number,
};
use sandpipe_kernel_common::spot::{Spot, Weights};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct SpotCentroid {
    spot: Spot,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    background: f64,
    #[serde(default)]
    threshold: f64,
    #[serde(default = "one")]
    weight_power: f64,
}

fn one() -> f64 {
    1.0
}

impl Kernel for SpotCentroid {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.spot_centroid",
        "version": "0.1.0",
        "summary": "Finds the centre of mass of one spot, relative to the image's middle, in pixels: out = [row, column]. Pixels weigh (in − background)^weight_power, those not above the threshold nothing. Computed in double precision. Without any weight the result is 0, 0; a NaN makes it NaN.",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "background": { "type": "number", "default": 0, "description": "Subtracted from every pixel first." },
                "threshold": { "type": "number", "default": 0, "description": "What a pixel, less the background, must exceed to count." },
                "weight_power": { "type": "number", "exclusiveMinimum": 0, "default": 1, "description": "The power to which it is raised; more than 1 favours bright pixels." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        SpotCentroid::new(context)?;
        let output = context.output()?;
        output.require_shape(&[2], "for a row and a column")?;
        output.require_dtype_of(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let parameters: Parameters = context.parameters()?;
        let weights = Weights {
            background: parameters.background,
            threshold: parameters.threshold,
            power: parameters.weight_power,
        };
        Ok(SpotCentroid {
            spot: Spot::new(context.trigger_input()?, weights)?,
        })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        match_number!(input.dtype(), T => {
            let centroid = self.spot.centroid(input.slice::<T>()?);
            output.slice()?.copy_from_slice(&centroid.map(T::from_f64));
            Ok(())
        })
    }
}

export!(SpotCentroid);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    fn centroid(image: &[f32], parameters: &[(&str, f64)]) -> Result<[f32; 2], Failure> {
        let mut stage = Stage::<SpotCentroid>::new()
            .trigger_input("image", &[3, 3], image)
            .output::<f32>("centroid", &[2]);
        for &(name, value) in parameters {
            stage = stage.parameter(name, value);
        }
        let mut stage = stage.build()?;
        stage.compute()?;
        Ok([stage.output::<f32>(0)[0], stage.output::<f32>(0)[1]])
    }

    #[test]
    fn weights_are_thresholded_and_raised() -> Result<(), Failure> {
        let image = [
            3.0, 0.0, 1.0, //
            0.0, 0.0, 0.0, //
            0.0, 0.0, 1.0,
        ];
        assert_eq!(centroid(&image, &[])?, [-0.6, -0.2]);
        assert_eq!(centroid(&image, &[("threshold", 1.0)])?, [-1.0, -1.0]);
        assert_eq!(centroid(&image, &[("background", 2.0)])?, [-1.0, -1.0]);
        assert_eq!(centroid(&image, &[("threshold", 3.0)])?, [0.0, 0.0]);
        // 9, 1, 1
        let squared = centroid(&image, &[("weight_power", 2.0)])?;
        assert_eq!(squared, [(-9.0f64 / 11.0) as f32, (-7.0f64 / 11.0) as f32]);
        // 27, 1, 1
        let cubed = centroid(&image, &[("weight_power", 3.0)])?;
        assert_eq!(cubed, [(-27.0f64 / 29.0) as f32, (-25.0f64 / 29.0) as f32]);
        Ok(())
    }

    #[test]
    fn nothing_may_hide_a_nan_or_a_wrong_power() -> Result<(), Failure> {
        let mut image = [1.0; 9];
        image[4] = f32::NAN;
        assert!(
            centroid(&image, &[("threshold", 0.5)])?
                .iter()
                .all(|x| x.is_nan())
        );
        assert!(centroid(&image, &[("weight_power", 0.0)]).is_err());
        assert!(centroid(&image, &[("weight_power", -1.0)]).is_err());
        Ok(())
    }
}
