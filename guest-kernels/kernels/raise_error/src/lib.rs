//! `cpu.raise_error`: fails on every frame, to try out what a pipeline does about it.

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, export};
use serde::Deserialize;

/// The kernel.
#[derive(Debug, Deserialize)]
pub struct RaiseError {
    message: String,
}

impl Kernel for RaiseError {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.raise_error",
        "version": "0.1.0",
        "summary": "Fails on every frame with a given message, to try out what a pipeline does about it.",
        "parameters": {
            "type": "object",
            "properties": {
                "message": { "type": "string", "minLength": 1, "description": "What the failure says." }
            },
            "required": ["message"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        if RaiseError::new(context)?.message.trim().is_empty() {
            return Err(Failure::parameter("parameter 'message' must not be empty"));
        }
        Ok(())
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        context.parameters()
    }

    fn compute_into(&mut self, _: View, _: ViewMut, _: Inputs) -> Result<(), Failure> {
        Err(Failure::failed(self.message.clone()))
    }
}

export!(RaiseError);
