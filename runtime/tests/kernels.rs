//! Every built-in kernel against NumPy: `kernels/expected.py` computes what must come out, the sandbox runs the kernel.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use sandpipe::array::Dtype;
use sandpipe::config;
use sandpipe::kernel::{self, Registry};
use sandpipe::pipeline::{Solo, context};
use sandpipe::sandbox::{
    Array, CacheDirectory, Cause, Context, Engine, EngineOptions, Isolation, Limits, Program,
};
use serde::Deserialize;
use tempfile::TempDir;

/// Differences that are shown of one case.
const SHOWN: usize = 3;

/// One object of `cases.json`; expected.py says what its fields mean.
#[derive(Deserialize)]
struct Case {
    name: String,
    pipeline: serde_json::Value,
    frames: usize,
    data: BTreeMap<String, (usize, Option<usize>)>,
}

/// The built-in kernels, each compiled once.
struct Bench {
    engine: Engine,
    registry: Registry,
    programs: HashMap<String, Program>,
}

impl Bench {
    fn new() -> Bench {
        let options = EngineOptions {
            cache: CacheDirectory::None,
            ..EngineOptions::default()
        };
        Bench {
            engine: Engine::new(options).unwrap(),
            registry: Registry::built_in().unwrap(),
            programs: HashMap::new(),
        }
    }

    /// Checks a pipeline of one stage, as a plan does, and opens its kernel.
    fn open(&mut self, pipeline: &str) -> Result<(Context, Solo), String> {
        let file = Path::new("case.yaml");
        let config = config::parse(file, pipeline).map_err(|report| report.to_string())?;
        let checked = kernel::check(&config, &self.registry);
        let [stage] = &checked.map_err(|report| report.to_string())?[..] else {
            return Err("the case has not one stage".to_owned());
        };
        let context = context(&config, stage);
        let limits = Limits::default();
        let program = self
            .programs
            .entry(context.kind.clone())
            .or_insert_with(|| {
                self.engine
                    .load(&stage.kernel.module, &limits, Isolation::Thread)
                    .unwrap()
            });
        let valid = program.validate_config(&context, &limits);
        valid.map_err(|fault| fault.message)?;
        let solo = Solo::open(program, &context, &limits).map_err(|error| error.to_string())?;
        Ok((context, solo))
    }
}

/// What is different, element by element: nothing if all are within their tolerance.
fn differences(
    dtype: Dtype,
    found: &[u8],
    expected: &[u8],
    tolerances: Option<&[u8]>,
) -> Vec<String> {
    let mut differences = Vec::new();
    let elements = found
        .chunks_exact(dtype.size())
        .zip(expected.chunks_exact(dtype.size()));
    for (index, (found, expected)) in elements.enumerate() {
        let tolerance = tolerances.map_or(0.0, |bytes| {
            f64::from_le_bytes(bytes[8 * index..][..8].try_into().unwrap())
        });
        if found == expected {
            continue;
        }
        let (Some(found), Some(expected)) = (float(dtype, found), float(dtype, expected)) else {
            differences.push(format!(
                "element {index} has the bytes {found:?}, expected {expected:?}"
            ));
            continue;
        };
        let same = (found.is_nan() && expected.is_nan()) || found == expected;
        let near = (found - expected).abs() <= tolerance;
        if !same && !near {
            differences.push(format!(
                "element {index} is {found:?}, expected {expected:?} ± {tolerance:?}"
            ));
        }
    }
    differences
}

fn float(dtype: Dtype, bytes: &[u8]) -> Option<f64> {
    match dtype {
        Dtype::F32 => Some(f32::from_le_bytes(bytes.try_into().unwrap()).into()),
        Dtype::F64 => Some(f64::from_le_bytes(bytes.try_into().unwrap())),
        _ => None,
    }
}

#[test]
fn every_kernel_computes_what_numpy_computes() {
    let directory = TempDir::new().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/expected.py");
    support::run(
        Command::new(support::python())
            .arg(script)
            .arg(directory.path()),
    );
    let cases: Vec<Case> =
        serde_json::from_slice(&fs::read(directory.path().join("cases.json")).unwrap()).unwrap();
    let data = fs::read(directory.path().join("data.bin")).unwrap();

    let mut bench = Bench::new();
    let mut covered = HashSet::new();
    let mut failures = Vec::new();
    for case in &cases {
        match check(&mut bench, case, &data, &mut covered) {
            Ok(wrong) if wrong.is_empty() => {}
            Ok(wrong) => {
                let shown = wrong.iter().take(SHOWN).map(|text| format!("\n    {text}"));
                let shown: String = shown.collect();
                failures.push(format!("{}: {} wrong{shown}", case.name, wrong.len()));
            }
            Err(message) => failures.push(format!("{}\n    fails: {message}", case.name)),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );

    // No kernel and no dtype of a kernel is left out.
    for (_, kernel) in bench.registry.kinds() {
        let manifest = &kernel.manifest;
        if manifest.kind == "cpu.raise_error" {
            continue;
        }
        let dtypes = manifest.dtypes.clone();
        for dtype in dtypes.unwrap_or_else(|| Dtype::all().collect()) {
            assert!(
                covered.contains(&(manifest.kind.clone(), dtype)),
                "no case of {} for {dtype}",
                manifest.kind
            );
        }
    }
}

/// Runs a case and gives its differences.
fn check(
    bench: &mut Bench,
    case: &Case,
    data: &[u8],
    covered: &mut HashSet<(String, Dtype)>,
) -> Result<Vec<String>, String> {
    let (context, mut solo) = bench.open(&case.pipeline.to_string())?;
    let [output] = &context.outputs[..] else {
        return Err("the case has not one output".to_owned());
    };
    let inputs = || {
        context
            .trigger_inputs
            .iter()
            .chain(&context.auxiliary_inputs)
    };
    let dtypes = inputs().chain([output]).map(|array| array.array.dtype);
    covered.extend(dtypes.map(|dtype| (context.kind.clone(), dtype)));
    let frame = |array: &Array, frame: usize| {
        let bytes = array.array.bytes().unwrap();
        &data[case.data[&array.name].0 + frame * bytes..][..bytes]
    };
    let mut wrong = Vec::new();
    for index in 0..case.frames {
        for (place, input) in inputs().enumerate() {
            solo.set_input(place, frame(input, index)).unwrap();
        }
        solo.compute(index as u64)
            .map_err(|fault| fault.to_string())?;
        let found = solo.output(0).unwrap();
        let elements = output.array.elements().unwrap();
        let tolerances = case.data[&output.name]
            .1
            .map(|offset| &data[offset + 8 * index * elements..][..8 * elements]);
        let expected = frame(output, index);
        let differences = differences(output.array.dtype, &found, expected, tolerances);
        wrong.extend(
            differences
                .iter()
                .map(|text| format!("frame {index}: {text}")),
        );
    }
    Ok(wrong)
}

#[test]
fn raise_error_fails_with_its_message() {
    let (_, mut solo) = Bench::new()
        .open(
            r#"{
                shared_memory: [
                    {name: in, shape: [3], dtype: float32},
                    {name: out, shape: [3], dtype: float32},
                ],
                kernels: [{
                    name: k,
                    kind: cpu.raise_error,
                    input: in,
                    output: out,
                    parameters: {message: the mirror is parked},
                }],
            }"#,
        )
        .unwrap();
    // It is not dead after that: it fails the same way again.
    for frame in 0..2 {
        let fault = solo.compute(frame).unwrap_err();
        assert!(matches!(fault.cause, Cause::Failed(_)), "{fault:?}");
        assert!(fault.message.contains("the mirror is parked"), "{fault:?}");
    }
}
