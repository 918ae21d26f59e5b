//! Cases that Python has written, run in the sandbox and compared. Shared: `kernels` compares with NumPy, `parent` with shmpipeline.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic, and not every test uses everything"
)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use half::f16;
use sandpipe::array::Dtype;
use sandpipe::config;
use sandpipe::kernel::{self, Registry};
use sandpipe::pipeline::{Solo, context};
use sandpipe::sandbox::{
    Array, CacheDirectory, Context, Engine, EngineOptions, Isolation, Limits, Program,
};
use serde::Deserialize;

/// Differences that are shown of one case.
const SHOWN: usize = 3;

/// One object of `cases.json`; expected.py says what its fields mean.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub pipeline: serde_json::Value,
    pub frames: usize,
    pub data: BTreeMap<String, (usize, Option<usize>)>,
    pub refused: Option<String>,
    pub fails: Option<String>,
    /// The row of a table in which the case stands.
    pub row: Option<String>,
}

/// What a program has written into a directory.
pub struct Cases {
    pub cases: Vec<Case>,
    data: Vec<u8>,
}

impl Case {
    /// The configuration as YAML, of which JSON is a part; text is that already.
    fn configuration(&self) -> String {
        match &self.pipeline {
            serde_json::Value::String(text) => text.clone(),
            json => json.to_string(),
        }
    }
}

impl Cases {
    pub fn read(directory: &Path) -> Cases {
        let cases = fs::read(directory.join("cases.json")).unwrap();
        Cases {
            cases: serde_json::from_slice(&cases).unwrap(),
            data: fs::read(directory.join("data.bin")).unwrap(),
        }
    }
}

/// The built-in kernels, each compiled once.
pub struct Bench {
    engine: Engine,
    pub registry: Registry,
    programs: HashMap<String, Program>,
    /// Kinds that have run, with dtypes of their streams.
    pub covered: HashSet<(String, Dtype)>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::of(Registry::built_in().unwrap())
    }

    /// With other kernels.
    pub fn of(registry: Registry) -> Bench {
        let options = EngineOptions {
            cache: CacheDirectory::None,
            ..EngineOptions::default()
        };
        Bench {
            engine: Engine::new(options).unwrap(),
            registry,
            programs: HashMap::new(),
            covered: HashSet::new(),
        }
    }

    /// Checks a pipeline of one stage, as a plan does, and opens its kernel.
    pub fn open(&mut self, pipeline: &str) -> Result<(Context, Solo), String> {
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

    /// Runs all cases; panics with all that is different.
    pub fn compare(&mut self, cases: &Cases) {
        let mut failures = Vec::new();
        for case in &cases.cases {
            match self.check(case, &cases.data) {
                Ok(wrong) if wrong.is_empty() => {}
                Ok(wrong) => {
                    let shown = wrong.iter().take(SHOWN).map(|text| format!("\n    {text}"));
                    let shown: String = shown.collect();
                    failures.push(format!("{}: {} wrong{shown}", case.name, wrong.len()));
                }
                Err(message) => failures.push(format!("{}\n    {message}", case.name)),
            }
        }
        assert!(
            failures.is_empty(),
            "{} of {} cases fail:\n{}",
            failures.len(),
            cases.cases.len(),
            failures.join("\n")
        );
    }

    /// Runs a case and gives its differences.
    fn check(&mut self, case: &Case, data: &[u8]) -> Result<Vec<String>, String> {
        let opened = self.open(&case.configuration());
        let (context, mut solo) = match (opened, &case.refused) {
            (Ok(opened), None) => opened,
            (Err(message), Some(fragment)) if message.contains(fragment) => return Ok(Vec::new()),
            (Err(message), _) => return Err(format!("is refused: {message}")),
            (Ok(_), Some(_)) => return Err("is accepted".to_owned()),
        };
        let inputs = || {
            context
                .trigger_inputs
                .iter()
                .chain(&context.auxiliary_inputs)
        };
        let dtypes = inputs()
            .chain(&context.outputs)
            .map(|array| array.array.dtype);
        self.covered
            .extend(dtypes.map(|dtype| (context.kind.clone(), dtype)));
        let frame = |array: &Array, frame: usize| {
            let bytes = array.array.bytes().unwrap();
            &data[case.data[&array.name].0 + frame * bytes..][..bytes]
        };
        let mut wrong = Vec::new();
        for index in 0..case.frames {
            for (place, input) in inputs().enumerate() {
                solo.set_input(place, frame(input, index)).unwrap();
            }
            match (solo.compute(index as u64), &case.fails) {
                (Ok(_), None) => {}
                (Err(fault), Some(fragment)) if fault.message.contains(fragment) => continue,
                (Err(fault), _) => return Err(format!("fails: {fault}")),
                (Ok(_), Some(_)) => return Err("does not fail".to_owned()),
            }
            for (place, output) in context.outputs.iter().enumerate() {
                let found = solo.output(place).unwrap();
                let elements = output.array.elements().unwrap();
                let tolerances = case.data[&output.name]
                    .1
                    .map(|offset| &data[offset + 8 * index * elements..][..8 * elements]);
                let expected = frame(output, index);
                let differences = differences(output.array.dtype, &found, expected, tolerances);
                let place = format!("{} of frame {index}", output.name);
                wrong.extend(differences.iter().map(|text| format!("{place}: {text}")));
            }
        }
        Ok(wrong)
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
    let (parts, dtype) = match dtype {
        Dtype::C64 => (2, Dtype::F32),
        Dtype::C128 => (2, Dtype::F64),
        real => (1, real),
    };
    let elements = found
        .chunks_exact(dtype.size())
        .zip(expected.chunks_exact(dtype.size()));
    for (part, (found, expected)) in elements.enumerate() {
        let index = part / parts;
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
        Dtype::F16 => Some(f16::from_le_bytes(bytes.try_into().unwrap()).into()),
        Dtype::F32 => Some(f32::from_le_bytes(bytes.try_into().unwrap()).into()),
        Dtype::F64 => Some(f64::from_le_bytes(bytes.try_into().unwrap())),
        _ => None,
    }
}
