//! Stretches a frame's own range of tones to 0…1: two order statistics of its pixels become black and white, so that a few outliers
//! do not matter.

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, elementwise, export};
use serde::Deserialize;

#[derive(Deserialize)]
struct Parameters {
    black: f64,
    white: f64,
}

struct Normalise {
    parameters: Parameters,
    /// Room for the pixels in another order.
    pixels: Vec<f32>,
}

/// The value that this part of the pixels does not exceed. There is at least one.
fn order_statistic(pixels: &mut [f32], part: f64) -> f32 {
    let rank = (part * (pixels.len() - 1) as f64) as usize;
    *pixels.select_nth_unstable_by(rank, f32::total_cmp).1
}

impl Kernel for Normalise {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "polyglot.normalise",
        "version": "0.2.0",
        "summary": "Stretches a frame's own range of tones to 0…1, and clips what lies outside.",
        "language": "rust",
        "dtypes": ["f32"],
        "parameters": {
            "type": "object",
            "properties": {
                "black": { "type": "number", "minimum": 0, "maximum": 1, "examples": [0.02], "description": "The part of the pixels that become 0." },
                "white": { "type": "number", "minimum": 0, "maximum": 1, "examples": [0.98], "description": "The part of the pixels that do not become 1; more than black." }
            },
            "required": ["black", "white"]
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let Parameters { black, white } = context.parameters()?;
        if black >= white {
            return Err(Failure::parameter("'white' must be more than 'black'"));
        }
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let elements = context.output()?.shape().iter().product::<u32>();
        Ok(Normalise { parameters: context.parameters()?, pixels: vec![0.0; elements as usize] })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let (input, output) = (input.slice::<f32>()?, output.slice()?);
        self.pixels.copy_from_slice(input);
        let black = order_statistic(&mut self.pixels, self.parameters.black);
        let white = order_statistic(&mut self.pixels, self.parameters.white);
        // All of one tone is black.
        let scale = if white > black { 1.0 / (white - black) } else { 0.0 };
        elementwise::map(input, output, |x: f32| ((x - black) * scale).clamp(0.0, 1.0));
        Ok(())
    }
}

export!(Normalise);
