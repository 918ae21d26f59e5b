"""Where cases are collected; expected.py says what is written."""

import json

import numpy as np


def pipeline(kind, inputs, outputs, *, auxiliary=None, parameters=None, operation=None):
    """A pipeline of one stage. All but parameters and operation are mappings of names to (shape, dtype); a stream of an auxiliary
    input is called as its alias, with `aux_` in front."""
    auxiliary = {f"aux_{alias}": array for alias, array in (auxiliary or {}).items()}
    stage = {
        "name": "stage",
        "kind": kind,
        "inputs": list(inputs),
        "outputs": list(outputs),
        "parameters": parameters or {},
    }
    if auxiliary:
        stage["auxiliary"] = {name.removeprefix("aux_"): name for name in auxiliary}
    if operation:
        stage["operation"] = operation
    return {
        "shared_memory": [
            {"name": name, "shape": [int(extent) for extent in shape], "dtype": str(np.dtype(dtype))}
            for name, (shape, dtype) in {**inputs, **auxiliary, **outputs}.items()
        ],
        "kernels": [stage],
    }


class Cases:
    def __init__(self, directory):
        self.cases = []
        self.data = open(directory / "data.bin", "wb")

    def store(self, array):
        offset = self.data.tell()
        self.data.write(np.ascontiguousarray(array).tobytes())
        return offset

    def add(
        self,
        kind,
        inputs,
        output,
        *,
        parameters=None,
        auxiliary=None,
        operation=None,
        tolerance=None,
        frames=None,
        note="",
    ):
        """One case. `inputs` is an array or a list of them, `auxiliary` a mapping of aliases; where `frames` is
        given, every array has that many frames along its first axis."""
        inputs = inputs if isinstance(inputs, list) else [inputs]
        one = lambda array: np.asarray(array)[None] if frames is None else array
        named = {f"in{index}": one(array) for index, array in enumerate(inputs)}
        auxiliary = {alias: one(array) for alias, array in (auxiliary or {}).items()}
        outputs = {"out": one(output)}
        like = lambda arrays: {name: (array.shape[1:], array.dtype) for name, array in arrays.items()}
        what = f"{note or operation or json.dumps(parameters or {})} of {inputs[0].dtype} {list(named['in0'].shape[1:])}"
        self.put(
            f"{kind}: {what}",
            pipeline(
                kind,
                like(named),
                like(outputs),
                auxiliary=like(auxiliary),
                parameters=parameters,
                operation=operation,
            ),
            {**named, **{f"aux_{alias}": array for alias, array in auxiliary.items()}, **outputs},
            {} if tolerance is None else {"out": tolerance},
        )

    def put(self, name, pipeline, streams, tolerances, **more):
        """A case with the frames of its streams and how far outputs may be off."""
        data = {}
        for stream, frames in streams.items():
            tolerance = tolerances.get(stream)
            if tolerance is not None:
                tolerance = np.broadcast_to(np.asarray(tolerance, np.float64), frames.shape)
            data[stream] = [self.store(frames), None if tolerance is None else self.store(tolerance)]
        frames = max((len(frames) for frames in streams.values()), default=0)
        self.cases.append({"name": name, "pipeline": pipeline, "frames": frames, "data": data, **more})

    def write(self, directory):
        self.data.close()
        (directory / "cases.json").write_text(json.dumps(self.cases))
