//! `cpu.spot_centroid`: the centre of mass of one spot.

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Number, View, ViewMut, elementwise::map, export, match_number,
};
use sandpipe_kernel_common::centroid::{ColumnSums, ROWS};
use serde::Deserialize;
use wide::f64x2;

/// The kernel.
#[derive(Debug)]
pub struct SpotCentroid {
    parameters: Parameters,
    height: usize,
    width: usize,
    sums: ColumnSums,
    /// Room for a few rows in double precision.
    rows: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
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
        let (input, output) = (context.trigger_input()?, context.output()?);
        input.require_rank(2)?;
        output.require_shape(&[2], "for a row and a column")?;
        output.require_dtype_of(input)?;
        SpotCentroid::new(context).map(drop)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let parameters: Parameters = context.parameters()?;
        if parameters.weight_power <= 0.0 {
            return Err(Failure::parameter(format!(
                "parameter 'weight_power' must be positive, got {}",
                parameters.weight_power
            )));
        }
        let input = context.trigger_input()?;
        let width = input.shape().last().copied().unwrap_or(1) as usize;
        Ok(SpotCentroid {
            parameters,
            height: input.elements() / width.max(1),
            width,
            sums: ColumnSums::new(width),
            rows: vec![0.0; ROWS * width],
        })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let power = self.parameters.weight_power;
        let background = f64x2::splat(self.parameters.background);
        let threshold = f64x2::splat(self.parameters.threshold);
        let signal = |x: f64x2| {
            let signal = x - background;
            // What is not above the threshold counts nothing, but NaN is neither.
            signal.simd_le(threshold).bitselect(f64x2::ZERO, signal)
        };
        let raised = |x: f64x2| raise(signal(x), power);
        let sums = &mut self.sums;
        match_number!(input.dtype(), T => {
            let image = input.slice::<T>()?;
            sums.clear();
            if power == 1.0 {
                sums.add(image, signal);
            } else {
                // In double precision, so that the power need not be compiled for every type.
                for rows in image.rchunks(self.rows.len()) {
                    let wide = &mut self.rows[..rows.len()];
                    map(rows, wide, T::to_f64);
                    sums.add(wide, raised);
                }
            }
            let centroid = sums.centroid(0..self.width, self.height);
            output.slice()?.copy_from_slice(&centroid.map(T::from_f64));
            Ok(())
        })
    }
}

#[inline]
fn raise(signal: f64x2, power: f64) -> f64x2 {
    if power == 2.0 {
        return signal * signal;
    }
    f64x2::from(signal.to_array().map(|x| x.powf(power)))
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
