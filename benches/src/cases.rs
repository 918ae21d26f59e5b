//! Every built-in kernel with frames as large as those it meets.

use crate::{Case, Frame};

/// The cases by name.
pub fn cases() -> Vec<(&'static str, Case)> {
    let same = |kind: &str| Case::new(kind).input(image("x")).output(&[512, 512]);
    let pair = |kind: &str| same(kind).auxiliary(image("y"));
    let reduce = |operation: &str| {
        Case::new("cpu.reduce")
            .input(image("x"))
            .output(&[1])
            .parameter("operation", operation)
    };
    let wfs = Frame::new("x", &[256, 256], |index| (index % 251) as f32);
    vec![
        ("copy 512²", same("cpu.copy")),
        // A number of 32 bits, and one that needs double precision.
        (
            "scale by 2.5 512²",
            same("cpu.scale").parameter("factor", 2.5),
        ),
        (
            "scale by 1.7 512²",
            same("cpu.scale").parameter("factor", 1.7),
        ),
        (
            "add_constant 1.7 512²",
            same("cpu.add_constant").parameter("constant", 1.7),
        ),
        (
            "scale_offset by 1.7 512²",
            pair("cpu.scale_offset").parameter("gain", 1.7),
        ),
        ("elementwise_add 512²", pair("cpu.elementwise_add")),
        (
            "elementwise_subtract 512²",
            pair("cpu.elementwise_subtract"),
        ),
        (
            "elementwise_multiply 512²",
            pair("cpu.elementwise_multiply"),
        ),
        ("elementwise_divide 512²", pair("cpu.elementwise_divide")),
        (
            "flatten 512²",
            Case::new("cpu.flatten")
                .input(image("x"))
                .output(&[512 * 512]),
        ),
        (
            "concatenate 2 × 512²",
            Case::new("cpu.concatenate")
                .input(image("x"))
                .input(image("y"))
                .output(&[1024, 512]),
        ),
        ("reduce sum 512²", reduce("sum")),
        ("reduce max 512²", reduce("max")),
        (
            "convert 512²",
            same("cpu.convert")
                .parameter("gain", 0.25)
                .parameter("offset", -50.0),
        ),
        (
            "affine 1024×2048",
            Case::new("cpu.affine_transform")
                .input(Frame::new("x", &[2048], |index| (index as f32).sin()))
                .auxiliary(Frame::new("matrix", &[1024, 2048], |index| {
                    (index as f32).cos()
                }))
                .auxiliary(Frame::new("offset", &[1024], |index| index as f32))
                .output(&[1024]),
        ),
        (
            "leaky_integrator 1024",
            Case::new("cpu.leaky_integrator")
                .parameter("leak", 0.99)
                .parameter("gain", 0.4)
                .input(Frame::new("x", &[1024], |index| index as f32))
                .output(&[1024]),
        ),
        (
            "shack_hartmann_centroid 256²",
            Case::new("cpu.shack_hartmann_centroid")
                .input(wfs.clone())
                .parameter("tile_size", 8)
                .output(&[32, 32, 2]),
        ),
        (
            "spot_centroid 256²",
            Case::new("cpu.spot_centroid").input(wfs).output(&[2]),
        ),
        (
            "clip(2·x+1, lo, hi) 512²",
            same("cpu.custom_operation")
                .auxiliary(Frame::new("lo", &[1], |_| 3.0))
                .auxiliary(Frame::new("hi", &[1], |_| 400.0))
                .operation("clip(2 * input + 1, lo, hi)"),
        ),
    ]
}

/// A picture's worth of numbers.
fn image(name: &str) -> Frame {
    Frame::new(name, &[512, 512], |index| {
        (index % 1009) as f32 * 0.25 + 1.0
    })
}
