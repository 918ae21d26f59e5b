//! The kernel against a naive evaluator, and against results of NumPy.

mod dtypes;
mod integers;

use proptest::prelude::*;
use sandpipe_kernel::{
    Element, Failure,
    testing::{Builder, Stage},
};

use super::CustomOperation;

/// More than one block, and no multiple of anything.
const SHAPE: [u32; 2] = [11, 401];
const ROWS: usize = SHAPE[0] as usize;
const COLUMNS: usize = SHAPE[1] as usize;

#[derive(Clone, Debug)]
enum Tree {
    Input,
    /// float32: 0 row vector, 1 one value, 2 column. float64: 3 full shape.
    Auxiliary(usize),
    Number(&'static str),
    Negative(Box<Tree>),
    Absolute(Box<Tree>),
    Binary(&'static str, Box<(Tree, Tree)>),
    Extreme(&'static str, Box<(Tree, Tree)>),
    Clip(Box<(Tree, Tree, Tree)>),
}

const NAMES: [&str; 4] = ["row", "one", "column", "wide"];

impl Tree {
    fn text(&self) -> String {
        match self {
            Tree::Input => "input".into(),
            Tree::Auxiliary(index) => NAMES[*index].into(),
            Tree::Number(text) => (*text).into(),
            Tree::Negative(x) => format!("-({})", x.text()),
            Tree::Absolute(x) => format!("abs({})", x.text()),
            Tree::Binary(sign, xy) => format!("({} {sign} {})", xy.0.text(), xy.1.text()),
            Tree::Extreme(name, xy) => format!("{name}({}, {})", xy.0.text(), xy.1.text()),
            Tree::Clip(xyz) => {
                format!("clip({}, {}, {})", xyz.0.text(), xyz.1.text(), xyz.2.text())
            }
        }
    }
}

/// One element, with its dtype; `Number` takes that of the other operand.
#[derive(Clone, Copy, Debug)]
enum Value {
    Number(f64),
    F32(f32),
    F64(f64),
}

impl Value {
    fn wide(self) -> f64 {
        match self {
            Value::Number(x) | Value::F64(x) => x,
            Value::F32(x) => x.into(),
        }
    }

    fn map(self, narrow: impl Fn(f32) -> f32, wide: impl Fn(f64) -> f64) -> Value {
        match self {
            Value::Number(x) => Value::Number(wide(x)),
            Value::F32(x) => Value::F32(narrow(x)),
            Value::F64(x) => Value::F64(wide(x)),
        }
    }

    fn zip(
        self,
        other: Value,
        narrow: impl Fn(f32, f32) -> f32,
        wide: impl Fn(f64, f64) -> f64,
    ) -> Value {
        use Value::{F32, F64, Number};
        let (x, y) = (self.wide(), other.wide());
        match (self, other) {
            (Number(_), Number(_)) => Number(wide(x, y)),
            (F64(_), _) | (_, F64(_)) => F64(wide(x, y)),
            _ => F32(narrow(x as f32, y as f32)),
        }
    }
}

struct Data {
    input: Vec<f32>,
    row: Vec<f32>,
    one: f32,
    column: Vec<f32>,
    wide: Vec<f64>,
}

fn evaluate(tree: &Tree, data: &Data, row: usize, column: usize) -> Value {
    let operand = |tree: &Tree| evaluate(tree, data, row, column);
    macro_rules! extreme {
        ($x:expr, $y:expr, $less:tt) => {
            $x.zip(
                $y,
                |x, y| if x.is_nan() || y.is_nan() { f32::NAN } else if y $less x { y } else { x },
                |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else if y $less x { y } else { x },
            )
        };
    }
    match tree {
        Tree::Input => Value::F32(data.input[row * COLUMNS + column]),
        Tree::Auxiliary(0) => Value::F32(data.row[column]),
        Tree::Auxiliary(1) => Value::F32(data.one),
        Tree::Auxiliary(2) => Value::F32(data.column[row]),
        Tree::Auxiliary(_) => Value::F64(data.wide[row * COLUMNS + column]),
        Tree::Number(text) => Value::Number(text.parse().unwrap_or(f64::NAN)),
        Tree::Negative(x) => operand(x).map(|x| -x, |x| -x),
        Tree::Absolute(x) => operand(x).map(f32::abs, f64::abs),
        Tree::Binary(sign, xy) => {
            let (x, y) = (operand(&xy.0), operand(&xy.1));
            match *sign {
                "+" => x.zip(y, |x, y| x + y, |x, y| x + y),
                "-" => x.zip(y, |x, y| x - y, |x, y| x - y),
                "*" => x.zip(y, |x, y| x * y, |x, y| x * y),
                _ => x.zip(y, |x, y| x / y, |x, y| x / y),
            }
        }
        Tree::Extreme(name, xy) => {
            let (x, y) = (operand(&xy.0), operand(&xy.1));
            if name.starts_with("min") {
                extreme!(x, y, <)
            } else {
                extreme!(x, y, >)
            }
        }
        Tree::Clip(xyz) => {
            let (x, low, high) = (operand(&xyz.0), operand(&xyz.1), operand(&xyz.2));
            // All three decide on the dtype, so the bounds count already when x meets the first.
            let like = low.zip(high, |_, _| 0.0, |_, _| 0.0);
            let x = match (x, like) {
                // A number that is limited by arrays is a double.
                (Value::Number(x), Value::F32(_)) => Value::F64(x),
                _ => x.zip(like, |x, _| x, |x, _| x),
            };
            let x = extreme!(x, low, >);
            extreme!(x, high, <)
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Input),
        (0..4usize).prop_map(Tree::Auxiliary),
        prop::sample::select(vec![
            "0.0", "1.0", "3.0", "0.1", "2.5", "1e-3", "1e39", "1e400"
        ])
        .prop_map(Tree::Number),
    ];
    leaf.prop_recursive(6, 48, 3, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(Box::new);
        let signs = prop::sample::select(vec!["+", "-", "*", "/"]);
        let names = prop::sample::select(vec!["min", "max", "minimum", "maximum"]);
        prop_oneof![
            inner.clone().prop_map(|x| Tree::Negative(Box::new(x))),
            inner.clone().prop_map(|x| Tree::Absolute(Box::new(x))),
            (signs, pair.clone()).prop_map(|(sign, xy)| Tree::Binary(sign, xy)),
            (names, pair).prop_map(|(name, xy)| Tree::Extreme(name, xy)),
            (inner.clone(), inner.clone(), inner).prop_map(|xyz| Tree::Clip(Box::new(xyz))),
        ]
    })
}

/// Numbers of all kinds, the same for the same seed.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let special = [
        0.0,
        -0.0,
        1.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-40,
        f32::MAX,
    ];
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 28 {
                0 => special[(state >> 16) as usize % special.len()],
                _ => (state >> 8) as f32 / (1 << 20) as f32 - 8.0,
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn every_expression_equals_the_naive_evaluation(tree in trees(), seed: u32) {
        // The result has the full shape whatever the tree leaves out.
        let tree = Tree::Binary("-", Box::new((Tree::Input, tree)));
        let data = Data {
            input: numbers(seed, ROWS * COLUMNS),
            row: numbers(seed ^ 1, COLUMNS),
            one: numbers(seed ^ 2, 1)[0],
            column: numbers(seed ^ 3, ROWS),
            wide: numbers(seed ^ 4, ROWS * COLUMNS).into_iter().map(|x| f64::from(x) / 3.0).collect(),
        };
        let builder = Stage::<CustomOperation>::new()
            .operation(&tree.text())
            .trigger_input("x", &SHAPE, &data.input)
            .auxiliary("row", &SHAPE[1..], &data.row)
            .auxiliary("one", &[1], &[data.one])
            .auxiliary("column", &[SHAPE[0], 1], &data.column)
            .auxiliary("wide", &SHAPE, &data.wide);
        let wide = matches!(evaluate(&tree, &data, 0, 0), Value::F64(_));
        let builder = if wide { builder.output::<f64>("y", &SHAPE) } else { builder.output::<f32>("y", &SHAPE) };
        let mut stage = builder.build().map_err(|failure| TestCaseError::fail(failure.message))?;
        // Twice: nothing may be left over from a frame.
        for _ in 0..2 {
            prop_assert_eq!(stage.compute(), Ok(()));
        }
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let expected = evaluate(&tree, &data, row, column).wide();
                let place = row * COLUMNS + column;
                let found = if wide { stage.output::<f64>(0)[place] } else { stage.output::<f32>(0)[place].into() };
                prop_assert!(
                    found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                    "{found} is not {expected} at [{row}, {column}] of {}", tree.text(),
                );
            }
        }
    }

    #[test]
    fn no_text_is_too_much(text in "[-+*/@(),.x0-9_e ]{0,200}") {
        let stage = Stage::<CustomOperation>::new()
            .operation(&text)
            .trigger_input("x", &[2], &[1.0f32, 2.0])
            .auxiliary("x", &[2], &[1.0f32, 2.0])
            .output::<f32>("y", &[2])
            .build();
        if let Ok(mut stage) = stage {
            prop_assert_eq!(stage.compute(), Ok(()));
        }
    }
}

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
