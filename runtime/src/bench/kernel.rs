//! One kernel as a pipeline of its own, so that all that is measured of pipelines is measured of it.

use std::path::{Path, PathBuf, absolute};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::array::ArrayType;
use crate::config::{self, Report};
use crate::sandbox::Engine;

use super::prepare::{Prepared, ready};

/// A kernel with its frames.
pub struct KernelCase {
    /// A built-in kind, or a module file.
    pub kernel: KernelName,
    /// The trigger inputs: name, array, and the file of the frame.
    pub inputs: Vec<(String, ArrayType, PathBuf)>,
    /// The auxiliary inputs: alias, array, and file.
    pub auxiliary: Vec<(String, ArrayType, PathBuf)>,
    /// The outputs.
    pub outputs: Vec<(String, ArrayType)>,
    /// The expression of `operation`.
    pub operation: Option<String>,
    /// The parameters.
    pub parameters: Map<String, Value>,
}

/// Which kernel.
pub enum KernelName {
    /// Built in.
    Kind(String),
    /// In a file.
    Module(PathBuf),
}

/// Checks the kernel in a pipeline of one stage, as any pipeline is checked, and makes it ready.
///
/// # Errors
/// What is wrong with it, marked in that pipeline; or a file's name cannot be written in one.
pub fn prepare_kernel(
    engine: &Engine,
    case: &KernelCase,
) -> anyhow::Result<Result<Prepared, Report>> {
    let text = pipeline(case)?;
    let name = match &case.kernel {
        KernelName::Kind(kind) => kind.clone(),
        KernelName::Module(file) => file.display().to_string(),
    };
    let config = config::parse(Path::new("the arguments as a pipeline"), text);
    Ok(config.and_then(|config| ready(engine, name, config)))
}

/// The pipeline, in JSON, which is YAML.
fn pipeline(case: &KernelCase) -> anyhow::Result<String> {
    let stream = |name: &str, array: &ArrayType| json!({"name": name, "shape": array.shape, "dtype": array.dtype.numpy_name()});
    let mut streams = Vec::new();
    let mut sources = Vec::new();
    for (name, array, file) in &case.inputs {
        streams.push(stream(name, array));
        sources.push(json!({
            "name": file.display().to_string(), "kind": "file.npy", "stream": name,
            "parameters": {"path": path(file)?, "loop": true},
        }));
    }
    let mut auxiliary = Map::new();
    for (alias, array, file) in &case.auxiliary {
        let mut stream = stream(alias, array);
        stream["initial"] = json!({"pattern": "file", "path": path(file)?});
        streams.push(stream);
        auxiliary.insert(alias.clone(), json!(alias));
    }
    for (name, array) in &case.outputs {
        streams.push(stream(name, array));
    }
    let names = |names: Vec<&String>| json!(names);
    let mut stage = json!({
        "name": "kernel",
        "inputs": names(case.inputs.iter().map(|(name, ..)| name).collect()),
        "outputs": names(case.outputs.iter().map(|(name, _)| name).collect()),
        "auxiliary": auxiliary,
        "parameters": case.parameters,
    });
    match &case.kernel {
        KernelName::Kind(kind) => stage["kind"] = json!(kind),
        KernelName::Module(file) => stage["module"] = json!(path(file)?),
    }
    if let Some(operation) = &case.operation {
        stage["operation"] = json!(operation);
    }
    let pipeline = json!({
        "namespace": format!("sandpipe-bench.{}", std::process::id()),
        "shared_memory": streams,
        "sources": sources,
        "kernels": [stage],
    });
    Ok(serde_json::to_string_pretty(&pipeline)?)
}

/// The whole path of a file, as text.
fn path(file: &Path) -> anyhow::Result<String> {
    let whole =
        absolute(file).with_context(|| format!("there is no path to {}", file.display()))?;
    let text = whole.to_str();
    let not_text = || {
        format!(
            "the name of {} is not UTF-8: rename the file",
            file.display()
        )
    };
    text.map(str::to_owned).with_context(not_text)
}
