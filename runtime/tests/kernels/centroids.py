"""Kernels that find centres of mass."""

import itertools

import numpy as np

from arithmetic import FLOATS, NUMBERS, cast, doubles, is_integer, rng


def centre(values, positions):
    """Centre of mass of `values` along each of `positions`, in float64; 0 where the sum is not positive."""
    with np.errstate(all="ignore"):
        total = values.sum()
        if total <= 0:
            return [0.0 for _ in positions]
        return [(values * position).sum() / total for position in positions]


def near(expected, dtype, scale):
    """Rounding of an output, and of sums of products in float64 with cancellation, of numbers of size `scale`."""
    if is_integer(dtype):
        return None
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(expected)).astype(np.float64)
    return np.where(np.isfinite(expected), spacing + 64 * scale * np.finfo(np.float64).eps, 0)


def centroids(cases):
    def shack_hartmann(image, tile):
        grid = np.arange(tile) - (tile - 1) / 2
        rows, columns = image.shape[0] // tile, image.shape[1] // tile
        out = np.zeros((rows, columns, 2))
        for i, j in np.ndindex(rows, columns):
            values = doubles(image[i * tile : (i + 1) * tile, j * tile : (j + 1) * tile])
            out[i, j] = centre(values, (grid[:, None], grid))
        return out

    for dtype in NUMBERS:
        for tile, rows, columns in [
            (1, 3, 5),
            (2, 3, 3),
            (3, 5, 2),
            (4, 7, 9),
            (5, 2, 3),
            (7, 3, 3),
            (8, 4, 5),
            (8, 32, 32),
            (16, 2, 3),
            (17, 2, 2),
            (33, 1, 2),
        ]:
            shape = (rows * tile, columns * tile)
            top = 100 if is_integer(dtype) else 1.0
            image = (rng.random(shape) * top).astype(dtype)
            # Tiles of nothing, of one pixel, of negative sum, of a single value.
            tiles = image.reshape(rows, tile, columns, tile).swapaxes(1, 2)
            tiles[0, 0] = 0
            tiles[-1, -1] = 0
            tiles[-1, -1, 0, -1] = 5
            if columns > 2:
                tiles[0, 1] = 3
                if np.dtype(dtype).kind != "u":
                    tiles[0, 2] = -tiles[0, 2]
                if not is_integer(dtype):
                    tiles[-1, 0, 0, 0] = np.nan
                    tiles[-1, 1, -1, 0] = -np.inf
            image = tiles.swapaxes(1, 2).reshape(shape)
            expected = shack_hartmann(image, tile)
            for kind in (
                ("cpu.shack_hartmann_centroid", "cpu.centroid")
                if tile == 8
                else ("cpu.shack_hartmann_centroid",)
            ):
                result = cast(expected, dtype)
                cases.add(
                    kind, image, result, parameters={"tile_size": tile}, tolerance=near(result, dtype, tile)
                )

    def spot(image, background, threshold, power):
        values = doubles(image) - background
        with np.errstate(all="ignore"):
            # NaN is not above the threshold, but it is not nothing either.
            values = np.where(np.isnan(values), np.nan, np.where(values > threshold, values, 0.0)) ** power
        rows, columns = image.shape
        return np.array(
            centre(
                values, (np.arange(rows)[:, None] - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2)
            )
        )

    for dtype, shape in itertools.product(NUMBERS, [(1, 1), (2, 3), (7, 5), (32, 32), (33, 31), (64, 65)]):
        image = (rng.random(shape) * (100 if is_integer(dtype) else 10)).astype(dtype)
        images = [image]
        if dtype in FLOATS and image.size > 1:
            images += [image.copy(), image.copy()]
            images[1].flat[-2], images[2].flat[-1] = np.nan, np.inf
        choices = (
            (0, 0, 1),
            (2, 0, 1),
            (1.5, 3, 2),
            (0, 4, 0.5),
            (0, 1e9, 1),
            (-1, 0.5, 3),
            (4, -2, 1),
            (9, -20, 1),
        )
        for image, (background, threshold, power) in itertools.product(images, choices):
            result = cast(spot(image, background, threshold, power), dtype)
            parameters = {"background": background, "threshold": threshold, "weight_power": power}
            cases.add(
                "cpu.spot_centroid",
                image,
                result,
                parameters=parameters,
                tolerance=near(result, dtype, 64 * max(shape)),
            )
        result = cast(spot(images[0], 0, 0, 1), dtype)
        cases.add("cpu.spot_centroid", images[0], result, tolerance=near(result, dtype, 64 * max(shape)))
