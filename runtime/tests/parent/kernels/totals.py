"""Kernels that sum."""

import numpy as np
from arithmetic import COMPLEX, EVERY, FLOATS, NUMBERS, integer, is_integer, moderate, rng, sample, system
from elementwise import shape_for
from sums import product, reduced


def reductions(questions):
    for dtype in EVERY * 2:
        shape = shape_for(dtype)
        array = sample((1, *shape), dtype, special=False)
        if dtype in ["float16", *FLOATS] and rng.random() < 0.5:
            array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf, -0.0])
        if dtype in COMPLEX and rng.random() < 0.5:
            array.flat[rng.integers(array.size, size=2)] = [complex(np.nan, 1), complex(-20, np.nan)]
        for operation in ("sum", "mean", "max", "min"):
            expected, tolerance = reduced(array[0], operation)
            total = sum(int(x) for x in array.ravel()) if is_integer(dtype) else 0
            if operation == "sum" and integer(total, "int64" if dtype != "uint64" else "uint64") != total:
                continue
            if operation == "sum" and is_integer(dtype) and integer(total, dtype) != total:
                # The parent's worker dies of it; see the table.
                continue
            right = None
            # A mean is taken in float64 there, and one part's NaN comes into the other.
            if abs(total) >= 2**53 or dtype in COMPLEX and operation == "mean":
                right = lambda out, expected=expected: expected.reshape(out.shape)
            questions.ask(
                "cpu.reduce",
                [array],
                ([(1,), (1, 1)][rng.integers(2)], dtype),
                parameters={"operation": operation},
                right=right,
                tolerance=None if tolerance is None else lambda out, tolerance=tolerance: tolerance,
            )


def affine(questions):
    for dtype in EVERY * 2:
        rows, columns = (int(extent) for extent in rng.integers(1, 70, 2))
        make = sample if is_integer(dtype) and np.dtype(dtype).itemsize < 8 and rng.random() < 0.5 else moderate
        matrix, vector, offset = system(rows, columns, dtype, make)
        expected, tolerance = product(matrix, vector, offset, dtype)
        right = None
        if is_integer(dtype):
            # Integers that fit are the same whatever wraps on the way.
            wide = matrix.astype(object) @ vector.astype(object) + offset.astype(object)
            inside = np.array([integer(int(x), dtype) == int(x) for x in wide])
            right = lambda out, inside=inside, expected=expected: np.where(inside, out, expected)
        elif dtype in ["float16", *FLOATS] and rng.random() < 0.3:
            matrix[rng.integers(rows), rng.integers(columns)] = rng.choice([np.nan, np.inf])
        questions.ask(
            "cpu.affine_transform",
            [vector[None]],
            ((rows,), dtype),
            auxiliary={"matrix": matrix[None], "offset": offset[None]},
            parameters={"blas_threads": int(rng.integers(1, 3))} if rng.random() < 0.5 else {},
            right=right,
            # Both are off by so much from the exact sum.
            tolerance=None if tolerance is None else lambda out, tolerance=tolerance: 2 * tolerance,
        )


def integrators(questions):
    frames = 5
    for dtype in [*NUMBERS, "bool", *COMPLEX] * 3:
        size = int(rng.integers(1, 40))
        array = moderate((frames, size), dtype)
        if dtype in FLOATS and rng.random() < 0.3:
            array[2, rng.integers(size)] = rng.choice([np.nan, np.inf, -0.0])
        positive = np.dtype(dtype).kind == "u"
        parameters = {
            "leak": float(rng.choice([0, 1, 0.99, rng.random()])),
            "gain": float(rng.choice([0, 1, 2.5, rng.normal()])),
        }
        if positive:
            parameters["gain"] = abs(parameters["gain"])
        auxiliary = {}
        for alias in ("gain", "leak", "override_enabled"):
            if rng.random() < 0.4:
                shape = [(1,), (1, 1)][rng.integers(2)]
                auxiliary[alias] = np.abs(moderate((frames, *shape), rng.choice([*NUMBERS, "float16"])))
                if alias == "leak":
                    # Or 8 bits overflow.
                    auxiliary[alias] = np.minimum(auxiliary[alias], 1)
                if alias != "override_enabled" and rng.random() < 0.5:
                    parameters.pop(alias)
        questions.ask(
            "cpu.leaky_integrator",
            [array],
            ((size,), dtype),
            auxiliary=auxiliary,
            parameters=parameters,
        )


def ask(questions):
    reductions(questions)
    affine(questions)
    integrators(questions)
