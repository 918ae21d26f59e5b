//! Random expressions against a naive evaluator.

use proptest::prelude::*;

use super::*;

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
