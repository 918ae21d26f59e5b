"""Writes cases for every built-in kernel: a pipeline of one stage, its inputs, and the outputs that NumPy computes.

    python expected.py DIRECTORY

The formulas are those of the parent's kernels, written again in NumPy and, for integers, in Python's unbounded
integers: results truncate toward zero and saturate.

DIRECTORY/cases.json is a list of objects:
    name      what fails
    pipeline  a configuration with one kernel, as JSON, which is YAML
    frames    how often the kernel runs; it keeps its state in between
    data      stream name to [offset, tolerance offset or null] in DIRECTORY/data.bin: so many frames one after the
              other, of an input what it is given, of an output what it must be. A tolerance is a float64 for each
              element: how far the output may be off. Without one it must be the same bits, up to the payload of NaN.
"""

import ast
import itertools
import json
import sys
from pathlib import Path

import numpy as np

SEED = 20261122
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
NUMBERS = INTEGERS + FLOATS
EVERY = ["bool", *INTEGERS, "float16", *FLOATS, "complex64", "complex128"]

# Rows that are no multiple of a vector, one that is, one element, and frames larger than a page.
SHAPES = [(1,), (7,), (32,), (33,), (3, 5, 7), (41, 29)]

rng = np.random.default_rng(SEED)


# Numbers


def is_integer(dtype):
    return np.dtype(dtype).kind in "iu"


def integer(value, dtype):
    """A number as an integer of `dtype`: truncated toward zero, saturated, NaN is 0."""
    bounds = np.iinfo(dtype)
    if isinstance(value, float) and not np.isfinite(value):
        return 0 if np.isnan(value) else int(bounds.max if value > 0 else bounds.min)
    return min(max(int(value), int(bounds.min)), int(bounds.max))


def cast(values, dtype):
    """float64 numbers as `dtype`."""
    values = np.asarray(values, np.float64)
    if is_integer(dtype):
        flat = [integer(float(value), dtype) for value in values.ravel()]
        return np.array(flat, dtype).reshape(values.shape)
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def doubles(values):
    return np.asarray(values).astype(np.float64)


def exact(function, dtype, *arrays):
    """An integer function of elements, computed without bounds, then saturated."""
    arrays = np.broadcast_arrays(*arrays)
    flat = [integer(function(*map(int, row)), dtype) for row in zip(*(array.ravel() for array in arrays))]
    return np.array(flat, dtype).reshape(arrays[0].shape)


def sample(shape, dtype, *, special=True):
    """Numbers over the range of `dtype`, with its extremes where `special` says so."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        small = rng.integers(0 if dtype.kind == "u" else -20, 20, size)
        wide = rng.integers(bounds.min, bounds.max, size, dtype, endpoint=True)
        values = np.where(rng.random(size) < 0.5, small.astype(dtype), wide)
        extremes = [bounds.min, bounds.max, 0, 1]
    elif dtype.kind == "c":
        values = (rng.normal(size=size) + 1j * rng.normal(size=size)).astype(dtype)
        extremes = [complex(np.nan, 1), complex(1, np.inf), -0.0]
    else:
        bounds = np.finfo(dtype)
        values = (rng.normal(size=size) * 10.0 ** rng.integers(-3, 4, size)).astype(dtype)
        extremes = [np.nan, np.inf, -np.inf, -0.0, bounds.max, bounds.smallest_subnormal, -bounds.tiny]
    if special and size > len(extremes):
        values[rng.choice(size, len(extremes), replace=False)] = extremes
    return values.reshape(shape)


def moderate(shape, dtype):
    """Small numbers of both signs: sums of products of them stay in range."""
    if is_integer(dtype):
        low = 0 if np.dtype(dtype).kind == "u" else -3
        return rng.integers(low, 4, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


# Cases


class Cases:
    def __init__(self, directory):
        self.cases = []
        self.data = open(directory / "data.bin", "wb")

    def store(self, array):
        offset = self.data.tell()
        self.data.write(np.ascontiguousarray(array).tobytes())
        return offset

    def add(self, kind, inputs, output, *, parameters=None, auxiliary=None, operation=None, tolerance=None, frames=None, note=""):
        """One case. `inputs` is an array or a list of them, `auxiliary` a mapping of aliases; where `frames` is
        given, every array has that many frames along its first axis."""
        inputs = inputs if isinstance(inputs, list) else [inputs]
        named = {f"in{index}": array for index, array in enumerate(inputs)}
        auxiliary = auxiliary or {}
        streams = {**named, **{f"aux_{alias}": array for alias, array in auxiliary.items()}, "out": output}
        shape = (lambda array: array.shape) if frames is None else (lambda array: array.shape[1:])
        stage = {"name": "stage", "kind": kind, "inputs": list(named), "output": "out", "parameters": parameters or {}}
        if auxiliary:
            stage["auxiliary"] = {alias: f"aux_{alias}" for alias in auxiliary}
        if operation:
            stage["operation"] = operation
        if tolerance is not None:
            tolerance = np.broadcast_to(np.asarray(tolerance, np.float64), output.shape)
        first = inputs[0]
        what = f"{note or operation or json.dumps(parameters or {})} of {first.dtype} {list(shape(first))}"
        self.cases.append({
            "name": f"{kind}: {what}",
            "pipeline": {
                "shared_memory": [
                    {"name": name, "shape": list(shape(array)), "dtype": str(array.dtype)}
                    for name, array in streams.items()
                ],
                "kernels": [stage],
            },
            "frames": frames or 1,
            "data": {
                name: [self.store(array), self.store(tolerance) if name == "out" and tolerance is not None else None]
                for name, array in streams.items()
            },
        })

    def write(self, directory):
        self.data.close()
        (directory / "cases.json").write_text(json.dumps(self.cases))


def copies(cases):
    for dtype in EVERY:
        for shape in SHAPES:
            array = sample(shape, dtype)
            cases.add("cpu.copy", array, array)
            cases.add("cpu.flatten", array, array.ravel())
        for axis, shapes in [(0, [(2, 3), (1, 3)]), (1, [(2, 3), (2, 1), (2, 4)]), (-1, [(7,), (33,), (1,), (64,), (5,)]),
                             (1, [(3, 2, 5), (3, 7, 5)]), (-3, [(1, 3, 2), (4, 3, 2)]), (2, [(2, 3, 9), (2, 3, 8)])]:
            arrays = [sample(shape, dtype) for shape in shapes]
            cases.add("cpu.concatenate", arrays, np.concatenate(arrays, axis), parameters={"axis": axis})
        arrays = [sample((4,), dtype) for _ in range(2)]
        cases.add("cpu.concatenate", arrays, np.concatenate(arrays), note="the default axis")


def constants(cases):
    """Computed in float64, then cast."""
    for dtype, shape in itertools.product(NUMBERS, SHAPES):
        array = sample(shape, dtype)
        with np.errstate(all="ignore"):
            for factor in (2, 0.5, -1.5, 0.1, 1e300, 0):
                cases.add("cpu.scale", array, cast(doubles(array) * factor, dtype), parameters={"factor": factor})
            for constant in (1, -100, 0.1, 1e-30, -1e300):
                cases.add("cpu.add_constant", array, cast(doubles(array) + constant, dtype), parameters={"constant": constant})
            offset = sample(shape, dtype)
            for gain in (1, 2, -0.3):
                cases.add("cpu.scale_offset", array, cast(gain * doubles(array) - doubles(offset), dtype),
                          auxiliary={"offset": offset}, parameters={"gain": gain})


def quotient(a, b):
    """Truncated; by zero, the bound on the side of the dividend."""
    if b == 0:
        return (a > 0) * 2**70 - (a < 0) * 2**70
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


ELEMENTWISE = {
    "add": (np.add, lambda a, b: a + b),
    "subtract": (np.subtract, lambda a, b: a - b),
    "multiply": (np.multiply, lambda a, b: a * b),
    "divide": (np.divide, quotient),
}


def elementwise(cases):
    """In the dtype of the streams."""
    for dtype, shape in itertools.product(NUMBERS, SHAPES):
        a, b = sample(shape, dtype), sample(shape, dtype)
        b.flat[0] = 0
        for name, (ufunc, unbounded) in ELEMENTWISE.items():
            with np.errstate(all="ignore"):
                expected = exact(unbounded, dtype, a, b) if is_integer(dtype) else ufunc(a, b)
            cases.add(f"cpu.elementwise_{name}", a, expected, auxiliary={"b": b}, note="elements")


def reductions(cases):
    for dtype, shape in itertools.product(NUMBERS, SHAPES):
        for special in (False, True) if dtype in FLOATS else (True,):
            array = sample(shape, dtype, special=special)
            for operation in ("sum", "mean", "max", "min", None):
                expected, tolerance = reduced(array, operation or "mean")
                parameters = {"operation": operation} if operation else {}
                for out in [(1,), (1, 1)] if operation is None else [(1,)]:
                    cases.add("cpu.reduce", array, expected.reshape(out), parameters=parameters, tolerance=tolerance)


def reduced(array, operation):
    dtype = array.dtype
    if operation in ("max", "min"):
        return np.array(getattr(array, operation)()), None
    count = array.size
    if is_integer(dtype):
        total = sum(int(value) for value in array.ravel())
        if operation == "sum":
            return np.array(integer(total, dtype), dtype), None
        return np.array(integer(quotient(total, count), dtype), dtype), None
    with np.errstate(all="ignore"):
        total = array.sum(dtype=np.longdouble)
        expected = (total if operation == "sum" else total / count).astype(dtype)
        size = np.abs(array, dtype=np.longdouble).sum() / (1 if operation == "sum" else count)
        tolerance = np.float64(np.sqrt(count) * np.finfo(dtype).eps * size)
    # Where the sum of the largest numbers meets infinity, the order decides.
    if np.isfinite(array).all() and not np.isfinite(expected):
        tolerance = np.inf
    return np.array(expected), tolerance


def product(matrix, vector, offset, dtype):
    """matrix @ vector + offset, and how far a sum in the dtype itself, in any order, may be off."""
    if is_integer(dtype):
        rows = [sum(int(a) * int(x) for a, x in zip(row, vector)) + int(b) for row, b in zip(matrix, offset)]
        return np.array([integer(row, dtype) for row in rows], dtype), None
    with np.errstate(all="ignore"):
        wide = [array.astype(np.longdouble) for array in (matrix, vector, offset)]
        size = np.abs(wide[0]) @ np.abs(wide[1]) + np.abs(wide[2])
        expected = (wide[0] @ wide[1] + wide[2]).astype(dtype)
        return expected, np.float64(np.sqrt(matrix.shape[1] + 1) * np.finfo(dtype).eps * size)


def affine(cases):
    for dtype in NUMBERS:
        for rows, columns in [(1, 1), (2, 3), (4, 8), (5, 7), (13, 33), (64, 100), (3, 257), (130, 64)]:
            # Sums of products of the widest integers are exact as far as 128 bits go.
            saturating = is_integer(dtype) and (np.dtype(dtype).itemsize < 8 or columns < 3)
            for make in (moderate, sample) if saturating else (moderate,):
                matrix, vector, offset = make((rows, columns), dtype), make((columns,), dtype), make((rows,), dtype)
                expected, tolerance = product(matrix, vector, offset, dtype)
                cases.add("cpu.affine_transform", vector, expected, auxiliary={"matrix": matrix, "offset": offset},
                          tolerance=tolerance, note=f"{rows} rows")
    for dtype in FLOATS:
        # What is not finite stays in its row.
        matrix, vector, offset = moderate((6, 21), dtype), moderate((21,), dtype), moderate((6,), dtype)
        matrix[1, 5], matrix[2, 20], offset[3] = np.nan, np.inf, -np.inf
        expected, tolerance = product(matrix, vector, offset, dtype)
        cases.add("cpu.affine_transform", vector, expected, auxiliary={"matrix": matrix, "offset": offset},
                  parameters={"blas_threads": 2}, tolerance=np.where(np.isfinite(expected), tolerance, 0))
    matrix, vector, offset = moderate((1024, 2048), "float32"), moderate((2048,), "float32"), moderate((1024,), "float32")
    expected, tolerance = product(matrix, vector, offset, "float32")
    cases.add("cpu.affine_transform", vector, expected, auxiliary={"matrix": matrix, "offset": offset}, tolerance=tolerance)


def integrators(cases):
    """s = leak s + gain in, in float64, kept in the dtype."""

    def integrate(array, leak, gain):
        state, out = np.zeros(array.shape[1:], array.dtype), []
        with np.errstate(all="ignore"):
            for frame, a, g in zip(array, leak, gain):
                state = cast(a * doubles(state) + g * doubles(frame), array.dtype)
                out.append(state)
        return np.array(out)

    frames = 5
    for dtype, size in itertools.product(NUMBERS, (1, 7, 33, 1024)):
        array = sample((frames, size), dtype, special=False)
        for leak, gain in ((0.99, 0.4), (1, -1), (0, 2), (0.5, 1e-3)):
            cases.add("cpu.leaky_integrator", array, integrate(array, [leak] * frames, [gain] * frames),
                      parameters={"leak": leak, "gain": gain}, frames=frames)
    array = sample((frames, 9), "float32")
    leak, gain = rng.random((frames, 1)), rng.random((frames, 1)).astype("float32")
    cases.add("cpu.leaky_integrator", array, integrate(array, leak, doubles(gain)), auxiliary={"gain": gain, "leak": leak},
              frames=frames, note="gain and leak from streams")
    cases.add("cpu.leaky_integrator", array, integrate(array, [0.5] * frames, doubles(gain)), auxiliary={"gain": gain},
              parameters={"leak": 0.5}, frames=frames, note="gain from a stream")
    enabled = np.array([0, 1, 0, 2, 0], "uint8").reshape(frames, 1)
    mixed = np.where(enabled != 0, doubles(gain), 0.25)
    cases.add("cpu.leaky_integrator", array, integrate(array, [0.5] * frames, mixed), parameters={"leak": 0.5, "gain": 0.25},
              auxiliary={"gain": gain, "override_enabled": enabled}, frames=frames, note="gain from a stream at times")


def centre(values, positions):
    """Centre of mass of `values` along each of `positions`, in float64; 0 where the sum is not positive."""
    with np.errstate(all="ignore"):
        total = values.sum()
        if total <= 0:
            return [0.0 for _ in positions]
        return [(values * position).sum() / total for position in positions]


def near(expected, dtype, scale):
    """Rounding of an output, and of sums of products in float64 with cancellation, of numbers of size `scale`."""
    if is_integer(dtype):
        return None
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(expected)).astype(np.float64)
    return np.where(np.isfinite(expected), spacing + 64 * scale * np.finfo(np.float64).eps, 0)


def centroids(cases):
    def shack_hartmann(image, tile):
        grid = np.arange(tile) - (tile - 1) / 2
        rows, columns = image.shape[0] // tile, image.shape[1] // tile
        out = np.zeros((rows, columns, 2))
        for i, j in np.ndindex(rows, columns):
            values = doubles(image[i * tile:(i + 1) * tile, j * tile:(j + 1) * tile])
            out[i, j] = centre(values, (grid[:, None], grid))
        return out

    for dtype in NUMBERS:
        for tile, rows, columns in [(1, 3, 5), (2, 3, 3), (3, 5, 2), (4, 7, 9), (5, 2, 3), (7, 3, 3), (8, 4, 5), (8, 32, 32), (16, 2, 3), (17, 2, 2), (33, 1, 2)]:
            shape = (rows * tile, columns * tile)
            top = 100 if is_integer(dtype) else 1.0
            image = (rng.random(shape) * top).astype(dtype)
            # Tiles of nothing, of one pixel, of negative sum, of a single value.
            tiles = image.reshape(rows, tile, columns, tile).swapaxes(1, 2)
            tiles[0, 0] = 0
            tiles[-1, -1] = 0
            tiles[-1, -1, 0, -1] = 5
            if columns > 2:
                tiles[0, 1] = 3
                if np.dtype(dtype).kind != "u":
                    tiles[0, 2] = -tiles[0, 2]
                if not is_integer(dtype):
                    tiles[-1, 0, 0, 0] = np.nan
                    tiles[-1, 1, -1, 0] = -np.inf
            image = tiles.swapaxes(1, 2).reshape(shape)
            expected = shack_hartmann(image, tile)
            for kind in ("cpu.shack_hartmann_centroid", "cpu.centroid") if tile == 8 else ("cpu.shack_hartmann_centroid",):
                result = cast(expected, dtype)
                cases.add(kind, image, result, parameters={"tile_size": tile}, tolerance=near(result, dtype, tile))

    def spot(image, background, threshold, power):
        values = doubles(image) - background
        with np.errstate(all="ignore"):
            # NaN is not above the threshold, but it is not nothing either.
            values = np.where(np.isnan(values), np.nan, np.where(values > threshold, values, 0.0)) ** power
        rows, columns = image.shape
        return np.array(centre(values, (np.arange(rows)[:, None] - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2)))

    for dtype, shape in itertools.product(NUMBERS, [(1, 1), (2, 3), (7, 5), (32, 32), (33, 31), (64, 65)]):
        image = (rng.random(shape) * (100 if is_integer(dtype) else 10)).astype(dtype)
        images = [image]
        if dtype in FLOATS and image.size > 1:
            images += [image.copy(), image.copy()]
            images[1].flat[-2], images[2].flat[-1] = np.nan, np.inf
        choices = ((0, 0, 1), (2, 0, 1), (1.5, 3, 2), (0, 4, 0.5), (0, 1e9, 1), (-1, 0.5, 3), (4, -2, 1), (9, -20, 1))
        for image, (background, threshold, power) in itertools.product(images, choices):
            result = cast(spot(image, background, threshold, power), dtype)
            parameters = {"background": background, "threshold": threshold, "weight_power": power}
            cases.add("cpu.spot_centroid", image, result, parameters=parameters, tolerance=near(result, dtype, 64 * max(shape)))
        result = cast(spot(images[0], 0, 0, 1), dtype)
        cases.add("cpu.spot_centroid", images[0], result, tolerance=near(result, dtype, 64 * max(shape)))


def conversions(cases):
    for source, target in itertools.product(["bool", *NUMBERS, "float16"], repeat=2):
        for shape in [(1,), (33,), (5, 13)]:
            array = sample(shape, source)
            for gain, offset in ((1, 0), (0.25, -50), (-3, 0.5)):
                expected = converted(array, target, gain, offset)
                cases.add("cpu.convert", array, expected, parameters={"gain": gain, "offset": offset}, note=f"{gain}, {offset} to {target}")
        array = sample((9,), source)
        cases.add("cpu.convert", array, converted(array, target, 1, 0), note=f"to {target}")


def converted(array, target, gain, offset):
    """In float64; without gain and offset to the same dtype, unchanged."""
    if array.dtype == target and gain == 1 and offset == 0:
        return array
    with np.errstate(all="ignore"):
        value = doubles(array) * gain + offset
    return value != 0 if target == "bool" else cast(value, target)


# custom_operation: a second interpreter of its grammar, one NumPy pass an operator


class Weak:
    """A literal: a number without a dtype, which takes that of what it meets."""

    def __init__(self, value):
        self.value = value


def operate(name, *operands):
    """One operator or function on arrays and literals."""
    unbounded = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "negative": lambda a: -a, "positive": lambda a: a,
        "abs": abs, "min": min, "max": max, "clip": lambda a, low, high: min(max(a, low), high),
    }
    floating = {
        "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "negative": np.negative, "positive": np.positive,
        "abs": np.abs, "min": np.minimum, "max": np.maximum,
        "clip": lambda a, low, high: np.minimum(np.maximum(a, low), high),
    }
    if all(isinstance(operand, Weak) for operand in operands):
        return Weak(fold(name, [operand.value for operand in operands]))
    # NumPy's own promotion decides the dtype, on arrays of ones.
    ones = [operand.value if isinstance(operand, Weak) else np.ones(1, operand.dtype) for operand in operands]
    values = [operand.value if isinstance(operand, Weak) else operand for operand in operands]
    with np.errstate(all="ignore"):
        dtype = (np.matmul if name == "@" else floating[name])(*ones).dtype
        if name == "@":
            return matmul(*values, dtype)
        if is_integer(dtype):
            return exact(unbounded[name], dtype, *(np.asarray(value) for value in values))
        return floating[name](*(np.asarray(value, dtype) for value in values))


def fold(name, values):
    functions = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "negative": lambda a: -a,
                 "positive": lambda a: a, "abs": abs, "min": min, "max": max, "clip": lambda a, low, high: min(max(a, low), high)}
    if name == "/":
        return float(np.float64(values[0]) / np.float64(values[1]))
    return functions[name](*values)


def matmul(a, b, dtype):
    if is_integer(dtype):
        columns = b[:, None] if b.ndim == 1 else b
        rows = a[None, :] if a.ndim == 1 else a
        out = [[integer(sum(int(x) * int(y) for x, y in zip(row, column)), dtype) for column in columns.T] for row in rows]
        shape = a.shape[:-1] + b.shape[1:]
        return np.array(out, dtype).reshape(shape)
    return np.matmul(a.astype(np.longdouble), b.astype(np.longdouble)).astype(dtype)


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
                return operate("negative" if isinstance(node.op, ast.USub) else "positive", value(node.operand))
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
        for operation in ("input", "-input", "+input", "abs(input)", "input * 0.1", "2 * input + 1", "input / 3 - 1", "1 / input",
                          "input * 1e400", "clip(input, -1, 1)", "clip(input, 1, -1)", "min(input, 0.5)", "maximum(0.1, input)",
                          "(2 + 3 * 4) * input", "input - (1 / 3)", "input - input * input / (input + 1e-3)", "-(-input)", "--input",
                          "abs(-2 - 3) * input", "input*input*input*input*input*input"):
            add(operation, a)
        for operation in ("input + b", "input - b * 2", "input / b", "min(input, b)", "max(b, input)", "minimum(b, -input) * maximum(b, input)",
                          "clip(2 * input + 1, low, high)", "clip(input, high, low)", "input * low - high", "abs(input - b) / (abs(b) + 1)"):
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
            matrix, vector, offset = moderate((rows, columns), dtype), moderate((columns,), dtype), moderate((rows,), dtype)
            _, tolerance = product(matrix, vector, offset, dtype)
            add("m @ input + b", vector, tolerance=tolerance, m=matrix, b=offset)
            add("m @ input", vector, tolerance=tolerance, m=matrix)
            add("input @ m", moderate((rows,), dtype), tolerance=np.sqrt(rows) * 20 * np.finfo(dtype).eps * np.ones(columns), m=matrix)
            other = moderate((columns, 6), dtype)
            add("2 * (input @ m)", matrix, tolerance=np.sqrt(columns) * 40 * np.finfo(dtype).eps, m=other)
    for dtype, shape in itertools.product(INTEGERS, [(1,), (33,), (5, 13)]):
        a, b = sample(shape, dtype), sample(shape, dtype)
        for operation in ("input", "abs(input)", "input + 1", "3 * input - 2", "clip(input, 2, 9)", "max(input, 5)", "input * input"):
            add(operation, a)
        if np.dtype(dtype).kind == "i":
            add("-input", a)
            add("input * -2 + 1", a)
        add("input + b", a, b=b)
        add("input - b", a, b=b)
        add("min(input, b) * max(input, b)", a, b=b)
        add("clip(input, b, 100)", a, b=b)
        # Division and float literals give floats.
        add("input / 4", a)
        add("input * 0.5", a)
        add("input / b", a, b=b)
    # Mixed dtypes follow NumPy's promotion.
    for one, other in itertools.product(NUMBERS, repeat=2):
        a, b = sample((9,), one), sample((9,), other)
        add("input + b", a, b=b)
        add("input * 2 - b", a, b=b)
        add("max(input, b)", a, b=b)


def main():
    directory = Path(sys.argv[1])
    cases = Cases(directory)
    for group in (copies, constants, elementwise, reductions, affine, integrators, centroids, conversions, operations):
        group(cases)
    cases.write(directory)


if __name__ == "__main__":
    main()
