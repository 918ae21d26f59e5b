//! What the benches share: a kernel with its frames, to be run in the sandbox or by another program.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that cannot run has to say so"
)]

mod cases;

pub use cases::cases;

use std::io::{self, Write};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::kernel::{Registry, state_arrays};
use sandpipe::pipeline::Solo;
use sandpipe::sandbox::{Array, Context, Engine, EngineOptions, Isolation, Limits, Part, Program};
use serde_json::{Map, Value, json};

/// A named frame of 32-bit floats.
#[derive(Clone)]
pub struct Frame {
    name: String,
    shape: Vec<u32>,
    values: Vec<f32>,
}

impl Frame {
    /// A frame whose elements are a function of their index.
    pub fn new(name: &str, shape: &[u32], value: impl Fn(usize) -> f32) -> Self {
        let elements = shape.iter().product::<u32>() as usize;
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: (0..elements).map(value).collect(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }
}

/// The engine that `sandpipe run` uses, but for children.
pub fn engine() -> Engine {
    Engine::new(EngineOptions::default()).unwrap()
}

/// The engine that `sandpipe run` uses, in a program whose `main` calls `sandpipe::sandbox::enter`.
pub fn engine_with_children() -> Engine {
    Engine::new(EngineOptions {
        helper: Some("/proc/self/exe".into()),
        ..EngineOptions::default()
    })
    .unwrap()
}

/// A built-in kernel, its parameters and its frames.
#[derive(Clone)]
pub struct Case {
    kind: String,
    inputs: Vec<Frame>,
    auxiliary: Vec<Frame>,
    output: Vec<u32>,
    parameters: Map<String, Value>,
    operation: Option<String>,
}

impl Case {
    /// A case without frames.
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            inputs: Vec::new(),
            auxiliary: Vec::new(),
            output: Vec::new(),
            parameters: Map::new(),
            operation: None,
        }
    }

    /// Adds a trigger input.
    pub fn input(mut self, frame: Frame) -> Self {
        self.inputs.push(frame);
        self
    }

    /// Adds an auxiliary input.
    pub fn auxiliary(mut self, frame: Frame) -> Self {
        self.auxiliary.push(frame);
        self
    }

    /// Sets the shape of the output.
    pub fn output(mut self, shape: &[u32]) -> Self {
        self.output = shape.to_vec();
        self
    }

    /// Sets a parameter.
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the expression of `cpu.custom_operation`.
    pub fn operation(mut self, expression: &str) -> Self {
        self.operation = Some(expression.to_owned());
        self
    }

    /// The kernel in the sandbox, on a thread.
    pub fn wasm(&self, engine: &Engine) -> Solo {
        self.load(engine, Isolation::Thread).open()
    }

    /// The kernel loaded, to be opened.
    pub fn load(&self, engine: &Engine, isolation: Isolation) -> Loaded<'_> {
        let registry = Registry::built_in().unwrap();
        let kernel = registry.find(&self.kind).unwrap();
        let inputs: Vec<Array> = self.inputs.iter().map(array).collect();
        let auxiliary: Vec<Array> = self.auxiliary.iter().map(array).collect();
        let outputs = vec![named("output", &self.output)];
        let state = state_arrays(
            &kernel.manifest,
            &types(&inputs),
            &types(&auxiliary),
            &types(&outputs),
        );
        let context = Context {
            name: "bench".to_owned(),
            kind: self.kind.clone(),
            part: Part::WHOLE,
            trigger_inputs: inputs,
            auxiliary_inputs: auxiliary,
            outputs,
            state: state
                .unwrap()
                .into_iter()
                .map(|state| Array {
                    name: state.alias.clone(),
                    alias: state.alias,
                    array: state.array,
                })
                .collect(),
            operation: self.operation.clone(),
            parameters: Value::Object(self.parameters.clone()).to_string(),
        };
        let limits = Limits::default();
        let program = engine.load(&kernel.module, &limits, isolation).unwrap();
        program.validate_config(&context, &limits).unwrap();
        Loaded {
            case: self,
            program,
            context,
            limits,
        }
    }

    /// Hands the case to a program that runs it: a line of JSON, and the frames of the inputs.
    ///
    /// # Errors
    /// The program has ended.
    pub fn send(&self, mut to: impl Write) -> io::Result<()> {
        let arrays = |frames: &[Frame]| -> Value {
            let array = |frame: &Frame| json!({ "name": frame.name, "shape": frame.shape });
            frames.iter().map(array).collect()
        };
        let case = json!({
            "kind": self.kind,
            "parameters": self.parameters,
            "operation": self.operation,
            "trigger_inputs": arrays(&self.inputs),
            "auxiliary_inputs": arrays(&self.auxiliary),
            "output": { "name": "output", "shape": self.output },
        });
        writeln!(to, "{case}")?;
        for frame in self.inputs.iter().chain(&self.auxiliary) {
            to.write_all(&frame.bytes())?;
        }
        to.flush()
    }
}

/// A kernel in text whose `compute-into` is `body`, with one input and one output.
pub fn text_kernel(engine: &Engine, declarations: &str, body: &str, limits: &Limits) -> Solo {
    let text = include_str!("../../runtime/tests/sandbox/kernel.wat")
        .replace(";; @declarations", declarations)
        .replace(";; @compute", body);
    let context = Context {
        name: "bench".to_owned(),
        kind: "bench".to_owned(),
        part: Part::WHOLE,
        trigger_inputs: vec![named("input", &[16])],
        auxiliary_inputs: Vec::new(),
        outputs: vec![named("output", &[16])],
        state: Vec::new(),
        operation: None,
        parameters: "{}".to_owned(),
    };
    let program = engine
        .load(text.as_bytes(), limits, Isolation::Thread)
        .unwrap();
    Solo::open(&program, &context, limits).unwrap()
}

/// A case whose kernel is loaded.
pub struct Loaded<'a> {
    case: &'a Case,
    program: Program,
    context: Context,
    limits: Limits,
}

impl Loaded<'_> {
    /// An instance with the case's frames.
    pub fn open(&self) -> Solo {
        let solo = Solo::open(&self.program, &self.context, &self.limits).unwrap();
        let frames = self.case.inputs.iter().chain(&self.case.auxiliary);
        for (index, frame) in frames.enumerate() {
            solo.set_input(index, &frame.bytes()).unwrap();
        }
        solo
    }
}

fn types(arrays: &[Array]) -> Vec<&ArrayType> {
    arrays.iter().map(|array| &array.array).collect()
}

fn array(frame: &Frame) -> Array {
    named(&frame.name, &frame.shape)
}

fn named(name: &str, shape: &[u32]) -> Array {
    Array {
        name: name.to_owned(),
        alias: name.to_owned(),
        array: ArrayType {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        },
    }
}
