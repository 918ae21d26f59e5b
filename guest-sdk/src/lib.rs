//! Write sandpipe kernels in Rust.
//!
//! A kernel is a struct that implements [`Kernel`]. The SDK does the rest: addresses, the manifest section,
//! the frame table, parameters, failures. No `unsafe` is needed.
//!
//! ```
//! use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, elementwise, export};
//! use serde::Deserialize;
//!
//! /// out = |in| where that exceeds a threshold, else 0.
//! struct Threshold {
//!     threshold: f32,
//! }
//!
//! #[derive(Deserialize)]
//! struct Parameters {
//!     threshold: f32,
//! }
//!
//! impl Kernel for Threshold {
//!     const MANIFEST: &'static str = r#"{
//!         "abi": "0.1",
//!         "kind": "example.threshold",
//!         "version": "0.1.0",
//!         "summary": "Keeps the magnitudes above a threshold.",
//!         "dtypes": ["f32"],
//!         "parameters": {
//!             "type": "object",
//!             "properties": {
//!                 "threshold": { "type": "number", "description": "What a magnitude must exceed to be kept." }
//!             },
//!             "required": ["threshold"],
//!             "additionalProperties": false
//!         }
//!     }"#;
//!
//!     fn validate_config(context: &Context) -> Result<(), Failure> {
//!         context.parameters::<Parameters>()?;
//!         context.output()?.require_like(context.trigger_input()?)
//!     }
//!
//!     fn new(context: &Context) -> Result<Self, Failure> {
//!         let Parameters { threshold } = context.parameters()?;
//!         Ok(Threshold { threshold })
//!     }
//!
//!     fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
//!         let threshold = self.threshold;
//!         elementwise::map(input.slice::<f32>()?, output.slice()?, |x| {
//!             if x.abs() > threshold { x.abs() } else { 0.0 }
//!         });
//!         Ok(())
//!     }
//! }
//!
//! export!(Threshold);
//!
//! // In the kernel's unit tests:
//! use sandpipe_kernel::testing::Stage;
//!
//! let mut stage = Stage::<Threshold>::new()
//!     .parameter("threshold", 1.5)
//!     .trigger_input("x", &[4], &[1.0f32, -2.0, 3.0, f32::NAN])
//!     .output::<f32>("y", &[4])
//!     .build()?;
//! stage.compute()?;
//! assert_eq!(stage.output::<f32>(0), [0.0, 2.0, 3.0, 0.0]);
//!
//! let refused = Stage::<Threshold>::new()
//!     .parameter("threshold", 1)
//!     .trigger_input("x", &[4], &[0.0f32; 4])
//!     .output::<f32>("y", &[5])
//!     .validate();
//! assert_eq!(
//!     refused.unwrap_err().message,
//!     "kernel 'test' of kind 'example.threshold': output 'y' must have shape [4] like input 'x', got [5]",
//! );
//! # Ok::<(), Failure>(())
//! ```
//!
//! `Cargo.toml` says `crate-type = ["cdylib", "rlib"]`, and the module is built with
//! `RUSTFLAGS="-C target-feature=+simd128" cargo build --release --target wasm32-unknown-unknown`.
//! The result is a plain core module; the host wraps it when it loads it.
//!
//! # What this does
//! - [`View`] and [`ViewMut`] are frames as typed slices, directly in the streams' memory: nothing is copied,
//!   and a frame costs no allocation.
//! - [`Context`] says what the stage's streams are, and reads the parameters.
//! - [`elementwise`] has loops that the host can interrupt at no cost worth speaking of.
//! - [`testing`] runs a kernel natively.
//!
//! # What this does not do
//! - Check what the manifest already says: the host has compared numbers of streams, dtypes and the schema of
//!   the parameters before any code of a kernel runs.
//! - Guard against the host, which owns the module's memory anyway.

mod arithmetic;
mod boolean;
mod context;
mod dtype;
pub mod elementwise;
mod export;
mod failure;
mod frame;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;
mod instance;
mod kernel;
pub mod log;
mod number;
mod parameters;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod view;

pub use arithmetic::Arithmetic;
pub use boolean::Bool;
pub use context::{Array, Context, Part, Role};
pub use dtype::{Dtype, Element, f16};
pub use failure::{Code, Failure};
pub use frame::{Frame, Inputs, Outputs, State};
pub use kernel::Kernel;
pub use number::Number;
pub use view::{View, ViewMut};

/// The kernel in the project's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
