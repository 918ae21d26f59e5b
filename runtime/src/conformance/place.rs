//! Where a kernel is tried: its arrays and parameters.

use serde_json::{Map, Value, json};

use crate::array::{ArrayType, Dtype};
use crate::kernel::{Manifest, state_arrays};
use crate::sandbox::{Array, Context, Part};

/// The shape of every array about which the author says nothing: an image whose sides are not alike.
const SHAPE: [u32; 2] = [48, 64];

/// What an author says about the place.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Trigger inputs.
    pub inputs: Vec<ArrayType>,
    /// Auxiliary inputs with their aliases.
    pub auxiliary: Vec<(String, ArrayType)>,
    /// Outputs.
    pub outputs: Vec<ArrayType>,
    /// Parameters.
    pub parameters: Map<String, Value>,
    /// The operation.
    pub operation: Option<String>,
}

/// The arrays and parameters of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub(super) inputs: Vec<ArrayType>,
    pub(super) auxiliary: Vec<(String, ArrayType)>,
    pub(super) outputs: Vec<ArrayType>,
    pub(super) parameters: Map<String, Value>,
    pub(super) operation: Option<String>,
    /// Whether the author has said nothing of arrays, so that others may be tried.
    pub(super) free: bool,
}

/// No place could be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The parameters that were made up do not fit the schema.
    #[error(
        "no parameters could be made up from the manifest: {0}\n  give them with --param NAME=VALUE, or a \"default\" or \"examples\" in the schema"
    )]
    Parameters(String),
    /// Not as many arrays as the manifest says.
    #[error("the manifest says {expected} {what}, and {given} were given")]
    Arity {
        /// The part of the stage.
        what: &'static str,
        /// What the manifest says.
        expected: u32,
        /// What was given.
        given: usize,
    },
}

impl Place {
    /// A place for a kernel: what is given, and for the rest images of the first dtype that it takes and parameters from its schema.
    ///
    /// # Errors
    /// What is given does not fit the manifest, or something more has to be given.
    pub fn of(manifest: &Manifest, given: Given) -> Result<Place, PlaceError> {
        let free =
            given.inputs.is_empty() && given.auxiliary.is_empty() && given.outputs.is_empty();
        let dtype = match &manifest.dtypes {
            Some(dtypes) if !dtypes.contains(&Dtype::F32) => {
                dtypes.first().copied().unwrap_or(Dtype::F32)
            }
            _ => Dtype::F32,
        };
        let image = ArrayType {
            dtype,
            shape: SHAPE.to_vec(),
        };
        let first = given.inputs.first().unwrap_or(&image).clone();
        let fill = |mut arrays: Vec<ArrayType>, arity: Option<u32>, what, array: &ArrayType| {
            let wanted = arity.unwrap_or(1);
            if arrays.is_empty() {
                arrays = vec![array.clone(); wanted as usize];
            }
            match arity {
                Some(expected) if expected as usize != arrays.len() => Err(PlaceError::Arity {
                    what,
                    expected,
                    given: arrays.len(),
                }),
                _ => Ok(arrays),
            }
        };
        let (names, auxiliary): (Vec<String>, Vec<ArrayType>) = given.auxiliary.into_iter().unzip();
        let wanted = manifest.auxiliary_arity.or(Some(auxiliary.len() as u32));
        let auxiliary = fill(auxiliary, wanted, "auxiliary inputs", &first)?;
        let name = |index: usize| {
            names
                .get(index)
                .cloned()
                .unwrap_or_else(|| format!("auxiliary{index}"))
        };
        let place = Place {
            inputs: fill(given.inputs, manifest.input_arity, "trigger inputs", &first)?,
            auxiliary: auxiliary
                .into_iter()
                .enumerate()
                .map(|(index, array)| (name(index), array))
                .collect(),
            outputs: fill(given.outputs, manifest.output_arity, "outputs", &first)?,
            parameters: made_up(manifest, given.parameters),
            operation: given.operation,
            free,
        };
        let parameters = Value::Object(place.parameters.clone());
        manifest
            .parameters
            .check(&parameters)
            .map_err(|error| PlaceError::Parameters(error.to_string()))?;
        Ok(place)
    }

    /// The same with every array changed.
    pub(super) fn with_arrays(&self, change: impl Fn(&ArrayType) -> ArrayType) -> Place {
        Place {
            inputs: self.inputs.iter().map(&change).collect(),
            auxiliary: self
                .auxiliary
                .iter()
                .map(|(name, array)| (name.clone(), change(array)))
                .collect(),
            outputs: self.outputs.iter().map(&change).collect(),
            ..self.clone()
        }
    }

    /// The same with other extents everywhere.
    pub(super) fn with_shape(&self, shape: &[u32]) -> Place {
        self.with_arrays(|array| ArrayType {
            dtype: array.dtype,
            shape: shape.to_vec(),
        })
    }

    /// What the kernel is told. Errors: words for the author.
    pub(super) fn context(&self, manifest: &Manifest) -> Result<Context, String> {
        let auxiliary: Vec<&ArrayType> = self.auxiliary.iter().map(|(_, array)| array).collect();
        let (inputs, outputs): (Vec<_>, Vec<_>) =
            (self.inputs.iter().collect(), self.outputs.iter().collect());
        let state = state_arrays(manifest, &inputs, &auxiliary, &outputs)
            .map_err(|error| format!("the kernel {error}"))?;
        Ok(Context {
            name: "check".to_owned(),
            kind: manifest.kind.clone(),
            part: Part::WHOLE,
            trigger_inputs: numbered("input", &self.inputs),
            auxiliary_inputs: self
                .auxiliary
                .iter()
                .map(|(name, array)| named(name.clone(), array))
                .collect(),
            outputs: numbered("output", &self.outputs),
            state: state
                .iter()
                .map(|state| named(state.alias.clone(), &state.array))
                .collect(),
            operation: self.operation.clone(),
            parameters: Value::Object(self.parameters.clone()).to_string(),
        })
    }
}

fn numbered(name: &str, arrays: &[ArrayType]) -> Vec<Array> {
    let arrays = arrays.iter().enumerate();
    arrays
        .map(|(index, array)| named(format!("{name}{index}"), array))
        .collect()
}

fn named(name: String, array: &ArrayType) -> Array {
    Array {
        alias: name.clone(),
        name,
        array: array.clone(),
    }
}

/// The given parameters, and for each required one that is missing a value that the schema suggests.
fn made_up(manifest: &Manifest, mut given: Map<String, Value>) -> Map<String, Value> {
    let schema = manifest.parameters.source();
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if let (false, Some(property)) = (given.contains_key(name), schema["properties"].get(name))
        {
            given.insert(name.to_owned(), suggested(property));
        }
    }
    given
}

fn suggested(property: &Value) -> Value {
    let first = |key: &str| property.get(key).and_then(|values| values.get(0)).cloned();
    let written = property.get("default").or(property.get("const")).cloned();
    if let Some(value) = written
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
    {
        return value;
    }
    match property.get("type").and_then(Value::as_str) {
        Some("boolean") => json!(false),
        Some("string") => json!("a"),
        Some("array") => json!([1]),
        _ => {
            let bound = |key: &str| property.get(key).and_then(Value::as_f64);
            let least = bound("minimum").or(bound("exclusiveMinimum").map(|least| least + 1.0));
            let most = bound("maximum").or(bound("exclusiveMaximum").map(|most| most - 1.0));
            let value = 1f64
                .max(least.unwrap_or(1.0))
                .min(most.unwrap_or(f64::INFINITY));
            if value.fract() == 0.0 && value.abs() < 1e15 {
                json!(value as i64)
            } else {
                json!(value)
            }
        }
    }
}
