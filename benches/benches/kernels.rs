//! Every built-in kernel, sandboxed and as the same Rust built natively, on the same frames. `ratios.py` prints the
//! ratios of the last run.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sandpipe_benches::{cases, engine};

fn kernels(criterion: &mut Criterion) {
    let engine = engine();
    for (name, case) in cases() {
        let mut group = criterion.benchmark_group("kernel");
        let mut wasm = case.wasm(&engine);
        group.bench_function(BenchmarkId::new(name, "wasm"), |bencher| {
            bencher.iter(|| wasm.compute(1))
        });
        let mut native = case.native();
        group.bench_function(BenchmarkId::new(name, "native"), |bencher| {
            bencher.iter(|| native.compute())
        });
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
