//! The dtype and the shape of every node, by NumPy's rules, and the numbers that are known in advance.

use sandpipe_kernel::Dtype;

use crate::{
    constant::Constant,
    expression::{Binary, Expression, Node, Unary},
    token::Error,
};

/// Dtype and shape of an array; without extents it is a single value (a product of two vectors).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Array {
    pub dtype: Dtype,
    pub shape: Vec<u32>,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number, computed already.
    Constant(Constant),
    /// An array, to be computed for each frame.
    Array(Array),
}

/// The value of every node of an operation on the given streams.
pub(crate) fn infer(expression: &Expression, streams: &[Array]) -> Result<Vec<Value>, Error> {
    let mut values: Vec<Value> = Vec::with_capacity(expression.nodes.len());
    for (node, &column) in expression.nodes.iter().zip(&expression.columns) {
        let value = match *node {
            Node::Number(number) => Ok(Value::Constant(number)),
            Node::Stream(stream) => Ok(Value::Array(streams[stream].clone())),
            Node::Unary(operator, x) => match &values[x] {
                Value::Constant(number) => known(number.unary(operator)),
                Value::Array(array) => unary(operator, array.clone()).map(Value::Array),
            },
            Node::Binary(operator, x, y) => match (&values[x], &values[y]) {
                (&Value::Constant(x), &Value::Constant(y)) if operator != Binary::Product => {
                    known(x.binary(operator, y))
                }
                (x, y) if operator == Binary::Product => product(x, y).map(Value::Array),
                (x, y) => together(&[x, y], false)
                    .and_then(|array| binary(operator, array))
                    .map(Value::Array),
            },
            Node::Clip([x, low, high]) => match (&values[x], &values[low], &values[high]) {
                (&Value::Constant(x), &Value::Constant(low), &Value::Constant(high)) => known(
                    x.binary(Binary::Maximum, low)
                        .and_then(|x| x.binary(Binary::Minimum, high)),
                ),
                (x, low, high) => {
                    let array = together(&[x, low, high], true);
                    array.and_then(|array| limited(x, array)).map(Value::Array)
                }
            },
        };
        values.push(value.map_err(|message| Error::new(column, message))?);
    }
    Ok(values)
}

fn known(number: Option<Constant>) -> Result<Value, String> {
    number
        .map(Value::Constant)
        .ok_or_else(|| "the integer becomes too large".into())
}

fn unary(operator: Unary, array: Array) -> Result<Array, String> {
    match operator {
        Unary::Negative if array.dtype == Dtype::Bool => {
            Err("bool cannot be negated: '1 - x' is 0 where x is true, and else 1".into())
        }
        Unary::Absolute => Ok(Array {
            dtype: array.dtype.part(),
            ..array
        }),
        _ => Ok(array),
    }
}

/// What becomes of operands that are, together, like an array.
fn binary(operator: Binary, array: Array) -> Result<Array, String> {
    match operator {
        Binary::Subtract if array.dtype == Dtype::Bool => Err(
            "bool cannot be subtracted from bool: '1 * x - y' is a difference of numbers".into(),
        ),
        Binary::Divide if array.dtype.is_integer() || array.dtype == Dtype::Bool => Ok(Array {
            dtype: Dtype::F64,
            ..array
        }),
        _ => Ok(array),
    }
}

/// The array that values, at least one of them an array, become together. Unless the operation `saturates`
/// anyway, integers must fit into the dtype that they are to take.
fn together(values: &[&Value], saturates: bool) -> Result<Array, String> {
    let mut dtype = None;
    let mut shape = Vec::new();
    for value in values {
        if let Value::Array(array) = value {
            dtype = Some(dtype.map_or(array.dtype, |dtype| promote(dtype, array.dtype)));
            shape = broadcast(&shape, &array.shape)?;
        }
    }
    let Some(mut dtype) = dtype else {
        return Err("the operands are numbers only".into());
    };
    for value in values {
        match value {
            Value::Constant(Constant::Float(_)) if dtype.is_integer() || dtype == Dtype::Bool => {
                dtype = Dtype::F64;
            }
            Value::Constant(Constant::Integer(_)) if dtype == Dtype::Bool => dtype = Dtype::S64,
            _ => {}
        }
    }
    for value in values {
        match value {
            Value::Constant(Constant::Integer(number)) if !saturates => {
                if let Some((low, high)) = bounds(dtype)
                    && !(low..=high).contains(number)
                {
                    return Err(format!("the integer {number} is out of bounds for {dtype}"));
                }
            }
            _ => {}
        }
    }
    Ok(Array { dtype, shape })
}

/// What `x` becomes between limits. NumPy makes an array of it first, and so gives a number its own dtype, 64 bits wide, though limits
/// take that of what they limit.
fn limited(x: &Value, array: Array) -> Result<Array, String> {
    let own = match *x {
        Value::Array(_) => return Ok(array),
        Value::Constant(Constant::Float(_)) => Dtype::F64,
        Value::Constant(Constant::Integer(number)) => {
            if bounds(Dtype::S64).is_some_and(|(low, high)| !(low..=high).contains(&number)) {
                return Err(format!("the integer {number} is out of bounds for int64"));
            }
            Dtype::S64
        }
    };
    Ok(Array {
        dtype: promote(array.dtype, own),
        ..array
    })
}

/// The least and the greatest value of an integer dtype.
pub(crate) fn bounds(dtype: Dtype) -> Option<(i128, i128)> {
    let bits = 8 * dtype.size() as u32;
    match dtype {
        Dtype::S8 | Dtype::S16 | Dtype::S32 | Dtype::S64 => {
            Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
        }
        Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => Some((0, (1 << bits) - 1)),
        _ => None,
    }
}

/// The smallest dtype that holds the values of both, where there is one; of 64 bits of integers and floats, f64.
fn promote(a: Dtype, b: Dtype) -> Dtype {
    use Dtype::{Bool, C64, C128, F64, S16, S32, S64};
    match (a, b) {
        _ if a == b => a,
        (Bool, other) | (other, Bool) => other,
        (C64 | C128, _) | (_, C64 | C128) => match promote(a.part(), b.part()) {
            F64 => C128,
            _ => C64,
        },
        _ if a.is_integer() && b.is_integer() => {
            let signed = |dtype| bounds(dtype).is_some_and(|(low, _)| low < 0);
            let (large, small) = if a.size() >= b.size() { (a, b) } else { (b, a) };
            if signed(a) == signed(b) || signed(large) && large.size() > small.size() {
                return large;
            }
            match large.size() {
                1 => S16,
                2 => S32,
                4 => S64,
                _ => F64,
            }
        }
        _ => {
            let (a, b) = (float(a), float(b));
            if a.size() >= b.size() { a } else { b }
        }
    }
}

/// The smallest float that NumPy takes for the values of a real dtype.
fn float(dtype: Dtype) -> Dtype {
    match (dtype, dtype.size()) {
        (Dtype::F16 | Dtype::F32, _) => dtype,
        (_, 1) => Dtype::F16,
        (_, 2) => Dtype::F32,
        _ => Dtype::F64,
    }
}

/// The shape to which both can be repeated: from the last axis on, extents are equal, or one of them is 1 or
/// missing.
fn broadcast(a: &[u32], b: &[u32]) -> Result<Vec<u32>, String> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[u32], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (a, b) if a == b => Ok(a),
            (1, other) | (other, 1) => Ok(other),
            _ => Err(format!(
                "shapes {a:?} and {b:?} cannot be broadcast together"
            )),
        })
        .collect()
}

/// The matrix product of vectors and matrices.
fn product(x: &Value, y: &Value) -> Result<Array, String> {
    let (Value::Array(x), Value::Array(y)) = (x, y) else {
        return Err("an operand of '@' must be a vector or a matrix, not a number".into());
    };
    let (inner, shape) = match (x.shape.as_slice(), y.shape.as_slice()) {
        (&[k], &[l]) => ((k, l), vec![]),
        (&[m, k], &[l]) => ((k, l), vec![m]),
        (&[k], &[l, n]) => ((k, l), vec![n]),
        (&[m, k], &[l, n]) => ((k, l), vec![m, n]),
        (x, y) => {
            return Err(format!(
                "operands of '@' must be vectors or matrices, got shapes {x:?} and {y:?}"
            ));
        }
    };
    if inner.0 != inner.1 {
        return Err(format!(
            "shapes {:?} and {:?} do not fit for '@': {} and {} must be equal",
            x.shape, y.shape, inner.0, inner.1
        ));
    }
    Ok(Array {
        dtype: promote(x.dtype, y.dtype),
        shape,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtypes_are_promoted_as_numpy_does() {
        use Dtype::*;
        // As numpy.result_type has them.
        let table = [
            [
                Bool, S8, S16, S32, S64, U8, U16, U32, U64, F16, F32, F64, C64, C128,
            ],
            [
                S8, S8, S16, S32, S64, S16, S32, S64, F64, F16, F32, F64, C64, C128,
            ],
            [
                S16, S16, S16, S32, S64, S16, S32, S64, F64, F32, F32, F64, C64, C128,
            ],
            [
                S32, S32, S32, S32, S64, S32, S32, S64, F64, F64, F64, F64, C128, C128,
            ],
            [
                S64, S64, S64, S64, S64, S64, S64, S64, F64, F64, F64, F64, C128, C128,
            ],
            [
                U8, S16, S16, S32, S64, U8, U16, U32, U64, F16, F32, F64, C64, C128,
            ],
            [
                U16, S32, S32, S32, S64, U16, U16, U32, U64, F32, F32, F64, C64, C128,
            ],
            [
                U32, S64, S64, S64, S64, U32, U32, U32, U64, F64, F64, F64, C128, C128,
            ],
            [
                U64, F64, F64, F64, F64, U64, U64, U64, U64, F64, F64, F64, C128, C128,
            ],
            [
                F16, F16, F32, F64, F64, F16, F32, F64, F64, F16, F32, F64, C64, C128,
            ],
            [
                F32, F32, F32, F64, F64, F32, F32, F64, F64, F32, F32, F64, C64, C128,
            ],
            [
                F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, F64, C128, C128,
            ],
            [
                C64, C64, C64, C128, C128, C64, C64, C128, C128, C64, C64, C128, C64, C128,
            ],
            [C128; 14],
        ];
        for (a, row) in Dtype::all().zip(table) {
            for (b, expected) in Dtype::all().zip(row) {
                assert_eq!(promote(a, b), expected, "{a} {b}");
            }
        }
    }

    #[test]
    fn shapes_are_broadcast_from_the_last_axis() {
        assert_eq!(broadcast(&[], &[3]), Ok(vec![3]));
        assert_eq!(broadcast(&[2, 1], &[3]), Ok(vec![2, 3]));
        assert_eq!(broadcast(&[4, 1, 5], &[3, 1]), Ok(vec![4, 3, 5]));
        assert!(broadcast(&[2, 3], &[2]).is_err());
    }

    /// The type of `text` on an int8 vector `a`, a float32 matrix `m` of 2 rows and 3 columns, and a float32 vector `x` of 3.
    fn infer_type(text: &str) -> Result<Value, String> {
        let streams = [
            (Dtype::S8, vec![3]),
            (Dtype::F32, vec![2, 3]),
            (Dtype::F32, vec![3]),
        ]
        .map(|(dtype, shape)| Array { dtype, shape });
        let expression =
            Expression::parse(text, &["a", "m", "x"]).map_err(|error| error.message)?;
        let values = infer(&expression, &streams).map_err(|error| error.message)?;
        values.into_iter().next_back().ok_or_else(String::new)
    }

    #[test]
    fn numbers_take_the_dtype_of_what_they_meet() {
        let array = |dtype, shape: &[u32]| {
            let shape = shape.to_vec();
            Ok(Value::Array(Array { dtype, shape }))
        };
        assert_eq!(infer_type("a * 2"), array(Dtype::S8, &[3]));
        assert_eq!(infer_type("a * 2.0"), array(Dtype::F64, &[3]));
        assert_eq!(infer_type("a / 2"), array(Dtype::F64, &[3]));
        assert_eq!(infer_type("x / 2"), array(Dtype::F32, &[3]));
        assert_eq!(infer_type("x + 10**1").map_err(|_| ()), Err(()));
        assert_eq!(infer_type("x * 1e400 + a"), array(Dtype::F32, &[3]));
        assert_eq!(infer_type("clip(a, -1000, 1000)"), array(Dtype::S8, &[3]));
        assert_eq!(infer_type("clip(a, 0.5, 2)"), array(Dtype::F64, &[3]));
        assert_eq!(infer_type("m @ x"), array(Dtype::F32, &[2]));
        assert_eq!(infer_type("x @ x"), array(Dtype::F32, &[]));
        assert_eq!(infer_type("m + x"), array(Dtype::F32, &[2, 3]));
        assert_eq!(
            infer_type("2 * 3 / 4"),
            Ok(Value::Constant(Constant::Float(1.5)))
        );
        assert_eq!(
            infer_type("abs(-2)"),
            Ok(Value::Constant(Constant::Integer(2)))
        );
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let message = |text| infer_type(text).err().unwrap_or_default();
        assert_eq!(
            message("a + 300"),
            "the integer 300 is out of bounds for int8"
        );
        assert!(message("x @ m").contains("3 and 2 must be equal"));
        assert!(message("2 @ x").contains("not a number"));
        assert!(message("m + x @ x @ x").contains("vectors or matrices"));
        let wide = "9".repeat(38);
        assert!(message(&format!("{wide} * {wide} * x")).contains("too large"));
    }
}
