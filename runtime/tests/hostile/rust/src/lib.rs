//! A kernel that adds 1, but for every third frame, on which it misbehaves as its parameter `attack` says.

#![allow(
    unsafe_code,
    clippy::panic,
    unconditional_recursion,
    reason = "this is what it is for"
)]

use std::hint::black_box;
use std::ptr;

use sandpipe_kernel::{Context, Failure, Inputs, Kernel, View, ViewMut, export};
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct Hostile {
    attack: Attack,
    calls: u32,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    attack: Attack,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Attack {
    Panic,
    Recursion,
    Spin,
    Allocate,
    WriteInput,
    FillInput,
    WildPointer,
    NullPointer,
    LongFailure,
}

impl Kernel for Hostile {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "test.hostile",
        "version": "0.1.0",
        "summary": "Misbehaves on every third frame.",
        "dtypes": ["u32"],
        "parameters": {
            "type": "object",
            "properties": { "attack": { "type": "string" } },
            "required": ["attack"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.parameters::<Parameters>().map(drop)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let Parameters { attack } = context.parameters()?;
        Ok(Hostile { attack, calls: 0 })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let input = input.slice::<u32>()?;
        self.calls += 1;
        // The frame's number: a fresh instance goes on where the one before it ended.
        if input[0].is_multiple_of(3) {
            self.attack(input)?;
        }
        for (to, from) in output.slice()?.iter_mut().zip(input) {
            *to = from + 1;
        }
        Ok(())
    }
}

impl Hostile {
    fn attack(&self, input: &[u32]) -> Result<(), Failure> {
        let start = black_box(input.as_ptr().cast_mut());
        match self.attack {
            Attack::Panic => panic!("call {}", self.calls),
            Attack::Recursion => drop(black_box(down(1))),
            Attack::Spin => while black_box(true) {},
            Attack::Allocate => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1u8; 1 << 20]);
                    black_box(&taken);
                }
            }
            // SAFETY: none; that the host stops it is what is tested.
            Attack::WriteInput => unsafe { start.write_volatile(0) },
            // SAFETY: as above.
            Attack::FillInput => unsafe { start.write_bytes(7, input.len()) },
            // SAFETY: as above.
            Attack::WildPointer => unsafe {
                let wild = ptr::without_provenance_mut::<u32>(black_box(0xffff_fff0));
                wild.write_volatile(0);
            },
            // SAFETY: as above. Address 0 is an address like any other in WebAssembly.
            Attack::NullPointer => unsafe {
                let null = ptr::without_provenance_mut::<u32>(black_box(0));
                null.write_volatile(0);
            },
            Attack::LongFailure => return Err(Failure::failed("no ".repeat(1_000_000))),
        }
        Ok(())
    }
}

fn down(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    down(black_box(depth + 1)) + frame[7]
}

export!(Hostile);
