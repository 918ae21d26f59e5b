"""cpu.custom_operation and cpu.raise_error."""

import numpy as np
from arithmetic import COMPLEX, EVERY, FLOATS, is_integer, moderate, rng, sample, system
from sums import product

FUNCTIONS = {
    "abs": np.abs,
    "min": np.minimum,
    "minimum": np.minimum,
    "max": np.maximum,
    "maximum": np.maximum,
    "clip": np.clip,
}


NUMBERS = ["0", "1", "2", "3", "0.5", "0.1", "1e-3", "2.5e2", "1e30"]


def expression(names, depth, numbers=NUMBERS, limits=None):
    """Text of the operation's grammar; integers stay small enough not to wrap. `limits` are those of `clip`, if not any."""
    again = lambda: expression(names, depth - 1, numbers, limits)
    limit = lambda: str(rng.choice(limits)) if limits else again()
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.7:
            return str(rng.choice(names))
        return str(rng.choice(numbers))
    match rng.integers(10):
        case 0:
            return f"{rng.choice(['-', '+'])}{again()}" if rng.random() < 0.5 else f"-({again()})"
        case 1:
            return f"abs({again()})"
        case 2 | 3:
            return f"{rng.choice(['min', 'max', 'minimum', 'maximum'])}({again()}, {again()})"
        case 4:
            return f"clip({again()}, {limit()}, {limit()})"
        case 5:
            # Which zero is the larger one NumPy leaves to the processor, so none is divided by.
            return f"({again()} / {expression(names, 0, numbers)})"
        case _:
            return f"({again()} {rng.choice(['+', '-', '*'])} {again()})"


def elements(shape, dtype):
    """Of what operations compute: whole numbers that stay small, complex ones too, and floats of all kinds."""
    if is_integer(dtype):
        return rng.integers(-5, 6, shape).astype(dtype)
    if dtype in COMPLEX:
        return (rng.integers(-5, 6, shape) + 1j * rng.integers(-5, 6, shape)).astype(dtype)
    return sample(shape, dtype)


def operations(questions, count, dtypes, depth, *texts, tolerance=None):
    for _ in range(count):
        shape = tuple(int(extent) for extent in rng.integers(1, 20, rng.integers(1, 4)))
        names = ["input", "b", "gain", "row"][: rng.integers(1, 5)]
        arrays = {}
        for name in names:
            own = {"gain": (1,), "row": shape[-1:]}.get(name, shape)
            arrays[name] = elements((2, *own), str(rng.choice(dtypes)))
        operation = expression(names, int(rng.integers(1, depth + 1)), *texts)
        ones = {name: np.ones(array.shape[1:], array.dtype) for name, array in arrays.items()}
        with np.errstate(all="ignore"):
            try:
                result = np.asarray(eval(operation, {"__builtins__": {}}, {**FUNCTIONS, **ones}))
            except ZeroDivisionError:
                # Of two literals; the parent computes them as NumPy does.
                continue
            except TypeError:
                # bool has no minus.
                continue
        # A wrong dtype now and then, and expressions of literals alone, have no output that fits.
        dtype = result.dtype if result.dtype.kind in "bfic" and rng.random() < 0.95 else np.dtype("uint8")
        questions.ask(
            "cpu.custom_operation",
            [arrays.pop("input")],
            (result.shape or (1,), dtype),
            auxiliary=arrays,
            operation=operation,
            tolerance=tolerance,
        )


def matrices(questions):
    for dtype in EVERY:
        rows, columns = (int(extent) for extent in rng.integers(1, 40, 2))
        matrix, vector, offset = system(rows, columns, dtype)
        _, tolerance = product(matrix, vector, offset, dtype)
        questions.ask(
            "cpu.custom_operation",
            [vector[None]],
            ((rows,), dtype),
            auxiliary={"m": matrix[None], "b": offset[None]},
            operation="m @ input + b",
            # Both are off by so much from the exact sum.
            tolerance=None if tolerance is None else lambda out, tolerance=tolerance: 2 * tolerance,
        )
        if not is_integer(dtype):
            other = moderate((columns, 5), dtype)
            tolerances = [product(matrix, column, offset, dtype)[1] for column in other.T]
            questions.ask(
                "cpu.custom_operation",
                [matrix[None]],
                ((rows, 5), dtype),
                auxiliary={"m": other[None]},
                operation="input @ m",
                tolerance=None if dtype == "bool" else lambda out, all=tolerances: 2 * np.stack(all, axis=1),
            )


def close(out):
    """Roots and quotients of whole numbers."""
    if out.dtype.kind not in "fc":
        return 0
    return np.where(np.isfinite(out), 32 * np.finfo(out.dtype).eps * np.maximum(np.abs(out), 1), 0)


def ask(questions):
    operations(questions, 160, [*FLOATS, *FLOATS, "int32", "int64"], 4)
    operations(questions, 80, [*FLOATS, "float16", "float16", "bool", "int32"], 4)
    # Exact, as long as they are short: so it does not matter whether a product is rounded on the way. And no limits that are NaN
    # in part; see the table.
    short = NUMBERS[:5]
    mixed = [*COMPLEX, *COMPLEX, "float16", "float32", "int32", "bool"]
    operations(questions, 80, mixed, 2, short, short, tolerance=close)
    matrices(questions)
