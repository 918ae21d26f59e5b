//! A matrix product of 1024×2048 32-bit floats as a stage of one instance and of several, each on a lane of its own: the
//! time from one frame to the next of a pipeline that runs flat out. Says something only where as many processors are free.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that cannot run has to say so"
)]

use std::fs;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sandpipe::pipeline::{Plan, Run, RunHandle, RunOptions};
use sandpipe::sandbox::Engine;
use sandpipe_benches::engine;

/// The time that so many frames take.
fn run(engine: &Engine, instances: u32, frames: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.yaml");
    let normal = "initial: {pattern: normal, seed: 1, mean: 0, std: 1}";
    let text = format!(
        "
namespace: sandpipe-bench.{}
shared_memory:
  - {{name: x, shape: [2048], dtype: float32}}
  - {{name: matrix, shape: [1024, 2048], dtype: float32, {normal}}}
  - {{name: offset, shape: [1024], dtype: float32, {normal}}}
  - {{name: y, shape: [1024], dtype: float32, mirror: false}}
sources:
  - {{name: source, kind: synthetic.array, stream: x, parameters: {{pattern: constant}}}}
kernels:
  - {{name: affine, kind: cpu.affine_transform, input: x, auxiliary: [matrix, offset], output: y, delivery: every, instances: {instances}}}
",
        std::process::id()
    );
    fs::write(&file, text).unwrap();
    let plan = Plan::new(engine, &file).unwrap();
    let options = RunOptions {
        frames: Some(frames),
        ..RunOptions::default()
    };
    let mut run = Run::start(&plan, options, RunHandle::new()).unwrap();
    while !run.wait(Duration::from_secs(60)) {}
    Duration::from_secs_f64(run.finish().elapsed_s)
}

fn wide(criterion: &mut Criterion) {
    let engine = engine();
    let mut group = criterion.benchmark_group("affine 1024×2048");
    group.measurement_time(Duration::from_secs(3));
    for instances in [1, 2] {
        group.bench_function(format!("instances {instances}"), |bencher| {
            bencher.iter_custom(|frames| run(&engine, instances, frames));
        });
    }
    group.finish();
}

criterion_group!(benches, wide);
criterion_main!(benches);
