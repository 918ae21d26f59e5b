//! out = gain * in + offset, element by element. Start here.

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, elementwise, export};
use serde::Deserialize;

#[derive(Deserialize)]
struct Linear {
    #[serde(default = "one")]
    gain: f32,
    #[serde(default)]
    offset: f32,
}

fn one() -> f32 {
    1.0
}

impl Kernel for Linear {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "my.{NAME}",
        "version": "0.1.0",
        "summary": "Multiplies by a gain and adds an offset.",
        "language": "rust",
        "dtypes": ["f32"],
        "parameters": {
            "type": "object",
            "properties": {
                "gain": { "type": "number", "default": 1, "description": "What every element is multiplied by." },
                "offset": { "type": "number", "default": 0, "description": "What is added then." }
            }
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        context.parameters()
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let (gain, offset) = (self.gain, self.offset);
        elementwise::map(input.slice::<f32>()?, output.slice()?, |x: f32| gain * x + offset);
        Ok(())
    }
}

export!(Linear);
