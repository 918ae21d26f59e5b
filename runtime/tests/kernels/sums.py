"""Kernels that sum: reductions, matrices, the integrator."""

import itertools

import numpy as np

from arithmetic import (
    EVERY,
    FLOATS,
    SHAPES,
    by_parts,
    computed,
    doubles,
    integer,
    is_integer,
    moderate,
    quotient,
    rng,
    sample,
    system,
)


def reductions(cases):
    for dtype, shape in itertools.product(EVERY, SHAPES):
        for special in (True,) if is_integer(dtype) or dtype == "bool" else (False, True):
            array = sample(shape, dtype, special=special)
            for operation in ("sum", "mean", "max", "min", None):
                expected, tolerance = reduced(array, operation or "mean")
                parameters = {"operation": operation} if operation else {}
                for out in [(1,), (1, 1)] if operation is None else [(1,)]:
                    cases.add(
                        "cpu.reduce", array, expected.reshape(out), parameters=parameters, tolerance=tolerance
                    )


def reduced(array, operation):
    dtype = array.dtype
    if operation in ("max", "min"):
        return np.array(getattr(array, operation)()), None
    count = array.size
    if dtype == "bool":
        return np.array(array.any()), None
    if dtype.kind == "c":
        tolerances = [reduced(part, operation)[1] or 0 for part in (array.real, array.imag)]
        return by_parts(lambda part: reduced(part, operation)[0], array), max(tolerances)
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
    return np.array(expected), tolerance if np.isfinite(array).all() else None


def product(matrix, vector, offset, dtype):
    """matrix @ vector + offset, and how far a sum in the dtype itself, in any order, may be off."""
    if is_integer(dtype):
        rows = [sum(int(a) * int(x) for a, x in zip(row, vector)) + int(b) for row, b in zip(matrix, offset)]
        return np.array([integer(row, dtype) for row in rows], dtype), None
    if dtype == "bool":
        return matrix @ vector | offset, None
    with np.errstate(all="ignore"):
        wide = [array.astype(np.result_type(dtype, np.longdouble)) for array in (matrix, vector, offset)]
        size = np.abs(wide[0]) @ np.abs(wide[1]) + np.abs(wide[2])
        expected = (wide[0] @ wide[1] + wide[2]).astype(dtype)
        return expected, np.float64(np.sqrt(matrix.shape[1] + 1) * np.finfo(dtype).eps * size)


def affine(cases):
    for dtype in EVERY:
        for rows, columns in [(1, 1), (2, 3), (4, 8), (5, 7), (13, 33), (64, 100), (3, 257), (130, 64)]:
            # Sums of products of the widest integers are exact as far as 128 bits go.
            saturating = is_integer(dtype) and (np.dtype(dtype).itemsize < 8 or columns < 3)
            for make in (moderate, sample) if saturating else (moderate,):
                matrix, vector, offset = system(rows, columns, dtype, make)
                expected, tolerance = product(matrix, vector, offset, dtype)
                cases.add(
                    "cpu.affine_transform",
                    vector,
                    expected,
                    auxiliary={"matrix": matrix, "offset": offset},
                    tolerance=tolerance,
                    note=f"{rows} rows",
                )
    for dtype in FLOATS:
        # What is not finite stays in its row.
        matrix, vector, offset = system(6, 21, dtype)
        matrix[1, 5], matrix[2, 20], offset[3] = np.nan, np.inf, -np.inf
        expected, tolerance = product(matrix, vector, offset, dtype)
        cases.add(
            "cpu.affine_transform",
            vector,
            expected,
            auxiliary={"matrix": matrix, "offset": offset},
            parameters={"blas_threads": 2},
            tolerance=np.where(np.isfinite(expected), tolerance, 0),
        )
    matrix, vector, offset = system(1024, 2048, "float32")
    expected, tolerance = product(matrix, vector, offset, "float32")
    cases.add(
        "cpu.affine_transform",
        vector,
        expected,
        auxiliary={"matrix": matrix, "offset": offset},
        tolerance=tolerance,
    )


def integrators(cases):
    """s = leak s + gain in, in float64, kept in the dtype."""

    def integrate(array, leak, gain):
        state, out = np.zeros(array.shape[1:], array.dtype), []
        for frame, a, g in zip(array, leak, gain):
            state = computed(lambda state, x: a * state + g * x, array.dtype, state, frame)
            out.append(state)
        return np.array(out)

    frames = 5
    for dtype, size in itertools.product(EVERY, (1, 7, 33, 1024)):
        array = sample((frames, size), dtype, special=False)
        for leak, gain in ((0.99, 0.4), (1, -1), (0, 2), (0.5, 1e-3)):
            cases.add(
                "cpu.leaky_integrator",
                array,
                integrate(array, [leak] * frames, [gain] * frames),
                parameters={"leak": leak, "gain": gain},
                frames=frames,
            )
    array = sample((frames, 9), "float32")
    leak, gain = rng.random((frames, 1)), rng.random((frames, 1)).astype("float32")
    cases.add(
        "cpu.leaky_integrator",
        array,
        integrate(array, leak, doubles(gain)),
        auxiliary={"gain": gain, "leak": leak},
        frames=frames,
        note="gain and leak from streams",
    )
    cases.add(
        "cpu.leaky_integrator",
        array,
        integrate(array, [0.5] * frames, doubles(gain)),
        auxiliary={"gain": gain},
        parameters={"leak": 0.5},
        frames=frames,
        note="gain from a stream",
    )
    enabled = np.array([0, 1, 0, 2, 0], "uint8").reshape(frames, 1)
    mixed = np.where(enabled != 0, doubles(gain), 0.25)
    cases.add(
        "cpu.leaky_integrator",
        array,
        integrate(array, [0.5] * frames, mixed),
        parameters={"leak": 0.5, "gain": 0.25},
        auxiliary={"gain": gain, "override_enabled": enabled},
        frames=frames,
        note="gain from a stream at times",
    )
