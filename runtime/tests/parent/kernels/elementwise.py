"""Kernels that compute each element by itself, or move elements."""

import numpy as np
from arithmetic import COMPLEX, EVERY, NUMBERS, cast, doubles, exact, is_integer, product, rng, sample

FRAMES = 2


def shape_for(dtype):
    """As many axes as the dtype says, so that numba compiles each kernel once a dtype."""
    return tuple(int(rng.integers(1, 12)) for _ in range(1 + EVERY.index(str(np.dtype(dtype))) % 3))


def number():
    """A parameter: whole, short, long, huge, tiny, nothing."""
    return rng.choice(
        [
            float(rng.integers(-3, 4)),
            float(rng.choice([0.5, 0.1, -1.5])),
            rng.normal() * 10.0 ** rng.integers(-6, 6),
            float(rng.choice([1e300, -1e-300, 0.0, -0.0])),
        ]
    ).item()


def fits(values, dtype):
    """Whether numbers, truncated, are in the range of a dtype."""
    bounds = np.iinfo(dtype)
    return (values > float(bounds.min) - 1) & (values < float(bounds.max) + 1)


def rounded(formula, dtype, *arrays):
    """Right: the parent's integers where they fit, else saturated."""
    if not is_integer(dtype):
        return None
    values = formula(*map(doubles, arrays))
    return lambda out: np.where(fits(values, dtype), out, cast(values, dtype))


def constants(questions):
    for dtype in [*NUMBERS, "bool", *COMPLEX] * 2:
        shape = (FRAMES, *shape_for(dtype))
        # Of complex infinities the parent makes NaN; see the table.
        special = dtype not in COMPLEX
        array, offset = (sample(shape, dtype, special=special) for _ in range(2))
        parameter = number()
        with np.errstate(all="ignore"):
            for kind, name, auxiliary, formula in [
                ("cpu.scale", "factor", {}, lambda x: x * parameter),
                ("cpu.add_constant", "constant", {}, lambda x: x + parameter),
                ("cpu.scale_offset", "gain", {"offset": offset}, lambda x, offset: parameter * x - offset),
            ]:
                questions.ask(
                    kind,
                    [array],
                    (shape[1:], dtype),
                    auxiliary=auxiliary,
                    parameters={name: parameter},
                    right=rounded(formula, dtype, array, *auxiliary.values()),
                )


def near(found, right):
    """What is right, where the parent's is that but for the rounding of an operation."""
    size = np.finfo(right.dtype).eps * np.maximum(np.abs(right), 16)
    assert np.all((np.abs(found - right) <= size) | ~np.isfinite(right))
    return right


def binary(questions):
    formulas = {"add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b}
    for dtype in EVERY * 2:
        shape = (FRAMES, *shape_for(dtype))
        a, b = sample(shape, dtype), sample(shape, dtype)
        for name, formula in formulas.items():
            if dtype == "bool" and name == "subtract":
                continue
            right = None
            if is_integer(dtype):
                bounds = np.iinfo(dtype)
                wide = formula(a.astype(object), b.astype(object))
                inside = (wide >= int(bounds.min)) & (wide <= int(bounds.max))
                saturated = exact(formula, dtype, a, b)
                right = lambda out, inside=inside, saturated=saturated: np.where(
                    inside.astype(bool), out, saturated
                )
            elif name == "multiply" and dtype != "bool":
                right = lambda out: near(out, product(a, b))
            questions.ask(
                f"cpu.elementwise_{name}", [a], (shape[1:], dtype), auxiliary={"b": b}, right=right
            )
        if not is_integer(dtype) and dtype != "bool":
            b.flat[rng.integers(b.size)] = 0
            questions.ask("cpu.elementwise_divide", [a], (shape[1:], dtype), auxiliary={"b": b})


def moved(questions):
    for dtype in EVERY:
        shape = shape_for(dtype)
        array = sample((FRAMES, *shape), dtype)
        questions.ask("cpu.copy", [array], (shape, dtype))
        if dtype != "float16":
            questions.ask("cpu.flatten", [array], ((int(np.prod(shape)),), dtype))
        axis = int(rng.integers(-len(shape), len(shape)))
        arrays = []
        for _ in range(rng.integers(2, 6)):
            extents = list(shape)
            extents[axis] = int(rng.integers(1, 9))
            arrays.append(sample((FRAMES, *extents), dtype))
        joined = list(shape)
        joined[axis] = sum(array.shape[1:][axis] for array in arrays)
        questions.ask("cpu.concatenate", arrays, (tuple(joined), dtype), parameters={"axis": axis})


def ask(questions):
    constants(questions)
    binary(questions)
    moved(questions)
