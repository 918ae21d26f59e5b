//! bool, float16 and complex numbers, with what NumPy says of them.

use sandpipe_kernel::{Bool, Element, Failure, f16, testing::Builder};

use super::{CustomOperation, compute, vector};

type C64 = [f32; 2];

const NAN: f32 = f32::NAN;

/// Compares the results of operations, as text, since a part of a number may be NaN.
fn expect<T: Element, const N: usize>(
    builder: impl Fn() -> Builder<CustomOperation>,
    expected: &[(&str, [T; N])],
) -> Result<(), Failure> {
    for (operation, expected) in expected {
        let found = compute::<T>(builder(), operation, &[N as u32])?;
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{operation}");
    }
    Ok(())
}

fn refusal<T: Element>(builder: Builder<CustomOperation>, operation: &str) -> String {
    let failure = builder.operation(operation).output::<T>("y", &[2]);
    let failure = failure.validate().err().map(|failure| failure.message);
    failure.unwrap_or_else(|| "accepted".into())
}

fn bools<const N: usize>(values: [u8; N]) -> [Bool; N] {
    values.map(|value| Bool::from(value != 0))
}

fn halves<const N: usize>(values: [f32; N]) -> [f16; N] {
    values.map(f16::from_f32)
}

fn masks() -> Builder<CustomOperation> {
    vector(&bools([0, 0, 1, 1]))
        .auxiliary("b", &[4], &bools([0, 1, 0, 1]))
        .auxiliary("image", &[4], &[1.5f32, 2.5, 3.5, NAN])
        .auxiliary("bytes", &[4], &[200u8, 201, 202, 203])
        .auxiliary(
            "m",
            &[4, 4],
            &bools([0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]),
        )
}

#[test]
fn bool_computes_with_or_and_and() -> Result<(), Failure> {
    expect(
        masks,
        &[
            ("input + b", bools([0, 1, 1, 1])),
            ("input * b", bools([0, 0, 0, 1])),
            ("+abs(input)", bools([0, 0, 1, 1])),
            ("min(input, b) + max(input, b)", bools([0, 1, 1, 1])),
            ("clip(input, b, b)", bools([0, 1, 0, 1])),
            ("m @ input", bools([1, 0, 1, 1])),
            ("m @ m @ input * b", bools([0, 1, 0, 1])),
        ],
    )
}

#[test]
fn bool_becomes_what_it_meets() -> Result<(), Failure> {
    expect(
        masks,
        &[
            ("input * image", [0.0f32, 0.0, 3.5, NAN]),
            ("(m @ input) * image", [1.5, 0.0, 3.5, NAN]),
        ],
    )?;
    expect(masks, &[("bytes * input", [0u8, 0, 202, 203])])?;
    expect(
        masks,
        &[
            ("2 * input - b", [0i64, -1, 2, 1]),
            ("max(input, 1)", [1, 1, 1, 1]),
            ("clip(input, 0, 7) + input", [0, 0, 2, 2]),
        ],
    )?;
    expect(
        masks,
        &[
            ("input * 0.5", [0.0f64, 0.0, 0.5, 0.5]),
            ("b / input", [f64::NAN, f64::INFINITY, 0.0, 1.0]),
            ("clip(input, 0, 0.5)", [0.0, 0.0, 0.5, 0.5]),
        ],
    )
}

#[test]
fn bool_has_no_minus() {
    for (operation, reason) in [
        ("input - b", "character 7: bool cannot be subtracted"),
        ("-input", "character 1: bool cannot be negated"),
        ("1 - -(input * b)", "character 5: bool cannot be negated"),
    ] {
        let refused = refusal::<Bool>(masks(), operation);
        assert!(refused.contains(reason), "{operation}: {refused}");
    }
}

#[test]
fn halves_are_rounded_after_each_operation() -> Result<(), Failure> {
    let half = || {
        vector(&halves([2048.0, -0.1]))
            .auxiliary("one", &[1], &halves([1.0]))
            .auxiliary("nan", &[1], &[f16::NAN])
            .auxiliary("byte", &[2], &[3i8, 4])
            .auxiliary("short", &[2], &[2000i16, 1])
            .auxiliary("wide", &[2], &[1i32, 2])
            .auxiliary("m", &[2, 2], &halves([1.0, 10.0, 0.0, 1.0]))
    };
    expect(
        half,
        &[
            ("input + one + one", halves([2048.0, 1.900_390_6])),
            ("input + (one + one)", halves([2050.0, 1.900_390_6])),
            ("-abs(input)", halves([-2048.0, -0.1])),
            ("input * 70000", [f16::INFINITY, f16::NEG_INFINITY]),
            ("clip(input, -0.05, 5)", halves([5.0, -0.05])),
            ("max(input, nan)", [f16::NAN; 2]),
            ("byte / one", halves([3.0, 4.0])),
            ("m @ input", halves([2047.0, -0.1])),
        ],
    )?;
    expect(half, &[("input + short", [4048.0f32, 0.900_024_4])])?;
    expect(half, &[("input + wide", [2049.0f64, 1.900_024_414_062_5])])?;
    expect(half, &[("clip(1, input, one)", [1.0f64, 1.0])])
}

#[test]
fn complex_numbers_are_computed_as_numpy_does() -> Result<(), Failure> {
    let complex = || {
        vector(&[[3.0f32, -4.0], [0.0, 2.0]])
            .auxiliary("b", &[2], &[[1.0f32, 1.0], [-1.0, 0.0]])
            .auxiliary("real", &[2], &[2.0f32, 0.5])
            .auxiliary("half", &[1], &halves([0.5]))
            .auxiliary("mask", &[2], &bools([0, 1]))
            .auxiliary("double", &[1], &[0.25f64])
            .auxiliary(
                "m",
                &[2, 2],
                &[[1.0f32, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 0.0]],
            )
    };
    expect::<C64, 2>(
        complex,
        &[
            ("input + b", [[4.0, -3.0], [-1.0, 2.0]]),
            ("b - 1", [[0.0, 1.0], [-2.0, 0.0]]),
            ("input * b", [[7.0, -1.0], [-0.0, -2.0]]),
            ("1 + input / b", [[0.5, -3.5], [1.0, -2.0]]),
            ("+-input", [[-3.0, 4.0], [-0.0, -2.0]]),
            ("input * real", [[6.0, -8.0], [0.0, 1.0]]),
            ("input * half", [[1.5, -2.0], [0.0, 1.0]]),
            ("input * mask", [[0.0, 0.0], [0.0, 2.0]]),
            ("abs(input) * b", [[5.0, 5.0], [-2.0, 0.0]]),
            ("min(input, b)", [[1.0, 1.0], [-1.0, 0.0]]),
            ("max(b, 0)", [[1.0, 1.0], [0.0, 0.0]]),
            ("clip(input, b, 2)", [[2.0, 0.0], [0.0, 2.0]]),
            ("m @ input", [[1.0, -4.0], [6.0, -8.0]]),
        ],
    )?;
    expect(
        complex,
        &[
            ("abs(input)", [5.0f32, 2.0]),
            ("abs(input) + abs(b) * abs(b)", [7.0, 3.0]),
            ("max(2 * abs(input), 5)", [10.0, 5.0]),
            ("abs(m @ input)", [17f32.sqrt(), 10.0]),
        ],
    )?;
    let wide = [("input + double", [[3.25f64, -4.0], [0.25, 2.0]])];
    expect(complex, &wide)?;
    expect(
        complex,
        &[("clip(1, input, input)", [[3.0f64, -4.0], [0.0, 2.0]])],
    )
}

#[test]
fn a_nan_in_either_part_is_the_lesser_and_the_greater_one() -> Result<(), Failure> {
    let complex = || {
        vector(&[[1.0, NAN], [9.0, 1.0], [NAN, 0.0], [2.0, 5.0]]).auxiliary(
            "b",
            &[4],
            &[[2.0, 0.0], [-9.0, NAN], [3.0, NAN], [2.0, 4.0]],
        )
    };
    expect::<C64, 4>(
        complex,
        &[
            (
                "min(input, b)",
                [[1.0, NAN], [-9.0, NAN], [NAN, 0.0], [2.0, 4.0]],
            ),
            (
                "max(input, b)",
                [[1.0, NAN], [-9.0, NAN], [NAN, 0.0], [2.0, 5.0]],
            ),
            (
                "max(b, input)",
                [[1.0, NAN], [-9.0, NAN], [3.0, NAN], [2.0, 5.0]],
            ),
        ],
    )
}

#[test]
fn the_result_has_the_dtype_of_the_output() {
    let complex = || vector(&[[3.0f32, -4.0], [0.0, 2.0]]);
    let refused = refusal::<C64>(complex(), "abs(input)");
    assert!(refused.contains("result dtype float32 does not match the dtype complex64"));
    let refused = refusal::<f32>(complex(), "input");
    assert!(refused.contains("result dtype complex64 does not match the dtype float32"));
    assert_eq!(refusal::<f32>(complex(), "2 * abs(input)"), "accepted");
}
