//! `cpu.moving_spot`: a source. A camera that looks at a spot of light on an ellipse.

use std::f64::consts::TAU;

use sandpipe_kernel::{Context, Failure, Frame, Kernel, Number, export, match_real};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct MovingSpot {
    parameters: Parameters,
    /// What the spot adds to each row, and to each column, as factors.
    rows: Vec<f64>,
    columns: Vec<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
struct Parameters {
    period: f64,
    radius: f64,
    width: f64,
    peak: f64,
    background: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            period: 256.0,
            radius: 0.5,
            width: 2.0,
            peak: 100.0,
            background: 10.0,
        }
    }
}

impl Kernel for MovingSpot {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.moving_spot",
        "version": "0.1.0",
        "summary": "A source: a camera that sees a spot of light go round an ellipse about the centre of its image. A second stream, of 2 elements, gets the true position as row and column, counted from the centre.",
        "input_arity": 0,
        "output_arity": null,
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "period": { "type": "number", "exclusiveMinimum": 0, "default": 256, "description": "Frames for one round." },
                "radius": { "type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "How far the spot goes from the centre, of the way to the edge." },
                "width": { "type": "number", "exclusiveMinimum": 0, "default": 2, "description": "Standard deviation of the spot in pixels." },
                "peak": { "type": "number", "default": 100, "description": "Brightness of its middle above the background." },
                "background": { "type": "number", "default": 10, "description": "Brightness everywhere." }
            },
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let image = context.output()?;
        image.require_rank(2)?;
        match &context.outputs[1..] {
            [] => {}
            [position] => position.require_shape(&[2], "for a row and a column")?,
            more => {
                return Err(Failure::arity(format!(
                    "writes an image and a position, got {} streams",
                    more.len() + 1
                )));
            }
        }
        context.parameters::<Parameters>().map(drop)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let shape = context.output()?.shape();
        let zeros = |axis: usize| vec![0.0; shape.get(axis).map_or(0, |&extent| extent as usize)];
        Ok(MovingSpot {
            parameters: context.parameters()?,
            rows: zeros(0),
            columns: zeros(1),
        })
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let (row, column) = self.position(frame.id);
        let Parameters {
            width,
            peak,
            background,
            ..
        } = self.parameters;
        profile(&mut self.rows, row, width);
        profile(&mut self.columns, column, width);
        let image = frame.outputs.get(0)?;
        match_real!(image.dtype(), T => {
            let pixels = image.slice::<T>()?.chunks_exact_mut(self.columns.len().max(1));
            for (line, row) in pixels.zip(&self.rows) {
                for (pixel, column) in line.iter_mut().zip(&self.columns) {
                    *pixel = Number::from_f64(background + peak * row * column);
                }
            }
            Ok(())
        })?;
        if frame.outputs.len() > 1 {
            let position = frame.outputs.get(1)?;
            match_real!(position.dtype(), T => {
                position.slice::<T>()?.copy_from_slice(&[Number::from_f64(row), Number::from_f64(column)]);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl MovingSpot {
    /// Where the spot is in a frame: row and column, from the centre.
    fn position(&self, frame_id: u64) -> (f64, f64) {
        let Parameters { period, radius, .. } = self.parameters;
        let angle = TAU * (frame_id as f64 % period) / period;
        let reach = |extent: usize| radius * (extent as f64 - 1.0) / 2.0;
        (
            reach(self.rows.len()) * angle.sin(),
            reach(self.columns.len()) * angle.cos(),
        )
    }
}

/// A bell of this width about `place`, which counts from the middle.
fn profile(factors: &mut [f64], place: f64, width: f64) {
    let centre = (factors.len() as f64 - 1.0) / 2.0 + place;
    for (index, factor) in factors.iter_mut().enumerate() {
        let distance = (index as f64 - centre) / width;
        *factor = (-0.5 * distance * distance).exp();
    }
}

export!(MovingSpot);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    #[test]
    fn the_spot_is_where_the_position_says() -> Result<(), Failure> {
        let mut stage = Stage::<MovingSpot>::new()
            .parameter("period", 16)
            .parameter("background", 0)
            .output::<f32>("image", &[33, 49])
            .output::<f64>("position", &[2])
            .build()?;
        let mut seen = Vec::new();
        for _ in 0..16 {
            stage.compute()?;
            let (image, position) = (stage.output::<f32>(0), stage.output::<f64>(1));
            let total: f64 = image.iter().map(|&pixel| f64::from(pixel)).sum();
            let mean = |place: fn(usize) -> f64| -> f64 {
                let weighted = image.iter().enumerate();
                weighted
                    .map(|(index, &pixel)| place(index) * f64::from(pixel))
                    .sum::<f64>()
                    / total
            };
            let row = mean(|index| (index / 49) as f64 - 16.0);
            let column = mean(|index| (index % 49) as f64 - 24.0);
            assert!((row - position[0]).abs() < 1e-3, "{row} {position:?}");
            assert!((column - position[1]).abs() < 1e-3, "{column} {position:?}");
            seen.push(position.to_vec());
        }
        assert!(seen.iter().all(|position| position[0].abs() <= 8.0 + 1e-9));
        seen.dedup();
        assert_eq!(seen.len(), 16);
        Ok(())
    }

    #[test]
    fn other_streams_are_refused() {
        let message = |stage: sandpipe_kernel::testing::Builder<MovingSpot>| {
            stage
                .validate()
                .err()
                .map(|failure| failure.message)
                .unwrap_or_default()
        };
        let new = Stage::<MovingSpot>::new;
        assert!(message(new().output::<f32>("image", &[5])).contains("must have 2 dimensions"));
        let three = new()
            .output::<f32>("image", &[5, 5])
            .output::<f32>("position", &[3]);
        assert!(message(three).contains("must have shape [2]"));
    }
}
