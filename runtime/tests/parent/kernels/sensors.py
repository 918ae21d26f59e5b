"""Kernels that find centres of mass."""

import numpy as np
from arithmetic import FLOATS, NUMBERS, cast, is_integer, rng
from centroids import near


def image(frames, rows, columns, dtype):
    """Pixels that count, dark ones, negative ones where there are some, and at times one that is no number."""
    shape = (frames, rows, columns)
    if is_integer(dtype):
        low = 0 if np.dtype(dtype).kind == "u" else -20
        return rng.integers(low, 100, shape).astype(dtype)
    values = rng.normal(1, 1, shape).astype(dtype)
    if rng.random() < 0.4:
        values.flat[rng.integers(values.size)] = rng.choice([np.nan, np.inf, -np.inf])
    return values


def unsigned(dtype):
    """Right: below zero there is nothing in an unsigned dtype."""
    if np.dtype(dtype).kind != "u":
        return None
    half = np.iinfo(dtype).max // 2
    return lambda out: np.where(out > half, 0, out).astype(dtype)


def shack_hartmann(questions):
    for dtype in NUMBERS * 2:
        tile = int(rng.integers(1, 10))
        rows, columns = (int(extent) for extent in rng.integers(1, 5, 2))
        pixels = image(2, rows * tile, columns * tile, dtype)
        pixels[1, :tile, :tile] = 0
        if np.dtype(dtype).kind == "i" or dtype in FLOATS:
            pixels[1, -tile:, -tile:] = -1
        questions.ask(
            str(rng.choice(["cpu.shack_hartmann_centroid", "cpu.centroid"])),
            [pixels],
            ((rows, columns, 2), dtype),
            parameters={"tile_size": tile},
            right=unsigned(dtype),
            tolerance=None if is_integer(dtype) else lambda out, dtype=dtype, tile=tile: near(out, dtype, tile),
        )


def spot(questions):
    for dtype in NUMBERS * 3:
        rows, columns = (int(extent) for extent in rng.integers(1, 40, 2))
        pixels = image(2, rows, columns, dtype)
        parameters = {
            "background": float(rng.choice([0, 1, rng.normal()])),
            "threshold": float(rng.choice([0, 0.5, 3, 1e9])),
            "weight_power": float(rng.choice([1, 2] if is_integer(dtype) else [1, 2, 0.5, 3, 1.7])),
        }
        if is_integer(dtype):
            # Exact in whatever order it is summed.
            parameters["background"] = float(round(parameters["background"]))
        for name in list(parameters):
            if rng.random() < 0.2:
                del parameters[name]
        questions.ask(
            "cpu.spot_centroid",
            [pixels],
            ((2,), dtype),
            parameters=parameters,
            right=unsigned(dtype),
            tolerance=None
            if is_integer(dtype)
            else lambda out, dtype=dtype, rows=rows, columns=columns: near(out, dtype, 64 * max(rows, columns)),
        )


def ask(questions):
    shack_hartmann(questions)
    spot(questions)
