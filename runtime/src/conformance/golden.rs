//! Recorded pairs of inputs and outputs: what a kernel has computed once, and has to compute again.
//!
//! ```text
//! DIR/CASE/case.json       {"parameters": {…}, "operation": "…", "tolerance": 1e-6}, all of it optional; may be absent
//! DIR/CASE/input.npy       then input1.npy, …: the trigger inputs
//! DIR/CASE/auxiliary.npy   then auxiliary1.npy, …
//! DIR/CASE/output.npy      then output1.npy, …
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::place::{Given, Place};
use super::suite::{Refusal, Suite};
use super::{Finding, Rule, Verdict};
use crate::array::{ArrayType, Dtype};
use crate::config::file;
use crate::endpoint::npy;

const RULE: Rule = Rule {
    name: "golden",
    asks: "recorded inputs give the recorded outputs",
    why: "what was computed once is what others rely on",
    mend: "find out what has changed; if it is meant to, record the outputs anew",
};

/// Cases that a directory may hold.
const CASES: usize = 1000;
/// Bytes of a case.json.
const CASE_BYTES: u64 = 1 << 20;

/// Why recorded pairs cannot be read: a sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GoldenError(String);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    parameters: Map<String, Value>,
    operation: Option<String>,
    tolerance: f64,
}

/// Runs every case below `directory`, in the order of their names.
///
/// # Errors
/// A file that cannot be read or fits nothing.
pub fn golden(
    suite: &Suite<'_>,
    directory: &Path,
    mut found: impl FnMut(Finding),
) -> Result<(), GoldenError> {
    let unreadable =
        |error| GoldenError(format!("'{}' cannot be read: {error}", directory.display()));
    let mut cases: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            cases.push(path);
        }
        if cases.len() > CASES {
            return Err(GoldenError(format!(
                "'{}' holds more than {CASES} cases",
                directory.display()
            )));
        }
    }
    if cases.is_empty() {
        return Err(GoldenError(format!(
            "'{}' holds no directory with input.npy and output.npy",
            directory.display()
        )));
    }
    cases.sort();
    for path in cases {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let verdict = match case(suite, &path)? {
            Ok(said) => Verdict::Kept(format!("{name}: {said}")),
            Err(what) => Verdict::Broken(format!("{name}: {what}")),
        };
        found(Finding {
            rule: RULE,
            verdict,
        });
    }
    Ok(())
}

/// The outer error: the files are wrong; the inner one: the kernel is.
fn case(suite: &Suite<'_>, path: &Path) -> Result<Result<String, String>, GoldenError> {
    let case = read_case(&path.join("case.json"))?;
    let inputs = arrays(path, "input")?;
    let auxiliary = arrays(path, "auxiliary")?;
    let outputs = arrays(path, "output")?;
    let types = |arrays: &[(ArrayType, Vec<u8>)]| {
        arrays
            .iter()
            .map(|(array, _)| array.clone())
            .collect::<Vec<_>>()
    };
    let named = types(&auxiliary)
        .into_iter()
        .enumerate()
        .map(|(index, array)| (format!("auxiliary{index}"), array));
    let given = Given {
        inputs: types(&inputs),
        auxiliary: named.collect(),
        outputs: types(&outputs),
        parameters: case.parameters,
        operation: case.operation,
    };
    let place = Place::of(suite.manifest, given)
        .map_err(|error| GoldenError(format!("'{}': {error}", path.display())))?;
    let run = || -> Result<String, String> {
        let mut trial = suite.open(&place).map_err(Refusal::into_message)?;
        for (index, (_, frame)) in inputs.iter().chain(&auxiliary).enumerate() {
            trial.set(index, frame)?;
        }
        trial.step()?;
        for (index, ((array, expected), found)) in outputs.iter().zip(trial.results()?).enumerate()
        {
            compare(array, expected, &found, case.tolerance)
                .map_err(|what| format!("output {index}: {what}"))?;
        }
        Ok("equal".to_owned())
    };
    Ok(run())
}

fn read_case(path: &Path) -> Result<Case, GoldenError> {
    if path.symlink_metadata().is_err() {
        return Ok(Case::default());
    }
    let wrong = |what: String| GoldenError(format!("'{}' {what}", path.display()));
    let bytes = file::read_regular(path, CASE_BYTES).map_err(wrong)?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is wrong: {error}")))
}

/// `NAME.npy`, `NAME1.npy` and so on, as far as they go.
fn arrays(directory: &Path, name: &str) -> Result<Vec<(ArrayType, Vec<u8>)>, GoldenError> {
    let mut arrays = Vec::new();
    loop {
        let number = match arrays.len() {
            0 => String::new(),
            number => number.to_string(),
        };
        let path = directory.join(format!("{name}{number}.npy"));
        if path.symlink_metadata().is_err() {
            return Ok(arrays);
        }
        arrays.push(npy::read(&path).map_err(|error| GoldenError(error.to_string()))?);
    }
}

fn compare(array: &ArrayType, expected: &[u8], found: &[u8], tolerance: f64) -> Result<(), String> {
    let size = array.dtype.size();
    let pairs = expected.chunks_exact(size).zip(found.chunks_exact(size));
    for (index, (expected, found)) in pairs
        .enumerate()
        .filter(|(_, (expected, found))| expected != found)
    {
        let (Some(wanted), Some(is)) = (float(array.dtype, expected), float(array.dtype, found))
        else {
            return Err(format!(
                "element {index} has the bytes {found:02x?}, recorded are {expected:02x?}"
            ));
        };
        let same =
            wanted == is || (wanted.is_nan() && is.is_nan()) || (wanted - is).abs() <= tolerance;
        if !same {
            return Err(format!("element {index} is {is:?}, recorded is {wanted:?}"));
        }
    }
    Ok(())
}

fn float(dtype: Dtype, bytes: &[u8]) -> Option<f64> {
    match dtype {
        Dtype::F32 => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::F64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}
