"""One question after the other: the parent answers, and the answer becomes a case."""

import numpy as np

import parent
from cases import pipeline


class Questions:
    def __init__(self, cases):
        self.cases = cases

    def ask(
        self,
        kind,
        inputs,
        output,
        *,
        auxiliary=None,
        parameters=None,
        operation=None,
        policy=None,
        right=None,
        tolerance=None,
    ):
        """`inputs` is a list of arrays and `auxiliary` a mapping of aliases, with frames along the first axis; `output` is a
        shape and a dtype. `right` makes of the parent's output what the sandbox must write, `tolerance` how far that may be
        off."""
        stage, streams = one_stage(kind, inputs, output, auxiliary, parameters, operation, policy)
        name = f"{len(self.cases.cases)} {stage}"
        try:
            out = parent.run(stage, streams)["out"]
        except parent.Refused:
            self.cases.put(name, stage, {}, {}, refused="")
            return
        expected = out if right is None else np.asarray(right(out))
        assert expected.shape == out.shape and expected.dtype == out.dtype, name
        tolerances = {} if tolerance is None else {"out": tolerance(out)}
        self.cases.put(name, stage, {**streams, "out": expected}, tolerances)


def one_stage(kind, inputs, output, auxiliary=None, parameters=None, operation=None, policy=None):
    """A pipeline and the frames of its inputs."""
    inputs = {f"in{index}": np.asarray(array) for index, array in enumerate(inputs)}
    auxiliary = {alias: np.asarray(array) for alias, array in (auxiliary or {}).items()}
    like = lambda arrays: {name: (array.shape[1:], array.dtype) for name, array in arrays.items()}
    stage = pipeline(
        kind,
        like(inputs),
        {"out": output},
        auxiliary=like(auxiliary),
        parameters=parameters,
        operation=operation,
    )
    if policy:
        stage["kernels"][0]["trigger_policy"] = policy
    return stage, {**inputs, **{f"aux_{alias}": array for alias, array in auxiliary.items()}}
