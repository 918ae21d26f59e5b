"""Writes cases for every built-in kernel: a pipeline of one stage, its inputs, and the outputs that NumPy computes.

    python expected.py DIRECTORY

The formulas are those of the parent's kernels, written again in NumPy and, for integers, in Python's unbounded
integers: results truncate toward zero and saturate.

DIRECTORY/cases.json is a list of objects:
    name      what fails
    pipeline  a configuration with one kernel or source, as JSON, which is YAML
    frames    how often the kernel runs; it keeps its state in between
    data      stream name to [offset, tolerance offset or null] in DIRECTORY/data.bin: so many frames one after the
              other, of an input what it is given, of an output what it must be. A tolerance is a float64 for each
              element: how far the output may be off. Without one it must be the same bits, up to the payload of NaN.
    refused   words of the message with which the configuration must be refused, if it must
    fails     words of the message with which every frame must fail, if it must
"""

import sys
from pathlib import Path

from cases import Cases
from centroids import centroids
from elements import constants, conversions, copies, elementwise
from endpoints import spots, statistics
from operations import operations
from sums import affine, integrators, reductions

GROUPS = [
    copies,
    constants,
    elementwise,
    conversions,
    reductions,
    affine,
    integrators,
    centroids,
    operations,
    spots,
    statistics,
]


def main():
    directory = Path(sys.argv[1])
    cases = Cases(directory)
    for group in GROUPS:
        group(cases)
    cases.write(directory)


if __name__ == "__main__":
    main()
