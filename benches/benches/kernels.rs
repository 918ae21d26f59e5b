//! Every built-in kernel, sandboxed and as the same Rust built natively, on the same frames. `ratios.py` prints the
//! ratios of the last run.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sandpipe_benches::{Case, Frame, engine};
use sandpipe_kernel::Kernel;

/// A picture's worth of numbers.
fn image(name: &str) -> Frame {
    Frame::new(name, &[512, 512], |index| {
        (index % 1009) as f32 * 0.25 + 1.0
    })
}

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
    let same = |kind: &str| Case::new(kind).input(image("x")).output(&[512, 512]);
    let pair = |kind: &str| same(kind).auxiliary(image("y"));
    let c = criterion;
    compare::<sandpipe_kernel_copy::Copy>(c, "copy 512²", &same("cpu.copy"));
    compare::<sandpipe_kernel_scale::Scale>(
        c,
        "scale 512²",
        &same("cpu.scale").parameter("factor", 1.7),
    );
    compare::<sandpipe_kernel_add_constant::AddConstant>(
        c,
        "add_constant 512²",
        &same("cpu.add_constant").parameter("constant", 1.7),
    );
    compare::<sandpipe_kernel_scale_offset::ScaleOffset>(
        c,
        "scale_offset 512²",
        &pair("cpu.scale_offset").parameter("gain", 1.7),
    );
    compare::<sandpipe_kernel_elementwise_add::ElementwiseAdd>(
        c,
        "elementwise_add 512²",
        &pair("cpu.elementwise_add"),
    );
    compare::<sandpipe_kernel_elementwise_subtract::ElementwiseSubtract>(
        c,
        "elementwise_subtract 512²",
        &pair("cpu.elementwise_subtract"),
    );
    compare::<sandpipe_kernel_elementwise_multiply::ElementwiseMultiply>(
        c,
        "elementwise_multiply 512²",
        &pair("cpu.elementwise_multiply"),
    );
    compare::<sandpipe_kernel_elementwise_divide::ElementwiseDivide>(
        c,
        "elementwise_divide 512²",
        &pair("cpu.elementwise_divide"),
    );
    let flat = Case::new("cpu.flatten")
        .input(image("x"))
        .output(&[512 * 512]);
    compare::<sandpipe_kernel_flatten::Flatten>(c, "flatten 512²", &flat);
    let both = Case::new("cpu.concatenate")
        .input(image("x"))
        .input(image("y"))
        .output(&[1024, 512]);
    compare::<sandpipe_kernel_concatenate::Concatenate>(c, "concatenate 2 × 512²", &both);
    for operation in ["sum", "max"] {
        let reduce = Case::new("cpu.reduce")
            .input(image("x"))
            .output(&[1])
            .parameter("operation", operation);
        compare::<sandpipe_kernel_reduce::Reduce>(c, &format!("reduce {operation} 512²"), &reduce);
    }
    let convert = same("cpu.convert")
        .parameter("gain", 0.25)
        .parameter("offset", -50.0);
    compare::<sandpipe_kernel_convert::Convert>(c, "convert 512²", &convert);
    let affine = Case::new("cpu.affine_transform")
        .input(Frame::new("x", &[2048], |index| (index as f32).sin()))
        .auxiliary(Frame::new("matrix", &[1024, 2048], |index| {
            (index as f32).cos()
        }))
        .auxiliary(Frame::new("offset", &[1024], |index| index as f32))
        .output(&[1024]);
    compare::<sandpipe_kernel_affine_transform::AffineTransform>(c, "affine 1024×2048", &affine);
    let leaky = Case::new("cpu.leaky_integrator")
        .parameter("leak", 0.99)
        .parameter("gain", 0.4);
    let leaky = leaky
        .input(Frame::new("x", &[1024], |index| index as f32))
        .output(&[1024]);
    compare::<sandpipe_kernel_leaky_integrator::LeakyIntegrator>(
        c,
        "leaky_integrator 1024",
        &leaky,
    );
    let wfs = Frame::new("x", &[256, 256], |index| (index % 251) as f32);
    let centroid = Case::new("cpu.shack_hartmann_centroid")
        .input(wfs.clone())
        .parameter("tile_size", 8)
        .output(&[32, 32, 2]);
    compare::<sandpipe_kernel_shack_hartmann_centroid::ShackHartmannCentroid>(
        c,
        "shack_hartmann_centroid 256²",
        &centroid,
    );
    let spot = Case::new("cpu.spot_centroid").input(wfs).output(&[2]);
    compare::<sandpipe_kernel_spot_centroid::SpotCentroid>(c, "spot_centroid 256²", &spot);
    let clip = same("cpu.custom_operation")
        .auxiliary(Frame::new("lo", &[1], |_| 3.0))
        .auxiliary(Frame::new("hi", &[1], |_| 400.0))
        .operation("clip(2 * input + 1, lo, hi)");
    compare::<sandpipe_kernel_custom_operation::CustomOperation>(
        c,
        "clip(2·x+1, lo, hi) 512²",
        &clip,
    );
}

criterion_group!(benches, kernels);
criterion_main!(benches);
