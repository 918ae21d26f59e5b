//! What a process of its own costs: one call, and opening an instance, on a thread and in a process, in one run.

#![allow(clippy::unwrap_used, reason = "a bench that cannot run has to say so")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use sandpipe::sandbox::Isolation;
use sandpipe_benches::{Case, Frame, engine_with_children};

const BOTH: [Isolation; 2] = [Isolation::Thread, Isolation::Process];

/// A kernel of next to no work, and one of about 0.2 ms.
fn cases() -> [(&'static str, Case); 2] {
    let ramp = |index: usize| index as f32 * 1e-3;
    let copy = Case::new("cpu.copy")
        .input(Frame::new("x", &[16], ramp))
        .output(&[16]);
    let affine = Case::new("cpu.affine_transform")
        .input(Frame::new("x", &[2048], ramp))
        .auxiliary(Frame::new("matrix", &[1024, 2048], ramp))
        .auxiliary(Frame::new("offset", &[1024], ramp))
        .output(&[1024]);
    [("copy of 64 bytes", copy), ("affine 1024×2048", affine)]
}

fn call(criterion: &mut Criterion) {
    let engine = engine_with_children();
    for (name, case) in cases() {
        let mut group = criterion.benchmark_group(format!("call/{name}"));
        for isolation in BOTH {
            let mut solo = case.load(&engine, isolation).open();
            group.bench_function(isolation.name(), |bencher| {
                bencher.iter(|| solo.compute(black_box(1)).unwrap())
            });
        }
        group.finish();
    }
}

fn open(criterion: &mut Criterion) {
    let engine = engine_with_children();
    let [(name, case), _] = cases();
    let mut group = criterion.benchmark_group(format!("open/{name}"));
    for isolation in BOTH {
        let loaded = case.load(&engine, isolation);
        group.bench_function(isolation.name(), |bencher| bencher.iter(|| loaded.open()));
    }
    group.finish();
}

criterion_group!(benches, call, open);

/// This program is its own helper, so its `main` looks first whether it was started as a child.
fn main() {
    sandpipe::sandbox::enter();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
