"""Numbers: conversion, integers without bounds, samples."""

import numpy as np

SEED = 20261122
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
NUMBERS = INTEGERS + FLOATS
COMPLEX = ["complex64", "complex128"]
EVERY = ["bool", *INTEGERS, "float16", *FLOATS, "complex64", "complex128"]

# Rows that are no multiple of a vector, one that is, one element, and frames larger than a page.
SHAPES = [(1,), (7,), (32,), (33,), (3, 5, 7), (41, 29)]

rng = np.random.default_rng(SEED)


def is_integer(dtype):
    return np.dtype(dtype).kind in "iu"


def integer(value, dtype):
    """A number as an integer of `dtype`: truncated toward zero, saturated, NaN is 0."""
    bounds = np.iinfo(dtype)
    if isinstance(value, float) and not np.isfinite(value):
        return 0 if np.isnan(value) else int(bounds.max if value > 0 else bounds.min)
    return min(max(int(value), int(bounds.min)), int(bounds.max))


def by_parts(function, array):
    """What a function makes of the real and of the imaginary part."""
    return joined(function(array.real), function(array.imag), array.dtype)


def joined(real, imaginary, dtype):
    """A complex array. Not by a sum: an infinite part would make NaN of the other."""
    result = np.empty(np.shape(real), dtype)
    with np.errstate(all="ignore"):
        result.real, result.imag = real, imaginary
    return result


def computed(function, dtype, *arrays):
    """A function of elements, computed in float64 and cast; of complex numbers, of each part by itself."""
    if dtype in COMPLEX:
        real = computed(function, "float64", *(array.real for array in arrays))
        imaginary = computed(function, "float64", *(array.imag for array in arrays))
        return joined(real, imaginary, dtype)
    with np.errstate(all="ignore"):
        return cast(function(*map(doubles, arrays)), dtype)


def cast(values, dtype):
    """float64 numbers as `dtype`."""
    values = np.asarray(values, np.float64)
    if dtype == "bool":
        return values != 0
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
    """Small numbers of both signs: sums of products of them stay in range. Few of bool are true."""
    if dtype == "bool":
        return rng.random(shape) < 0.2
    if dtype in COMPLEX:
        return joined(rng.normal(size=shape), rng.normal(size=shape), dtype)
    if is_integer(dtype):
        low = 0 if np.dtype(dtype).kind == "u" else -3
        return rng.integers(low, 4, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def system(rows, columns, dtype, make=moderate):
    """A matrix, a vector that it can be multiplied with, and an offset for the product."""
    return make((rows, columns), dtype), make((columns,), dtype), make((rows,), dtype)


def quotient(a, b):
    """Truncated; by zero, the bound on the side of the dividend."""
    if b == 0:
        return (a > 0) * 2**70 - (a < 0) * 2**70
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def product(a, b):
    """Of complex numbers each operation rounded by itself: NumPy leaves a rounding out where the processor can."""
    if a.dtype.kind != "c":
        return a * b
    return joined(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real, a.dtype)
