"""Kernels that compute each element by itself, or move elements."""

import itertools

import numpy as np

from arithmetic import (
    COMPLEX,
    EVERY,
    NUMBERS,
    SHAPES,
    computed,
    exact,
    is_integer,
    joined,
    product,
    quotient,
    sample,
)


def copies(cases):
    for dtype in EVERY:
        for shape in SHAPES:
            array = sample(shape, dtype)
            cases.add("cpu.copy", array, array)
            cases.add("cpu.flatten", array, array.ravel())
        for axis, shapes in [
            (0, [(2, 3), (1, 3)]),
            (1, [(2, 3), (2, 1), (2, 4)]),
            (-1, [(7,), (33,), (1,), (64,), (5,)]),
            (1, [(3, 2, 5), (3, 7, 5)]),
            (-3, [(1, 3, 2), (4, 3, 2)]),
            (2, [(2, 3, 9), (2, 3, 8)]),
        ]:
            arrays = [sample(shape, dtype) for shape in shapes]
            cases.add("cpu.concatenate", arrays, np.concatenate(arrays, axis), parameters={"axis": axis})
        arrays = [sample((4,), dtype) for _ in range(2)]
        cases.add("cpu.concatenate", arrays, np.concatenate(arrays), note="the default axis")


def constants(cases):
    """Computed in float64, then cast."""
    for dtype, shape in itertools.product(EVERY, SHAPES):
        array, offset = sample(shape, dtype), sample(shape, dtype)
        for factor in (2, 0.5, -1.5, 0.1, 1e300, 0):
            scaled = computed(lambda x: x * factor, dtype, array)
            cases.add("cpu.scale", array, scaled, parameters={"factor": factor})
        for constant in (1, -100, 0.1, 1e-30, -1e300):
            moved = computed(lambda x: x + constant, dtype, array)
            if dtype in COMPLEX:
                moved = joined(moved.real, array.imag, dtype)
            cases.add("cpu.add_constant", array, moved, parameters={"constant": constant})
        for gain in (1, 2, -0.3):
            cases.add(
                "cpu.scale_offset",
                array,
                computed(lambda x, offset: gain * x - offset, dtype, array, offset),
                auxiliary={"offset": offset},
                parameters={"gain": gain},
            )


ELEMENTWISE = {
    "add": (np.add, lambda a, b: a + b),
    "subtract": (np.subtract, lambda a, b: a - b),
    "multiply": (np.multiply, lambda a, b: a * b),
    "divide": (np.divide, quotient),
}


def elementwise(cases):
    """In the dtype of the streams."""
    for dtype, shape in itertools.product(EVERY, SHAPES):
        a, b = sample(shape, dtype), sample(shape, dtype)
        b.flat[0] = 0
        for name, (ufunc, unbounded) in ELEMENTWISE.items():
            if dtype == "bool" and name in ("subtract", "divide"):
                continue
            with np.errstate(all="ignore"):
                if is_integer(dtype):
                    expected = exact(unbounded, dtype, a, b)
                elif ufunc is np.multiply:
                    expected = product(a, b)
                else:
                    expected = ufunc(a, b)
            cases.add(f"cpu.elementwise_{name}", a, expected, auxiliary={"b": b}, note="elements")


def conversions(cases):
    for source, target in itertools.product(["bool", *NUMBERS, "float16"], repeat=2):
        for shape in [(1,), (33,), (5, 13)]:
            array = sample(shape, source)
            for gain, offset in ((1, 0), (0.25, -50), (-3, 0.5)):
                expected = converted(array, target, gain, offset)
                cases.add(
                    "cpu.convert",
                    array,
                    expected,
                    parameters={"gain": gain, "offset": offset},
                    note=f"{gain}, {offset} to {target}",
                )
        array = sample((9,), source)
        cases.add("cpu.convert", array, converted(array, target, 1, 0), note=f"to {target}")


def converted(array, target, gain, offset):
    """In float64; without gain and offset to the same dtype, unchanged."""
    if array.dtype == target and gain == 1 and offset == 0:
        return array
    return computed(lambda x: x * gain + offset, target, array)
