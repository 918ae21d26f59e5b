"""Kernels that are sources and sinks."""

import numpy as np

from arithmetic import NUMBERS, SHAPES, cast, is_integer, moderate


def spots(cases):
    """`cpu.moving_spot`, with a period at which no brightness is a whole number but that of the spot's middle."""
    parameters = {"period": 7, "radius": 0.7, "width": 1.3, "peak": 90.3, "background": 10.2}
    shape, frames = (5, 9), 9
    centre = [(extent - 1) / 2 for extent in shape]
    angles = 2 * np.pi * (np.arange(frames) % 7) / 7
    places = 0.7 * np.stack([centre[0] * np.sin(angles), centre[1] * np.cos(angles)], axis=1)
    bells = [
        np.exp(-0.5 * ((np.arange(extent) - centre[axis] - places[:, axis, None]) / 1.3) ** 2)
        for axis, extent in enumerate(shape)
    ]
    images = 10.2 + 90.3 * bells[0][:, :, None] * bells[1][:, None, :]
    for dtype in ["float16", *NUMBERS]:
        outputs = {"image": cast(images, dtype), "place": places}
        streams = [
            {"name": name, "shape": list(array.shape[1:]), "dtype": str(array.dtype)}
            for name, array in outputs.items()
        ]
        source = {"name": "source", "kind": "cpu.moving_spot", "streams": list(outputs), "parameters": parameters}
        precision = 0 if is_integer(dtype) else np.finfo(dtype).eps
        tolerances = {"place": 1e-12} | ({"image": 200 * precision} if precision else {})
        cases.put(
            f"cpu.moving_spot in {dtype}", {"shared_memory": streams, "sources": [source]}, outputs, tolerances
        )


def statistics(cases):
    for dtype in ["bool", "float16", *NUMBERS]:
        for shape in SHAPES:
            array = moderate(shape, dtype)
            wide = array.astype(np.longdouble)
            expected = np.array([wide.mean(), wide.std()], np.float64)
            tolerance = 1e-14 * array.size * max(1.0, float(np.abs(wide).max()))
            cases.add("cpu.statistics", array, expected, tolerance=tolerance)
