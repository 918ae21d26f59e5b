"""Asks the parent's kernel classes and writes what the sandbox must answer, as cases of ../../kernels/cases.py.

    python answer.py DIRECTORY chosen SEED      cases chosen at random
    python answer.py DIRECTORY differences      where the parent is wrong; each case has the `row` of the table in MIGRATION.md
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "kernels"))

import arithmetic
import numpy as np
from cases import Cases
from questions import Questions


def main():
    directory, what, *seed = sys.argv[1:]
    cases = Cases(Path(directory))
    if seed:
        arithmetic.rng = np.random.default_rng(int(seed[0]))
    questions = Questions(cases)
    if what == "chosen":
        # After the seed is set.
        import controllers
        import elementwise
        import expressions
        import refusals
        import sensors
        import totals

        for group in (elementwise, totals, sensors, controllers, expressions, refusals):
            group.ask(questions)
    else:
        import differences

        differences.ask(questions)
    cases.write(Path(directory))


if __name__ == "__main__":
    main()
