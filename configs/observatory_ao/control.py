"""The control law of pipeline.yaml in float64 NumPy, one function a stage.

simulate.py closes its loop with it; verify.py compares the commands of a sandpipe run with it.
The constants here and the parameters in pipeline.yaml are the same numbers.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

TILE = 8  # pixels across one lenslet
LENSLETS = 32  # across the pupil
ACTUATORS = 32  # across the pupil
FRAME_RATE_HZ = 1000.0

DARK_ADU = 200.0  # the camera's offset
ELECTRONS_PER_ADU = 0.25

LEAK = 0.99
GAIN = 0.4
STROKE_UM = 1.0  # commands are micrometres of mirror surface, limited to plus and minus this


def convert(raw):
    """Camera counts to photo-electrons."""
    return ELECTRONS_PER_ADU * raw.astype(np.float64) - ELECTRONS_PER_ADU * DARK_ADU


def centroids(image):
    """Centre of mass of every tile relative to the tile's centre, in pixels: [rows, columns, (row, column)].

    A tile whose sum is not positive has the centroid (0, 0).
    """
    rows, columns = image.shape[0] // TILE, image.shape[1] // TILE
    tiles = image.reshape(rows, TILE, columns, TILE)
    position = np.arange(TILE) - (TILE - 1) / 2
    total = tiles.sum(axis=(1, 3))
    row = np.einsum("iajb,a->ij", tiles, position)
    column = np.einsum("iajb,b->ij", tiles, position)
    lit = total > 0
    safe = np.where(lit, total, 1.0)
    return np.stack([np.where(lit, row / safe, 0.0), np.where(lit, column / safe, 0.0)], axis=-1)


def slopes(raw):
    """The 2048 slopes of one camera frame, in pixels."""
    return centroids(convert(raw)).ravel()


class Controller:
    """Frames in, commands out; the integrator is its only state."""

    def __init__(self, reconstructor, offset):
        self.reconstructor = reconstructor.astype(np.float64)
        self.offset = offset.astype(np.float64)
        self.state = np.zeros(len(offset))

    def step(self, raw):
        """The 1024 commands that follow from one camera frame, in micrometres of mirror surface."""
        residual = self.reconstructor @ slopes(raw) + self.offset
        self.state = LEAK * self.state + GAIN * residual
        return np.clip(self.state, -STROKE_UM, STROKE_UM)
