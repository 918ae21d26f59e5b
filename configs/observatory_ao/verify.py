"""Compares the commands that sandpipe recorded with an independent computation of the same frames in float64.

    python verify.py [commands.npy]

Needs NumPy alone. Exit code 0 where the relative error of every frame's commands is below 1e-4, else 1.
"""

import sys

import numpy as np

from control import ACTUATORS, HERE, Controller

TOLERANCE = 1e-4


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else HERE / "commands.npy"
    commands = np.load(path)
    if (
        commands.dtype != np.float32
        or commands.ndim != 2
        or commands.shape[1] != ACTUATORS**2
        or not len(commands)
    ):
        print(
            f"{path} holds {commands.dtype} {commands.shape}, not one row of {ACTUATORS**2} commands a frame"
        )
        return 1
    frames = np.load(HERE / "frames.npy")
    controller = Controller(np.load(HERE / "reconstructor.npy"), np.load(HERE / "offset.npy"))
    worst = 0.0
    for index, found in enumerate(commands):
        # The pipeline plays the frames over and over; its integrator goes on.
        expected = controller.step(frames[index % len(frames)])
        error = np.abs(found - expected).max() / np.abs(expected).max()
        if not error < TOLERANCE:
            print(f"frame {index}: relative error {error:.2e}, more than {TOLERANCE:.0e}")
            return 1
        worst = max(worst, error)
    print(f"{len(commands)} frames: largest relative error {worst:.2e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
