//! Times a kernel for the bench `kernels`, which builds this program with the instructions of AVX2.
//!
//! On standard input come a line of JSON, the frames of the inputs it lists, and then lines with a number of calls; each is answered with
//! the nanoseconds that they took.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::time::Instant;

use sandpipe_kernels_native::{Array, Description, native};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The first line.
#[derive(Deserialize)]
struct Case {
    kind: String,
    parameters: Map<String, Value>,
    operation: Option<String>,
    trigger_inputs: Vec<Shape>,
    auxiliary_inputs: Vec<Shape>,
    output: Shape,
}

/// An array of 32-bit floats.
#[derive(Deserialize)]
struct Shape {
    name: String,
    shape: Vec<u32>,
}

impl Shape {
    fn frame(&self) -> Vec<u8> {
        vec![0; 4 * self.shape.iter().product::<u32>() as usize]
    }

    fn array<'a>(&'a self, frame: &'a [u8]) -> Array<'a> {
        Array {
            alias: &self.name,
            dtype: "float32",
            shape: &self.shape,
            frame,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let case: Case = serde_json::from_str(&line)?;
    let inputs = case.trigger_inputs.iter().chain(&case.auxiliary_inputs);
    let mut frames: Vec<Vec<u8>> = inputs.clone().map(Shape::frame).collect();
    for frame in &mut frames {
        input.read_exact(frame)?;
    }
    let mut arrays = inputs.zip(&frames).map(|(shape, frame)| shape.array(frame));
    let output = case.output.frame();
    let stage = Description {
        trigger_inputs: arrays.by_ref().take(case.trigger_inputs.len()).collect(),
        auxiliary_inputs: arrays.collect(),
        outputs: vec![case.output.array(&output)],
        operation: case.operation.as_deref(),
        parameters: &case.parameters,
    };
    let kernel = native(&case.kind, &stage).ok_or("there is no such kind")?;
    let mut kernel = kernel.map_err(|failure| failure.message)?;
    for calls in input.lines() {
        let calls: u32 = calls?.parse()?;
        let start = Instant::now();
        for _ in 0..calls {
            kernel.compute().map_err(|failure| failure.message)?;
        }
        writeln!(io::stdout(), "{}", start.elapsed().as_nanos())?;
    }
    Ok(())
}
