"""cpu.custom_operation and cpu.raise_error."""

import numpy as np
from arithmetic import FLOATS, is_integer, rng, sample

FUNCTIONS = {
    "abs": np.abs,
    "min": np.minimum,
    "minimum": np.minimum,
    "max": np.maximum,
    "maximum": np.maximum,
    "clip": np.clip,
}


def expression(names, depth):
    """Text of the operation's grammar; integers stay small enough not to wrap."""
    again = lambda: expression(names, depth - 1)
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.7:
            return str(rng.choice(names))
        return str(rng.choice(["0", "1", "2", "3", "0.5", "0.1", "1e-3", "2.5e2", "1e30"]))
    match rng.integers(10):
        case 0:
            return f"{rng.choice(['-', '+'])}{again()}" if rng.random() < 0.5 else f"-({again()})"
        case 1:
            return f"abs({again()})"
        case 2 | 3:
            return f"{rng.choice(['min', 'max', 'minimum', 'maximum'])}({again()}, {again()})"
        case 4:
            return f"clip({again()}, {again()}, {again()})"
        case 5:
            # Which zero is the larger one NumPy leaves to the processor, so none is divided by.
            return f"({again()} / {expression(names, 0)})"
        case _:
            return f"({again()} {rng.choice(['+', '-', '*'])} {again()})"


def operations(questions):
    for _ in range(160):
        shape = tuple(int(extent) for extent in rng.integers(1, 20, rng.integers(1, 4)))
        names = ["input", "b", "gain", "row"][: rng.integers(1, 5)]
        arrays = {}
        for name in names:
            dtype = str(rng.choice([*FLOATS, *FLOATS, "int32", "int64"]))
            own = {"gain": (1,), "row": shape[-1:]}.get(name, shape)
            if is_integer(dtype):
                arrays[name] = rng.integers(-5, 6, (2, *own)).astype(dtype)
            else:
                arrays[name] = sample((2, *own), dtype)
        operation = expression(names, int(rng.integers(1, 5)))
        ones = {name: np.ones(array.shape[1:], array.dtype) for name, array in arrays.items()}
        with np.errstate(all="ignore"):
            try:
                result = np.asarray(eval(operation, {"__builtins__": {}}, {**FUNCTIONS, **ones}))
            except ZeroDivisionError:
                # Of two literals; the parent computes them as NumPy does.
                continue
        # A wrong dtype now and then, and expressions of literals alone, have no output that fits.
        dtype = result.dtype if result.dtype.kind in "fi" and rng.random() < 0.95 else np.dtype("uint8")
        questions.ask(
            "cpu.custom_operation",
            [arrays.pop("input")],
            (result.shape or (1,), dtype),
            auxiliary=arrays,
            operation=operation,
        )


def ask(questions):
    operations(questions)
