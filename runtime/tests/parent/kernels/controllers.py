"""The two controllers that shmpipeline calls deprecated."""

import numpy as np
from arithmetic import FLOATS, doubles, rng
from sensors import image

FRAMES = 4


def tip_tilt(questions):
    for dtype in FLOATS * 12:
        rows, columns = (int(extent) for extent in rng.integers(1, 40, 2))
        pixels = image(FRAMES, rows, columns, dtype)
        matrix = rng.normal(size=(FRAMES, 2, 2)).astype(dtype)
        bias = rng.normal(size=(FRAMES, 2)).astype(dtype)
        parameters = {
            "background": rng.normal(),
            "threshold": float(rng.choice([0, 0.5, 1e9])),
            "weight_power": float(rng.choice([1, 2, 0.5])),
            "leak": float(rng.choice([1, 0, 0.9])),
            "control_gain": rng.normal(),
        }
        for name in list(parameters):
            if rng.random() < 0.3:
                del parameters[name]
        gain = abs(parameters.get("control_gain", 1.0))

        def tolerance(out):
            # The centre is rounded, and summed in another order, each frame; the state adds that up. Then the product, of which
            # each of the three terms may be rounded otherwise.
            eps, extent = np.finfo(out.dtype).eps, max(rows, columns)
            centre = eps * extent + 64 * 64 * extent * np.finfo(np.float64).eps
            state = (1 + np.arange(FRAMES))[:, None] * (2 * gain * centre + 2 * eps * FRAMES * gain * extent)
            reach = gain * extent * FRAMES
            sizes = np.abs(doubles(matrix)).sum(axis=2)
            tolerance = sizes * state + 4 * eps * (sizes * reach + np.abs(doubles(bias)))
            return np.where(np.isfinite(out), tolerance, 0)

        # The order of the auxiliary streams counts, and not their names.
        names = rng.permutation(["matrix", "bias", "turn"])[:2]
        questions.ask(
            "cpu.tip_tilt_controller",
            [pixels],
            ((2,), dtype),
            auxiliary=dict(zip(map(str, names), (matrix, bias))),
            parameters=parameters,
            tolerance=tolerance,
        )


def tomographic(questions):
    for dtype in FLOATS * 12:
        tile = int(rng.integers(1, 6))
        rows, columns = (int(tiles) * tile for tiles in rng.integers(1, 4, 2))
        actuators = int(rng.integers(1, 12))
        slopes = (rows // tile, columns // tile, 2)
        count = 8 * int(np.prod(slopes))
        # An integer camera has a dark frame that is less, or one of floats.
        camera = str(rng.choice([dtype, dtype, "uint8", "uint16", "int16"]))
        dark_dtype = str(rng.choice([camera, dtype]))
        pixels = rng.integers(20, 120, (FRAMES, 8, rows, columns)).astype(camera)
        dark = rng.integers(0, 20, (FRAMES, 8, rows, columns)).astype(dark_dtype)
        if camera == dtype:
            pixels += rng.normal(size=pixels.shape).astype(dtype)
            if rng.random() < 0.2:
                pixels.flat[rng.integers(pixels.size)] = np.nan
        if dark_dtype == dtype:
            dark += rng.normal(size=dark.shape).astype(dtype)
        normal = lambda *shape: rng.normal(size=(FRAMES, *shape)).astype(dtype)
        wfs = {"dark": dark, "inverse_flat": 1 + normal(8, rows, columns) / 10, "slope_offset": normal(8, *slopes)}
        auxiliary = {
            "reconstructor": normal(actuators, count),
            "reconstructor_bias": normal(actuators),
            "command_offset": normal(actuators),
            "command_low": normal(actuators) - 100,
            "command_high": normal(actuators) + 100,
        }
        if rng.random() < 0.5:
            inputs = [pixels]
            auxiliary |= {f"wfs_{name}": array for name, array in wfs.items()}
        else:
            inputs = [pixels[:, index] for index in range(8)]
            for index in range(8):
                auxiliary |= {f"wfs{index}_{name}": array[:, index] for name, array in wfs.items()}
        parameters = {
            "tile_size": tile,
            "slope_gain": rng.normal(),
            "leak": float(rng.choice([1, 0, 0.9])),
            "control_gain": rng.normal(),
            "command_gain": rng.normal(),
        }
        for name in list(parameters):
            if rng.random() < 0.2 and (name != "tile_size" or tile == 4):
                del parameters[name]

        def tolerance(out):
            gains = {"slope_gain": 1.0, "control_gain": 1.0, "command_gain": 1.0} | parameters
            eps = np.finfo(out.dtype).eps
            # A centroid is rounded, and summed in another order; so are the slopes and their product with the matrix.
            slope = abs(gains["slope_gain"]) * tile + 5
            error = 4 * eps * slope + abs(gains["slope_gain"]) * 4096 * tile * np.finfo(np.float64).eps
            weights = np.abs(doubles(auxiliary["reconstructor"])).sum(axis=2)
            residual = weights * (error + 2 * np.sqrt(count) * eps * slope) + 10 * eps
            state = np.cumsum(residual + 4 * eps * weights * slope, axis=0) * abs(gains["control_gain"])
            tolerance = 2 * abs(gains["command_gain"]) * state + 8 * eps * 110
            return np.where(np.isfinite(out), tolerance, 0)

        order = rng.permutation(list(auxiliary))
        questions.ask(
            "cpu.tomographic_controller",
            inputs,
            ((actuators,), dtype),
            auxiliary={str(alias): auxiliary[alias] for alias in order},
            parameters=parameters,
            policy="all_new",
            tolerance=tolerance,
        )


def ask(questions):
    tip_tilt(questions)
    tomographic(questions)
