//! Every built-in kernel, sandboxed and as the same Rust built natively, on the same frames. `ratios.py` prints the
//! ratios of the last run.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sandpipe_benches::{Case, cases, engine};
use sandpipe_kernel::Kernel;

fn compare<K: Kernel>(criterion: &mut Criterion, name: &str, case: &Case) {
    let engine = engine();
    let mut group = criterion.benchmark_group("kernel");
    let mut wasm = case.wasm(&engine);
    group.bench_function(BenchmarkId::new(name, "wasm"), |bencher| {
        bencher.iter(|| wasm.compute(1))
    });
    let mut native = case.native::<K>();
    group.bench_function(BenchmarkId::new(name, "native"), |bencher| {
        bencher.iter(|| native.compute())
    });
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    for (name, case) in cases() {
        let compare = match case.kind() {
            "cpu.copy" => compare::<sandpipe_kernel_copy::Copy>,
            "cpu.scale" => compare::<sandpipe_kernel_scale::Scale>,
            "cpu.add_constant" => compare::<sandpipe_kernel_add_constant::AddConstant>,
            "cpu.scale_offset" => compare::<sandpipe_kernel_scale_offset::ScaleOffset>,
            "cpu.elementwise_add" => compare::<sandpipe_kernel_elementwise_add::ElementwiseAdd>,
            "cpu.elementwise_subtract" => {
                compare::<sandpipe_kernel_elementwise_subtract::ElementwiseSubtract>
            }
            "cpu.elementwise_multiply" => {
                compare::<sandpipe_kernel_elementwise_multiply::ElementwiseMultiply>
            }
            "cpu.elementwise_divide" => {
                compare::<sandpipe_kernel_elementwise_divide::ElementwiseDivide>
            }
            "cpu.flatten" => compare::<sandpipe_kernel_flatten::Flatten>,
            "cpu.concatenate" => compare::<sandpipe_kernel_concatenate::Concatenate>,
            "cpu.reduce" => compare::<sandpipe_kernel_reduce::Reduce>,
            "cpu.convert" => compare::<sandpipe_kernel_convert::Convert>,
            "cpu.affine_transform" => compare::<sandpipe_kernel_affine_transform::AffineTransform>,
            "cpu.leaky_integrator" => compare::<sandpipe_kernel_leaky_integrator::LeakyIntegrator>,
            "cpu.shack_hartmann_centroid" => {
                compare::<sandpipe_kernel_shack_hartmann_centroid::ShackHartmannCentroid>
            }
            "cpu.spot_centroid" => compare::<sandpipe_kernel_spot_centroid::SpotCentroid>,
            "cpu.custom_operation" => compare::<sandpipe_kernel_custom_operation::CustomOperation>,
            kind => unreachable!("no native build of {kind}"),
        };
        compare(criterion, name, &case);
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
