"""Where cases are collected; expected.py says what is written."""

import json

import numpy as np


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
        named = {f"in{index}": array for index, array in enumerate(inputs)}
        auxiliary = auxiliary or {}
        streams = {**named, **{f"aux_{alias}": array for alias, array in auxiliary.items()}, "out": output}
        shape = (lambda array: array.shape) if frames is None else (lambda array: array.shape[1:])
        stage = {
            "name": "stage",
            "kind": kind,
            "inputs": list(named),
            "output": "out",
            "parameters": parameters or {},
        }
        if auxiliary:
            stage["auxiliary"] = {alias: f"aux_{alias}" for alias in auxiliary}
        if operation:
            stage["operation"] = operation
        if tolerance is not None:
            tolerance = np.broadcast_to(np.asarray(tolerance, np.float64), output.shape)
        first = inputs[0]
        what = f"{note or operation or json.dumps(parameters or {})} of {first.dtype} {list(shape(first))}"
        self.cases.append(
            {
                "name": f"{kind}: {what}",
                "pipeline": {
                    "shared_memory": [
                        {"name": name, "shape": list(shape(array)), "dtype": str(array.dtype)}
                        for name, array in streams.items()
                    ],
                    "kernels": [stage],
                },
                "frames": frames or 1,
                "data": {
                    name: [
                        self.store(array),
                        self.store(tolerance) if name == "out" and tolerance is not None else None,
                    ]
                    for name, array in streams.items()
                },
            }
        )

    def write(self, directory):
        self.data.close()
        (directory / "cases.json").write_text(json.dumps(self.cases))
