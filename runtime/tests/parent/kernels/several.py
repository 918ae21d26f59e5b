"""The kernel of ../several in Python, and what the parent makes of it.

    python several.py DIRECTORY
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "kernels"))

import numpy as np
from cases import Cases, pipeline
from shmpipeline.kernel import Kernel

import parent


class Statistics(Kernel):
    kind = "test.statistics"
    input_arity = None
    output_arity = 3

    def __init__(self, context):
        super().__init__(context)
        self.frames = 0

    def compute_into_multiple(self, trigger_input, outputs, auxiliary_inputs):
        mean, spread, frames = outputs
        inputs = trigger_input if isinstance(trigger_input, tuple) else (trigger_input,)
        self.frames += 1
        mean[:] = sum(inputs[1:], start=inputs[0]) / len(inputs)
        spread[:] = np.max(inputs) - np.min(inputs)
        frames[:] = self.frames


def main():
    parent.REGISTRY.register(Statistics)
    cases = Cases(Path(sys.argv[1]))
    rng = np.random.default_rng(1)
    for count in (1, 2, 5):
        arrays = {f"in{index}": rng.normal(size=(4, 3, 7)) for index in range(count)}
        outputs = {"mean": ((3, 7), "float64"), "spread": ((1,), "float64"), "frames": ((1,), "int64")}
        like = {name: (array.shape[1:], array.dtype) for name, array in arrays.items()}
        stage = pipeline("test.statistics", like, outputs)
        found = parent.run(stage, arrays)
        assert found["frames"].ravel().tolist() == [1, 2, 3, 4]
        cases.put(f"{count} inputs", stage, {**arrays, **found}, {"mean": np.full((4, 3, 7), 1e-15)})
        # An output less.
        wrong = pipeline("test.statistics", like, {"mean": outputs["mean"], "spread": outputs["spread"]})
        try:
            parent.accept(wrong)
        except parent.Refused as refused:
            assert "expects 3 output stream(s), got 2" in str(refused)
            cases.put("an output less", wrong, {}, {}, refused="expects 3 output streams, got 2")
    cases.write(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
