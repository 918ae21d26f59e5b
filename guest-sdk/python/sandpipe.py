"""Write sandpipe kernels in Python: what stands between the contract (wit/kernel.wit, world kernel-copied) and kernel.py.

kernel.py has three functions:

    validate_config(context)                                    can the kernel run in this place?
    init(context)                                               once, before the first frame
    compute_into(frame_id, inputs, auxiliary_inputs, outputs)

Each may raise `Failure`. Frames come and go as copies: inputs and outputs are one-dimensional memoryviews of the array's type
(float for float32), the outputs are the same ones at every frame, and each is handed to the host when compute_into has returned.
There is no state between frames in this world, no NumPy (no C extensions at all), no file, no clock and no network.
"""

import json

from componentize_py_types import Err
from wit_world.imports import sink
from wit_world.imports.types import Code, Failure as Reported

# What memoryview.cast calls the dtypes, in the order of the contract. Half precision and complex numbers stay bytes.
FORMATS = ["?", "b", "h", "i", "q", "B", "H", "I", "Q", "B", "f", "d", "B", "B"]
SIZES = [1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 8, 16]


class Failure(Exception):
    """Why a kernel cannot run here, or has no result for a frame. The text is for the pipeline's author."""

    def __init__(self, message, code="failed"):
        super().__init__(message)
        self.code = code


def require_like(array, other):
    """Fails unless dtype and shape are those of `other`."""
    if array.shape != other.shape:
        raise Failure(f"'{array.name}' must have the shape of '{other.name}'", "shape")
    if array.dtype != other.dtype:
        raise Failure(f"'{array.name}' must have the dtype of '{other.name}'", "dtype")


def parameters(context):
    """The parameters as a dict."""
    return json.loads(context.parameters)


def elements(array):
    """The product of the shape."""
    count = 1
    for extent in array.shape:
        count *= extent
    return count


def _reported(failure):
    code = getattr(Code, failure.code.upper(), Code.FAILED)
    return Err(Reported(code, str(failure)))


def _typed(array, data):
    return memoryview(data).cast("B").cast(FORMATS[array.dtype.value])


# Importing this file by the kernel has to find the names above, so it comes last.
import kernel  # noqa: E402

_stage = None
_outputs = []


class Stage:
    """The contract's interface `stage`."""

    def validate_config(self, context):
        try:
            kernel.validate_config(context)
        except Failure as failure:
            raise _reported(failure) from None

    def init(self, context):
        global _stage, _outputs
        _stage = context
        _outputs = [bytearray(elements(array) * SIZES[array.dtype.value]) for array in context.outputs]
        try:
            kernel.init(context)
        except Failure as failure:
            raise _reported(failure) from None


class Copied:
    """The contract's interface `copied`."""

    def compute_into(self, frame_id, trigger_inputs, auxiliary_inputs):
        inputs = [_typed(*pair) for pair in zip(_stage.trigger_inputs, trigger_inputs)]
        auxiliary = [_typed(*pair) for pair in zip(_stage.auxiliary_inputs, auxiliary_inputs)]
        outputs = [_typed(*pair) for pair in zip(_stage.outputs, _outputs)]
        try:
            kernel.compute_into(frame_id, inputs, auxiliary, outputs)
        except Failure as failure:
            raise _reported(failure) from None
        for index, data in enumerate(_outputs):
            sink.write_output(index, bytes(data))
