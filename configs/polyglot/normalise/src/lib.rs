//! Maps the range from black to white to 0…1 and clips what lies outside.

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, elementwise, export};
use serde::Deserialize;

#[derive(Deserialize)]
struct Normalise {
    black: f32,
    white: f32,
}

impl Kernel for Normalise {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "polyglot.normalise",
        "version": "0.1.0",
        "summary": "Maps the range from black to white to 0…1 and clips what lies outside.",
        "language": "rust",
        "dtypes": ["f32"],
        "parameters": {
            "type": "object",
            "properties": {
                "black": { "type": "number", "examples": [0], "description": "What becomes 0." },
                "white": { "type": "number", "examples": [255], "description": "What becomes 1; not black." }
            },
            "required": ["black", "white"]
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let Normalise { black, white } = context.parameters()?;
        if black == white {
            return Err(Failure::parameter("'white' must not be 'black'"));
        }
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        context.parameters()
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let (black, scale) = (self.black, 1.0 / (self.white - self.black));
        elementwise::map(input.slice::<f32>()?, output.slice()?, |x: f32| ((x - black) * scale).clamp(0.0, 1.0));
        Ok(())
    }
}

export!(Normalise);
