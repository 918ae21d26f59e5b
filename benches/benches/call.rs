//! One sandboxed call end to end: frame table, deadline, call, fault check, timing, state. The kernel copies 64 bytes, so
//! that nearly all of the time is the sandbox's.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sandpipe_benches::{Case, Frame, engine};

fn call(criterion: &mut Criterion) {
    let engine = engine();
    let frame = Frame::new("x", &[16], |index| index as f32);
    let mut copy = Case::new("cpu.copy")
        .input(frame.clone())
        .output(&[16])
        .wasm(&engine);
    criterion.bench_function("call/cpu.copy of 64 bytes", |bencher| {
        bencher.iter(|| copy.compute(black_box(1)))
    });
    let integrator = Case::new("cpu.leaky_integrator")
        .parameter("leak", 0.9)
        .parameter("gain", 0.1);
    let mut integrator = integrator.input(frame).output(&[16]).wasm(&engine);
    criterion.bench_function(
        "call/cpu.leaky_integrator of 64 bytes, with state",
        |bencher| {
            bencher.iter(|| integrator.compute(black_box(1)));
        },
    );
}

fn open(criterion: &mut Criterion) {
    let engine = engine();
    let case = Case::new("cpu.copy")
        .input(Frame::new("x", &[16], |_| 0.0))
        .output(&[16]);
    criterion.bench_function("open/instance with two windows", |bencher| {
        bencher.iter(|| case.wasm(&engine))
    });
}

criterion_group!(benches, call, open);
criterion_main!(benches);
