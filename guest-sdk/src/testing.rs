//! Runs a kernel on plain slices, natively, without WebAssembly or a host: for unit tests and benchmarks.
//!
//! A [`Stage`] does what the host does around a kernel: it reads the manifest, validates, constructs, hands
//! over addresses, and swaps the state when a call has succeeded.
//!
//! ```
//! # use sandpipe_kernel::*;
//! # struct Scale(f64);
//! # impl Kernel for Scale {
//! #     const MANIFEST: &'static str = r#"{"abi":"0.1","kind":"example.scale"}"#;
//! #     fn validate_config(context: &Context) -> Result<(), Failure> { Scale::new(context).map(drop) }
//! #     fn new(context: &Context) -> Result<Self, Failure> {
//! #         #[derive(serde::Deserialize)] struct P { factor: f64 }
//! #         Ok(Scale(context.parameters::<P>()?.factor))
//! #     }
//! #     fn compute_into(&mut self, x: View, y: ViewMut, _: Inputs) -> Result<(), Failure> {
//! #         elementwise::map(x.slice::<f64>()?, y.slice::<f64>()?, |x| x * self.0);
//! #         Ok(())
//! #     }
//! # }
//! use sandpipe_kernel::testing::Stage;
//!
//! let mut stage = Stage::<Scale>::new()
//!     .parameter("factor", 3)
//!     .trigger_input("x", &[2], &[1.0, 2.0])
//!     .output::<f64>("y", &[2])
//!     .build()?;
//! stage.compute()?;
//! assert_eq!(stage.output::<f64>(0), [3.0, 6.0]);
//! # Ok::<(), Failure>(())
//! ```
#![allow(unsafe_code, reason = "hands a frame table to the kernel")]
#![allow(
    clippy::panic,
    reason = "a panic with a message is how a test reports its misuse"
)]

mod buffer;

use std::marker::PhantomData;

use serde_json::{Map, Value};

use self::buffer::Buffer;
use crate::{
    Array, Context, Dtype, Element, Failure, Kernel, Part, Role,
    instance::{self, Instance},
};

/// A stage being described. Streams are listed in the pipeline's order; each alias is the name unless
/// [`auxiliary_as`](Builder::auxiliary_as) gives another.
#[derive(Debug)]
pub struct Builder<K> {
    context: Context,
    parameters: Map<String, Value>,
    frames: Vec<Buffer>,
    failure: Option<Failure>,
    kernel: PhantomData<K>,
}

impl<K: Kernel> Builder<K> {
    /// Sets a parameter.
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self.context.parameters = Value::Object(self.parameters.clone()).to_string();
        self
    }

    /// Sets the expression of the `operation` key.
    pub fn operation(mut self, expression: &str) -> Self {
        self.context.operation = Some(expression.into());
        self
    }

    /// Makes it one part of a stage that is split.
    pub fn part(mut self, index: u32, count: u32) -> Self {
        self.context.part = Part { index, count };
        self
    }

    /// Adds a trigger input with its first frame.
    pub fn trigger_input<T: Element>(self, name: &str, shape: &[u32], frame: &[T]) -> Self {
        self.array(Role::TriggerInput, name, name, T::DTYPE, shape, |buffer| {
            buffer.write(frame)
        })
    }

    /// Adds an auxiliary input with its frame.
    pub fn auxiliary<T: Element>(self, name: &str, shape: &[u32], frame: &[T]) -> Self {
        self.auxiliary_as(name, name, shape, frame)
    }

    /// Adds an auxiliary input under an alias.
    pub fn auxiliary_as<T: Element>(
        self,
        alias: &str,
        name: &str,
        shape: &[u32],
        frame: &[T],
    ) -> Self {
        self.array(
            Role::AuxiliaryInput,
            name,
            alias,
            T::DTYPE,
            shape,
            |buffer| buffer.write(frame),
        )
    }

    /// Adds an output.
    pub fn output<T: Element>(self, name: &str, shape: &[u32]) -> Self {
        self.array(Role::Output, name, name, T::DTYPE, shape, |_| Ok(()))
    }

    /// Adds an array of any dtype by its bytes.
    pub fn bytes(self, role: Role, name: &str, dtype: Dtype, shape: &[u32], frame: &[u8]) -> Self {
        self.array(role, name, name, dtype, shape, |buffer| {
            buffer.write_bytes(frame)
        })
    }

    /// Asks the kernel whether it can run so.
    ///
    /// # Errors
    /// What the kernel says, or what is wrong with this description.
    pub fn validate(&self) -> Result<(), Failure> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => instance::validate_config::<K>(&self.context),
        }
    }

    /// Validates and makes the kernel, with zeros as its state.
    ///
    /// # Errors
    /// As [`validate`](Builder::validate), and what the kernel's `new` says.
    pub fn build(mut self) -> Result<Stage<K>, Failure> {
        let manifest = manifest::<K>()?;
        for declared in manifest
            .get("state")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let alias = declared.get("alias").and_then(Value::as_str);
            let like = declared.get("like").and_then(Value::as_str);
            let (Some(alias), Some(like)) = (alias, like) else {
                return Err(Failure::failed(
                    "each state of the manifest needs `alias` and `like`",
                ));
            };
            let like = like_which(&self.context, like)?;
            let (dtype, shape) = (like.dtype(), like.shape().to_vec());
            // The previous value and the next.
            self = self.array(Role::State, alias, alias, dtype, &shape, |_| Ok(()));
            if let Some(previous) = self.frames.last() {
                self.frames.push(previous.clone());
            }
        }
        self.validate()?;
        // As the frame table has it; stable, so each role's own order stays.
        self.frames.sort_by_key(|frame| frame.role() as usize);
        Ok(Stage {
            instance: Instance::new(self.context)?,
            frames: self.frames,
            table: Vec::new(),
            frame_id: 0,
        })
    }

    fn array(
        mut self,
        role: Role,
        name: &str,
        alias: &str,
        dtype: Dtype,
        shape: &[u32],
        fill: impl FnOnce(&mut Buffer) -> Result<(), Failure>,
    ) -> Self {
        let filled = Array::new(role, name.into(), alias.into(), dtype, shape.into())
            .map(Buffer::zeros)
            .and_then(|mut buffer| fill(&mut buffer).map(|()| buffer));
        match filled {
            Ok(buffer) => {
                let arrays = match role {
                    Role::TriggerInput => &mut self.context.trigger_inputs,
                    Role::AuxiliaryInput => &mut self.context.auxiliary_inputs,
                    Role::Output => &mut self.context.outputs,
                    Role::State => &mut self.context.state,
                };
                arrays.push(buffer.array().clone());
                self.frames.push(buffer);
            }
            Err(failure) => self.failure = Some(failure),
        }
        self
    }
}

/// A kernel with frames of its own.
#[derive(Debug)]
pub struct Stage<K> {
    instance: Instance<K>,
    /// In the order of the frame table.
    frames: Vec<Buffer>,
    table: Vec<*mut u8>,
    frame_id: u64,
}

impl<K: Kernel> Stage<K> {
    /// Starts the description of a stage named `test`.
    #[expect(clippy::new_ret_no_self, reason = "a stage comes from its description")]
    pub fn new() -> Builder<K> {
        let (kind, failure) = match manifest::<K>() {
            Ok(manifest) => {
                let kind = manifest.get("kind").and_then(Value::as_str);
                (kind.unwrap_or_default().to_owned(), None)
            }
            Err(failure) => (String::new(), Some(failure)),
        };
        Builder {
            context: Context {
                name: "test".into(),
                kind,
                part: Part { index: 0, count: 1 },
                trigger_inputs: Vec::new(),
                auxiliary_inputs: Vec::new(),
                outputs: Vec::new(),
                state: Vec::new(),
                operation: None,
                parameters: "{}".into(),
            },
            parameters: Map::new(),
            frames: Vec::new(),
            failure,
            kernel: PhantomData,
        }
    }

    /// Computes one frame.
    ///
    /// # Errors
    /// What the kernel says. The state is then what it was before.
    pub fn compute(&mut self) -> Result<(), Failure> {
        self.frame_id += 1;
        self.table.clear();
        self.table
            .extend(self.frames.iter_mut().map(Buffer::address));
        // SAFETY: the frames are in the order of the table: by role, and each state twice. Each has a buffer
        // of its own, 8-aligned and as long as its array, all initialised, which nothing touches meanwhile.
        unsafe { self.instance.compute(self.frame_id, self.table.as_ptr()) }?;
        let state = self.frames.len() - 2 * self.instance.context().state.len();
        for pair in self.frames[state..].chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
        Ok(())
    }

    /// The next frame of a trigger input.
    ///
    /// # Panics
    /// When there is no such input, or it has another dtype or length.
    #[track_caller]
    pub fn set_trigger_input<T: Element>(&mut self, index: usize, frame: &[T]) {
        self.set(Role::TriggerInput, index, frame);
    }

    /// The next frame of an auxiliary input.
    ///
    /// # Panics
    /// When there is no such input, or it has another dtype or length.
    #[track_caller]
    pub fn set_auxiliary<T: Element>(&mut self, index: usize, frame: &[T]) {
        self.set(Role::AuxiliaryInput, index, frame);
    }

    /// What the last call wrote to an output.
    ///
    /// # Panics
    /// When there is no such output, or it has another dtype.
    #[track_caller]
    pub fn output<T: Element>(&self, index: usize) -> &[T] {
        let found = self
            .frames
            .iter()
            .filter(|frame| frame.role() == Role::Output)
            .nth(index);
        match found.map(|frame| frame.view().slice()) {
            Some(Ok(slice)) => slice,
            Some(Err(failure)) => panic!("{failure}"),
            None => panic!("the stage has no output {index}"),
        }
    }

    /// What the last call wrote to an output, as bytes.
    ///
    /// # Panics
    /// When there is no such output.
    #[track_caller]
    pub fn output_bytes(&self, index: usize) -> &[u8] {
        let found = self
            .frames
            .iter()
            .filter(|frame| frame.role() == Role::Output)
            .nth(index);
        match found {
            Some(frame) => frame.view().bytes(),
            None => panic!("the stage has no output {index}"),
        }
    }

    #[track_caller]
    fn set<T: Element>(&mut self, role: Role, index: usize, values: &[T]) {
        let found = self
            .frames
            .iter_mut()
            .filter(|frame| frame.role() == role)
            .nth(index);
        match found.map(|frame| frame.write(values)) {
            Some(Ok(())) => {}
            Some(Err(failure)) => panic!("{failure}"),
            None => panic!("the stage has no {role:?} {index}"),
        }
    }
}

/// The stream that a state of the manifest is like: `output`, `input`, `auxiliary`, or one of these with its
/// position: `output:1`.
fn like_which<'a>(context: &'a Context, like: &str) -> Result<&'a Array, Failure> {
    let (part, position) = like.split_once(':').unwrap_or((like, "0"));
    let arrays = match part {
        "input" => &context.trigger_inputs,
        "auxiliary" => &context.auxiliary_inputs,
        "output" => &context.outputs,
        _ => return Err(Failure::failed(format!("a state cannot be like '{like}'"))),
    };
    let position = position.parse().ok();
    position
        .and_then(|position: usize| arrays.get(position))
        .ok_or_else(|| Failure::failed(format!("a state is like '{like}', which the stage lacks")))
}

fn manifest<K: Kernel>() -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(K::MANIFEST)
        .map_err(|error| Failure::failed(format!("the manifest is no JSON object: {error}")))
}
