//! The arguments that describe one kernel's place: its frames, parameters and outputs.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value};

use crate::array::{ArrayType, Dtype};

/// What a kernel is run on.
#[derive(Args)]
pub(in crate::cli) struct StageArguments {
    /// A trigger input. May be given several times.
    #[arg(long, value_name = "F.npy")]
    pub input: Vec<PathBuf>,
    /// An auxiliary input. May be given several times.
    #[arg(long, value_name = "ALIAS=F.npy", value_parser = assignment)]
    pub auxiliary: Vec<(String, String)>,
    /// A parameter; the value is JSON, or else text.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    param: Vec<(String, String)>,
    /// The expression of cpu.custom_operation.
    #[arg(long, value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub operation: Option<String>,
    /// The shape of the outputs, for example 32,32,2.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    shape: Option<Vec<u32>>,
    /// The dtype of the outputs, in NumPy's words.
    #[arg(long, value_parser = dtype)]
    dtype: Option<Dtype>,
}

impl StageArguments {
    /// The parameters as a JSON object.
    ///
    /// # Errors
    /// One is given twice.
    pub fn parameters(&self) -> anyhow::Result<Map<String, Value>> {
        parameters(&self.param)
    }

    /// The array of each output, where that of the first input is known, if there is one.
    ///
    /// # Errors
    /// Nothing says which shape it has.
    pub fn output(&self, input: Option<&ArrayType>) -> anyhow::Result<ArrayType> {
        let shape = self.shape.as_ref().or(input.map(|input| &input.shape));
        let Some(shape) = shape else {
            bail!("there is no --input that outputs could be like: give their --shape");
        };
        let dtype = self.dtype.or(input.map(|input| input.dtype));
        Ok(ArrayType {
            dtype: dtype.unwrap_or(Dtype::F32),
            shape: shape.clone(),
        })
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty()
            && self.auxiliary.is_empty()
            && self.param.is_empty()
            && self.operation.is_none()
            && self.shape.is_none()
            && self.dtype.is_none()
    }
}

/// What the n-th of a stage's inputs or outputs is called.
pub(in crate::cli) fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        index => format!("{name}{index}"),
    }
}

/// Names and values as a JSON object.
///
/// # Errors
/// One is given twice.
pub(super) fn parameters(given: &[(String, String)]) -> anyhow::Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for (key, text) in given {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        if parameters.insert(key.clone(), value).is_some() {
            bail!("the parameter '{key}' is given twice");
        }
    }
    Ok(parameters)
}

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub(super) fn dtype(text: &str) -> Result<Dtype, String> {
    Dtype::from_numpy(text).ok_or_else(|| {
        let names: Vec<&str> = Dtype::all().map(Dtype::numpy_name).collect();
        format!("the dtypes are {}", names.join(", "))
    })
}
