"""cpu.custom_operation: a second interpreter of its grammar, one NumPy pass an operator."""

import ast
import itertools

import numpy as np

from arithmetic import (
    COMPLEX,
    EVERY,
    FLOATS,
    INTEGERS,
    SHAPES,
    exact,
    integer,
    is_integer,
    moderate,
    sample,
    system,
)
from sums import product

# Operators and functions on Python's numbers, and on arrays of floats.
UNBOUNDED = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "abs": abs,
    "min": min,
    "max": max,
    "clip": lambda a, low, high: min(max(a, low), high),
}
FLOATING = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "negative": np.negative,
    "positive": np.positive,
    "abs": np.abs,
    "min": np.minimum,
    "max": np.maximum,
    "clip": lambda a, low, high: np.minimum(np.maximum(a, low), high),
}


class Weak:
    """A literal: a number without a dtype, which takes that of what it meets."""

    def __init__(self, value):
        self.value = value


def operate(name, *operands):
    """One operator or function on arrays and literals."""
    if all(isinstance(operand, Weak) for operand in operands):
        return Weak(fold(name, [operand.value for operand in operands]))
    # NumPy's own promotion decides the dtype, on arrays of ones.
    ones = [operand.value if isinstance(operand, Weak) else np.ones(1, operand.dtype) for operand in operands]
    values = [operand.value if isinstance(operand, Weak) else operand for operand in operands]
    with np.errstate(all="ignore"):
        dtype = (np.matmul if name == "@" else FLOATING[name])(*ones).dtype
        if name == "@":
            return matmul(*values, dtype)
        if is_integer(dtype):
            return exact(UNBOUNDED[name], dtype, *(np.asarray(value) for value in values))
        # A magnitude has another dtype than what it is of.
        return FLOATING[name](*(np.asarray(value, None if name == "abs" else dtype) for value in values))


def fold(name, values):
    if name == "/":
        return float(np.float64(values[0]) / np.float64(values[1]))
    return UNBOUNDED[name](*values)


def matmul(a, b, dtype):
    if is_integer(dtype):
        columns = b[:, None] if b.ndim == 1 else b
        rows = a[None, :] if a.ndim == 1 else a
        out = [
            [integer(sum(int(x) * int(y) for x, y in zip(row, column)), dtype) for column in columns.T]
            for row in rows
        ]
        shape = a.shape[:-1] + b.shape[1:]
        return np.array(out, dtype).reshape(shape)
    if dtype == "bool":
        return a @ b
    wide = np.result_type(dtype, np.longdouble)
    return np.matmul(a.astype(wide), b.astype(wide)).astype(dtype)


def evaluate(operation, names):
    binary = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
    called = {"abs": "abs", "min": "min", "minimum": "min", "max": "max", "maximum": "max", "clip": "clip"}

    def value(node):
        match node:
            case ast.Expression():
                return value(node.body)
            case ast.Name():
                return names[node.id]
            case ast.Constant():
                return Weak(node.value)
            case ast.UnaryOp():
                return operate(
                    "negative" if isinstance(node.op, ast.USub) else "positive", value(node.operand)
                )
            case ast.BinOp():
                return operate(binary[type(node.op)], value(node.left), value(node.right))
            case ast.Call():
                return operate(called[node.func.id], *map(value, node.args))
        raise ValueError(ast.dump(node))

    return value(ast.parse(operation, mode="eval"))


def operations(cases):
    kind = "cpu.custom_operation"

    def add(operation, array, tolerance=None, **auxiliary):
        expected = evaluate(operation, {"input": array, **auxiliary})
        cases.add(kind, array, expected, operation=operation, auxiliary=auxiliary, tolerance=tolerance)

    for dtype, shape in itertools.product(FLOATS, [*SHAPES, (300, 7), (1025,)]):
        a, b, one = sample(shape, dtype), sample(shape, dtype), sample((1,), dtype)
        for operation in (
            "input",
            "-input",
            "+input",
            "abs(input)",
            "input * 0.1",
            "2 * input + 1",
            "input / 3 - 1",
            "1 / input",
            "input * 1e400",
            "clip(input, -1, 1)",
            "clip(input, 1, -1)",
            "min(input, 0.5)",
            "maximum(0.1, input)",
            "(2 + 3 * 4) * input",
            "input - (1 / 3)",
            "input - input * input / (input + 1e-3)",
            "-(-input)",
            "--input",
            "abs(-2 - 3) * input",
            "input*input*input*input*input*input",
        ):
            add(operation, a)
        for operation in (
            "input + b",
            "input - b * 2",
            "input / b",
            "min(input, b)",
            "max(b, input)",
            "minimum(b, -input) * maximum(b, input)",
            "clip(2 * input + 1, low, high)",
            "clip(input, high, low)",
            "input * low - high",
            "abs(input - b) / (abs(b) + 1)",
        ):
            add(operation, a, b=b, low=one * 0 - 1, high=np.abs(one))
        add("clip(input, low, high)", a, low=b, high=np.abs(b))
        add("input * gain", a, gain=np.array([np.nan], dtype))
    for dtype in FLOATS:
        # Broadcasting: a row, a column, and a shape that only both together have.
        a, row, column = sample((5, 7), dtype), sample((7,), dtype), sample((5, 1), dtype)
        add("input * row + column", a, row=row, column=column)
        add("column - row / input", a, row=row, column=column)
        add("input + column", sample((7,), dtype), column=column)
        # Products of matrices.
        for rows, columns in [(1, 1), (4, 4), (5, 7), (33, 65), (64, 64)]:
            matrix, vector, offset = system(rows, columns, dtype)
            _, tolerance = product(matrix, vector, offset, dtype)
            add("m @ input + b", vector, tolerance=tolerance, m=matrix, b=offset)
            add("m @ input", vector, tolerance=tolerance, m=matrix)
            add(
                "input @ m",
                moderate((rows,), dtype),
                tolerance=np.sqrt(rows) * 20 * np.finfo(dtype).eps * np.ones(columns),
                m=matrix,
            )
            other = moderate((columns, 6), dtype)
            add("2 * (input @ m)", matrix, tolerance=np.sqrt(columns) * 40 * np.finfo(dtype).eps, m=other)
    for dtype, shape in itertools.product(INTEGERS, [(1,), (33,), (5, 13)]):
        a, b = sample(shape, dtype), sample(shape, dtype)
        for operation in (
            "input",
            "abs(input)",
            "input + 1",
            "3 * input - 2",
            "clip(input, 2, 9)",
            "max(input, 5)",
            "input * input",
        ):
            add(operation, a)
        if np.dtype(dtype).kind == "i":
            add("-input", a)
            add("input * -2 + 1", a)
        add("input + b", a, b=b)
        add("input - b", a, b=b)
        add("min(input, b) * max(input, b)", a, b=b)
        add("clip(input, b, 100)", a, b=b)
        matrix, vector, offset = system(5, 7, dtype)
        add("m @ input - 1 + b", vector, m=matrix, b=offset)
        add("input @ m", offset, m=matrix)
        # Division and float literals give floats.
        add("input / 4", a)
        add("input * 0.5", a)
        add("input / b", a, b=b)
    for dtype in ["bool", "float16", *COMPLEX]:
        for rows, columns in [(1, 1), (5, 7), (33, 65)]:
            matrix, vector, offset = system(rows, columns, dtype)
            _, tolerance = product(matrix, vector, offset, dtype)
            add("m @ input + b", vector, tolerance, m=matrix, b=offset)
            other = moderate((columns, 18), dtype)
            wide = None if dtype == "bool" else np.sqrt(columns) * 40 * np.finfo(dtype).eps
            add("input @ m", matrix, wide, m=other)
    # Mixed dtypes follow NumPy's promotion.
    for one, other in itertools.product(EVERY, repeat=2):
        a, b = sample((9,), one), sample((9,), other)
        add("input + b", a, b=b)
        add("input * 2 - b", a, b=b)
        add("max(input, b)", a, b=b)
        if not (is_integer(one) and is_integer(other)):
            c, d = moderate((9,), one), moderate((9,), other)
            # NumPy leaves out roundings of complex numbers where the processor can.
            near = 64 * np.finfo("float32").eps if one in COMPLEX or other in COMPLEX else None
            add("min(1.5, abs(input)) + clip(b, 0, 3)", c, near, b=d)
            add("(input + 1) / (abs(b) + 2.0)", c, near, b=d)
