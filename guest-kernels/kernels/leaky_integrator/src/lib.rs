//! `cpu.leaky_integrator`: s ← leak × s + gain × in; out = s.

use sandpipe_kernel::{
    Array, Context, Dtype, Failure, Frame, Inputs, Kernel, Number, elementwise::zip, export,
    match_real,
};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct LeakyIntegrator {
    leak: f64,
    gain: f64,
    /// Where the auxiliary inputs stand, if they are bound.
    leak_input: Option<usize>,
    gain_input: Option<usize>,
    override_input: Option<usize>,
}

#[derive(Deserialize)]
struct Parameters {
    leak: Option<f64>,
    gain: Option<f64>,
}

const ALIASES: [&str; 3] = ["gain", "leak", "override_enabled"];

impl Kernel for LeakyIntegrator {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.leaky_integrator",
        "version": "0.1.0",
        "summary": "Integrates a vector with a leak: s = leak × s + gain × in, out = s, starting from zeros. Computed in double precision and kept in the stream's dtype; of complex numbers, each part by itself. Auxiliary streams of one value each, under the aliases gain and leak, replace the parameters; if one is bound as override_enabled, only while that is not 0.",
        "auxiliary_arity": null,
        "dtypes": ["bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128"],
        "parameters": {
            "type": "object",
            "properties": {
                "leak": { "type": "number", "description": "How much of the last value stays: 1 keeps all, 0 forgets it. Required unless an auxiliary stream has the alias leak." },
                "gain": { "type": "number", "description": "How much of the input is added. Required unless an auxiliary stream has the alias gain." }
            },
            "additionalProperties": false
        },
        "state": [{ "alias": "integrator", "like": "output" }]
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let (input, output) = (context.trigger_input()?, context.output()?);
        input.require_rank(1)?;
        output.require_like(input)?;
        for auxiliary in &context.auxiliary_inputs {
            if !ALIASES.contains(&auxiliary.alias()) {
                return Err(Failure::parameter(format!(
                    "supports only the auxiliary aliases 'gain', 'leak' and 'override_enabled', got '{}'",
                    auxiliary.alias()
                )));
            }
            auxiliary.require_single()?;
            require_real(auxiliary)?;
        }
        LeakyIntegrator::new(context).map(drop)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let Parameters { leak, gain } = context.parameters()?;
        let require = |name: &str, value: Option<f64>| {
            let input = context.auxiliary_index(name);
            match (value, input) {
                (Some(value), _) => Ok((value, input)),
                (None, Some(_)) => Ok((0.0, input)),
                (None, None) => Err(Failure::parameter(format!(
                    "parameter '{name}' is missing, and no auxiliary stream has the alias '{name}'"
                ))),
            }
        };
        let (leak, leak_input) = require("leak", leak)?;
        let (gain, gain_input) = require("gain", gain)?;
        Ok(LeakyIntegrator {
            leak,
            gain,
            leak_input,
            gain_input,
            override_input: context.auxiliary_index("override_enabled"),
        })
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let auxiliary = frame.auxiliary_inputs;
        let overridden = single(auxiliary, self.override_input, 1.0)? != 0.0;
        let resolve = |input: Option<usize>, parameter: f64| {
            single(auxiliary, input.filter(|_| overridden), parameter)
        };
        let leak = resolve(self.leak_input, self.leak)?;
        let gain = resolve(self.gain_input, self.gain)?;

        let input = frame.trigger_inputs.get(0)?;
        let previous = frame.state.previous(0)?;
        let next = frame.state.next(0)?;
        let output = frame.outputs.get(0)?;
        match_real!(input.dtype().part(), T => {
            let next = next.parts::<T>()?;
            zip(previous.parts::<T>()?, input.parts::<T>()?, next, |state, x| {
                Number::from_f64(leak * state.to_f64() + gain * x.to_f64())
            });
            output.parts::<T>()?.copy_from_slice(next);
            Ok(())
        })
    }
}

/// Fails unless an auxiliary stream holds a real number.
fn require_real(auxiliary: &Array) -> Result<(), Failure> {
    let what = match auxiliary.dtype() {
        Dtype::Bool => "a number",
        Dtype::C64 | Dtype::C128 => "a real number",
        _ => return Ok(()),
    };
    Err(Failure::dtype(format!(
        "{auxiliary} must hold {what}, but has dtype {}",
        auxiliary.dtype()
    )))
}

/// The one value of an auxiliary input, or `otherwise` when there is none.
fn single(auxiliary: Inputs, index: Option<usize>, otherwise: f64) -> Result<f64, Failure> {
    let Some(index) = index else {
        return Ok(otherwise);
    };
    let view = auxiliary.get(index)?;
    match_real!(view.dtype(), T => {
        Ok(view.slice::<T>()?.first().map_or(otherwise, |value| value.to_f64()))
    })
}

export!(LeakyIntegrator);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::{
        Bool, f16,
        testing::{Builder, Stage},
    };

    use super::*;

    fn stage() -> Builder<LeakyIntegrator> {
        Stage::<LeakyIntegrator>::new()
            .trigger_input("x", &[2], &[1.0f32, 2.0])
            .output::<f32>("y", &[2])
    }

    #[test]
    fn the_state_goes_on_from_frame_to_frame() -> Result<(), Failure> {
        let mut stage = stage()
            .parameter("leak", 0.5)
            .parameter("gain", 1)
            .build()?;
        for expected in [[1.0, 2.0], [1.5, 3.0], [1.75, 3.5]] {
            stage.compute()?;
            assert_eq!(stage.output::<f32>(0), expected);
        }
        Ok(())
    }

    #[test]
    fn auxiliary_values_replace_parameters_while_enabled() -> Result<(), Failure> {
        let mut stage = stage()
            .parameter("leak", 0.0)
            .parameter("gain", 1)
            .auxiliary("gain", &[1], &[10i32])
            .auxiliary_as("override_enabled", "switch", &[1, 1], &[0.0f64])
            .build()?;
        stage.compute()?;
        assert_eq!(stage.output::<f32>(0), [1.0, 2.0]);
        stage.set_auxiliary(1, &[-1.0f64]);
        stage.compute()?;
        assert_eq!(stage.output::<f32>(0), [10.0, 20.0]);
        stage.set_auxiliary(0, &[3i32]);
        stage.compute()?;
        assert_eq!(stage.output::<f32>(0), [3.0, 6.0]);
        Ok(())
    }

    #[test]
    fn auxiliary_values_alone_are_enough() -> Result<(), Failure> {
        let mut stage = stage()
            .parameter("leak", 1)
            .auxiliary("gain", &[1], &[2u8])
            .build()?;
        stage.compute()?;
        stage.compute()?;
        assert_eq!(stage.output::<f32>(0), [4.0, 8.0]);
        Ok(())
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let message = |builder: Builder<LeakyIntegrator>| {
            builder
                .validate()
                .err()
                .map(|failure| failure.message)
                .unwrap_or_default()
        };
        assert!(message(stage().parameter("gain", 1)).contains("parameter 'leak' is missing"));
        let builder = stage().parameter("gain", 1).parameter("leak", 1);
        assert!(message(builder.auxiliary("bias", &[1], &[0f32])).contains("got 'bias'"));
        let builder = stage().parameter("leak", 1);
        assert!(message(builder.auxiliary("gain", &[2], &[0f32; 2])).contains("exactly one value"));
    }

    #[test]
    fn complex_numbers_are_integrated_by_parts_and_halves_are_a_gain() -> Result<(), Failure> {
        let mut stage = Stage::<LeakyIntegrator>::new()
            .trigger_input("x", &[2], &[[1.0f64, -2.0], [f64::INFINITY, 3.0]])
            .auxiliary("gain", &[1], &[f16::from_f32(0.5)])
            .parameter("leak", 0.5)
            .output::<[f64; 2]>("y", &[2])
            .build()?;
        for expected in [[0.5, -1.0, 1.5], [0.75, -1.5, 2.25]] {
            stage.compute()?;
            let y = stage.output::<[f64; 2]>(0);
            assert_eq!(
                y,
                [[expected[0], expected[1]], [f64::INFINITY, expected[2]]]
            );
        }
        Ok(())
    }

    #[test]
    fn a_gain_is_a_real_number() {
        let message = |builder: Builder<LeakyIntegrator>| {
            let failure = builder.parameter("leak", 1).validate().err();
            failure.map(|failure| failure.message).unwrap_or_default()
        };
        let complex = stage().auxiliary("gain", &[1], &[[1.0f32, 0.0]]);
        let expected = "auxiliary 'gain' must hold a real number, but has dtype complex64";
        assert!(message(complex).ends_with(expected));
        let truth = stage().auxiliary("gain", &[1], &[Bool::from(true)]);
        assert!(message(truth).ends_with("must hold a number, but has dtype bool"));
    }
}
