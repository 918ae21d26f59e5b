//! The kernel against results of NumPy.

mod dtypes;
mod integers;
mod naive;

use sandpipe_kernel::{
    Element, Failure,
    testing::{Builder, Stage},
};

use super::CustomOperation;

fn vector<T: Element>(input: &[T]) -> Builder<CustomOperation> {
    Stage::<CustomOperation>::new().trigger_input("x", &[input.len() as u32], input)
}

fn compute<T: Element>(
    builder: Builder<CustomOperation>,
    operation: &str,
    shape: &[u32],
) -> Result<Vec<T>, Failure> {
    let mut stage = builder
        .operation(operation)
        .output::<T>("y", shape)
        .build()?;
    stage.compute()?;
    stage.compute()?;
    Ok(stage.output::<T>(0).to_vec())
}

#[test]
fn precedence_is_pythons() -> Result<(), Failure> {
    let x = || vector(&[7.0f64]);
    for (operation, expected) in [
        ("input - 2 - 1", 4.0),
        ("input - 2 * 3 + 1", 2.0),
        ("(input - 2) * 3", 15.0),
        ("8 / 4 / 2 * input", 7.0),
        ("-input * -2", 14.0),
        ("- - +input", 7.0),
        ("2--input", 9.0),
        ("clip(input, 0, 5,)", 5.0),
        ("min(input, 2e0) + abs(-0x10)", 18.0),
        ("input", 7.0),
        ("+input", 7.0),
    ] {
        assert_eq!(
            compute::<f64>(x(), operation, &[1])?,
            [expected],
            "{operation}"
        );
    }
    Ok(())
}

#[test]
fn integers_saturate_in_their_dtype() -> Result<(), Failure> {
    let bytes = || vector(&[-128i8, -1, 0, 100, 127]);
    let result = |operation| compute::<i8>(bytes(), operation, &[5]);
    assert_eq!(result("input + input")?, [-128, -2, 0, 127, 127]);
    assert_eq!(result("-input")?, [127, 1, 0, -100, -127]);
    assert_eq!(result("abs(input)")?, [127, 1, 0, 100, 127]);
    assert_eq!(result("input * 2 - 100")?, [-128, -102, -100, 27, 27]);
    assert_eq!(result("clip(input, -1000, 50)")?, [-128, -1, 0, 50, 50]);
    assert_eq!(result("max(input, 5)")?, [5, 5, 5, 100, 127]);
    let halves = compute::<f64>(bytes(), "input / 2", &[5])?;
    assert_eq!(halves, [-64.0, -0.5, 0.0, 50.0, 63.5]);

    // An integer has no negative zero.
    let infinite = compute::<f64>(bytes(), "5 / (0 * input) + 1 / -(0 * input)", &[5])?;
    assert_eq!(infinite, [f64::INFINITY; 5]);

    let large = || vector(&[u64::MAX, 1]);
    assert_eq!(
        compute::<u64>(large(), "input - 2", &[2])?,
        [u64::MAX - 2, 0]
    );
    assert_eq!(compute::<u64>(large(), "input * 3", &[2])?, [u64::MAX, 3]);
    assert_eq!(compute::<u64>(large(), "-input", &[2])?, [0, 0]);
    let large = || vector(&[i64::MAX, i64::MIN]);
    assert_eq!(
        compute::<i64>(large(), "input + 1", &[2])?,
        [i64::MAX, i64::MIN + 1]
    );
    // A 64-bit integer survives being repeated.
    let one = large().auxiliary("one", &[1], &[i64::MAX - 1]);
    assert_eq!(
        compute::<i64>(one, "0 * input + one", &[2])?,
        [i64::MAX - 1; 2]
    );
    Ok(())
}

#[test]
fn dtypes_mix_as_numpy_mixes_them() -> Result<(), Failure> {
    let mixed = || vector(&[200u8, 3]).auxiliary("s", &[2], &[-1i8, 1]);
    assert_eq!(compute::<i16>(mixed(), "input * s", &[2])?, [-200, 3]);
    assert_eq!(compute::<f64>(mixed(), "input * 0.5", &[2])?, [100.0, 1.5]);
    let mixed = || vector(&[200u16, 3]).auxiliary("f", &[1], &[0.1f32]);
    assert_eq!(
        compute::<f32>(mixed(), "input * f", &[2])?,
        [200.0 * 0.1f32, 3.0 * 0.1f32]
    );
    let mixed = || vector(&[1u64 << 63]).auxiliary("s", &[1], &[-1i64]);
    assert_eq!(
        compute::<f64>(mixed(), "input + s", &[1])?,
        [9_223_372_036_854_775_807.0]
    );
    Ok(())
}

#[test]
fn matrix_products_take_vectors_matrices_and_expressions() -> Result<(), Failure> {
    let stage = || {
        vector(&[1.0f32, 2.0, 3.0])
            .auxiliary("m", &[2, 3], &[1.0f32, 0.0, 2.0, 0.0, 1.0, -1.0])
            .auxiliary("n", &[3, 2], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])
            .auxiliary("b", &[2], &[10.0f64, 20.0])
    };
    let result = |operation, shape: &[u32]| compute::<f32>(stage(), operation, shape);
    assert_eq!(result("m @ input", &[2])?, [7.0, -1.0]);
    assert_eq!(result("input @ n", &[2])?, [22.0, 28.0]);
    assert_eq!(result("m @ n", &[2, 2])?, [11.0, 14.0, -2.0, -2.0]);
    assert_eq!(result("m @ (2 * input + 1) * 2 - 1", &[2])?, [33.0, -5.0]);
    assert_eq!(result("input * (input @ input)", &[3])?, [14.0, 28.0, 42.0]);
    assert_eq!(result("m @ n @ (m @ input)", &[2])?, [63.0, -12.0]);
    assert_eq!(result("n @ m @ input - input", &[3])?, [4.0, 15.0, 26.0]);
    // The vector becomes float64 on the way, and then the product of float32 does.
    let wide = |operation, shape: &[u32]| compute::<f64>(stage(), operation, shape);
    assert_eq!(wide("b @ m", &[3])?, [10.0, 20.0, 0.0]);
    assert_eq!(wide("b + m @ input", &[2])?, [17.0, 19.0]);
    assert_eq!(wide("b * (input @ input)", &[2])?, [140.0, 280.0]);

    let bytes = vector(&[100i8, 100]).auxiliary("m", &[2, 2], &[1i8, -1, 1, 1]);
    assert_eq!(compute::<i8>(bytes, "m @ input + 1", &[2])?, [1, 127]);
    Ok(())
}

#[test]
fn clip_treats_nan_as_numpy_does() -> Result<(), Failure> {
    let x = || vector(&[0.5f64, f64::NAN, 3.0]).auxiliary("n", &[1], &[f64::NAN]);
    let result = |operation| compute::<f64>(x(), operation, &[3]);
    let found = result("clip(input, 1, 2)")?;
    assert!(found[0] == 1.0 && found[1].is_nan() && found[2] == 2.0);
    // The lower bound above the upper one: the upper one wins.
    let found = result("clip(input, 2, 1)")?;
    assert!(found[0] == 1.0 && found[1].is_nan() && found[2] == 1.0);
    for operation in [
        "clip(input, n, 2)",
        "clip(input, 1, n)",
        "max(n, input)",
        "min(input, 1e999 - 1e999)",
    ] {
        assert!(result(operation)?.iter().all(|x| x.is_nan()), "{operation}");
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let message = |operation: &str| {
        let stage = vector(&[1.0f32, 2.0, 3.0])
            .auxiliary("dark", &[2], &[0.0f32; 2])
            .operation(operation)
            .output::<f32>("y", &[3]);
        let message = stage.validate().err().map(|failure| failure.message);
        message.map(|message| message.replace("kernel 'test' of kind 'cpu.custom_operation': ", ""))
    };
    for (operation, expected) in [
        (
            "input - drak",
            "operation, character 9: unknown name 'drak'; allowed names are: input, dark",
        ),
        (
            "input - dark",
            "operation, character 7: shapes [3] and [2] cannot be broadcast together",
        ),
        (
            "dark",
            "operation result shape [2] does not match the shape [3] of output 'y'",
        ),
        (
            "1 + 2",
            "operation result shape [] does not match the shape [3] of output 'y'",
        ),
        (
            "input +",
            "operation, character 8: expected a number, a name or '(', found the end",
        ),
        (
            "(input",
            "operation, character 7: expected ')', found the end",
        ),
        (
            "input input",
            "operation, character 7: expected an operator or the end, found 'input'",
        ),
        (
            "abs(input, 1)",
            "operation, character 1: the function 'abs' takes 1 argument, got 2",
        ),
        (
            "exp(input)",
            "operation, character 1: unknown function 'exp'; allowed functions are: abs, clip, max, maximum, min, minimum",
        ),
        (
            "input ** 2",
            "operation, character 7: the operator '**' is not supported",
        ),
        (
            "input % 2",
            "operation, character 7: unexpected character '%'",
        ),
        (
            "input @ 2",
            "operation, character 7: an operand of '@' must be a vector or a matrix, not a number",
        ),
        (
            "1j * input",
            "operation, character 1: '1j' is not a real number",
        ),
    ] {
        assert_eq!(message(operation).as_deref(), Some(expected));
    }
    assert_eq!(message("input * 2"), None);
}

#[test]
fn an_operation_may_have_lines_and_comments() -> Result<(), Failure> {
    for operation in [
        "input\n\t* 2 # doubled",
        "# doubled\r\n2 * input#",
        "input * 2 # a\n# b",
    ] {
        let stage = vector(&[1.0f32, 2.0]).operation(operation);
        let mut stage = stage.output::<f32>("y", &[2]).build()?;
        stage.compute()?;
        assert_eq!(stage.output::<f32>(0), [2.0, 4.0]);
    }
    Ok(())
}

#[test]
fn a_number_between_limits_is_wide_as_in_numpy() {
    let accepts = |operation: &str, double: bool| {
        let stage = vector(&[1.0f32, 2.0]).operation(operation);
        let stage = match double {
            true => stage.output::<f64>("y", &[2]),
            false => stage.output::<f32>("y", &[2]),
        };
        stage.validate().is_ok()
    };
    for (operation, double) in [
        ("clip(1, input, 2)", true),
        ("clip(0.5, 0.1, input)", true),
        ("clip(input, 0.1, 2)", false),
        ("max(0.1, input)", false),
    ] {
        assert!(accepts(operation, double), "{operation}");
        assert!(!accepts(operation, !double), "{operation}");
    }
}

#[test]
fn excess_is_refused() {
    let refused = |operation: String| {
        let stage = vector(&[1.0f32])
            .operation(&operation)
            .output::<f32>("y", &[1]);
        stage.validate().is_err()
    };
    let nested = |depth| format!("{}input{}", "(".repeat(depth), ")".repeat(depth));
    assert!(!refused(nested(64)));
    assert!(refused(nested(65)));
    assert!(refused(nested(5000)));
    assert!(refused("abs(".repeat(3000)));
    assert!(!refused(format!("{}input", "-".repeat(900))));
    assert!(refused(format!("{}input", "-".repeat(15_000))));
    assert!(!refused(format!("input{}", "+1".repeat(400))));
    assert!(refused(format!("input{}", "+1".repeat(4000))));
    assert!(refused(" ".repeat(20_000) + "input"));
    let wide = vector(&[1.0f32])
        .operation("(0*a) @ b")
        .output::<f32>("y", &[1]);
    assert!(wide.validate().is_err());
}

#[test]
fn names_have_one_meaning() {
    let stage = vector(&[1.0f32])
        .operation("input")
        .auxiliary_as("input", "b", &[1], &[1.0f32])
        .output::<f32>("y", &[1]);
    assert!(stage.validate().is_err());
    let stage = vector(&[1.0f32]).output::<f32>("y", &[1]);
    let message = stage
        .validate()
        .err()
        .map(|failure| failure.message)
        .unwrap_or_default();
    assert!(message.ends_with("requires an 'operation'"));
}
