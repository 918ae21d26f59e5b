"""Times NumPy, on one thread, for the bench `kernels`, which starts this program.

On standard input come a line of JSON that describes a kernel, the frames of its inputs, and then lines with a number of calls; each
is answered with the nanoseconds that they took. Ends at once where NumPy has no such operation. Makes its own virtual environment
under target/.
"""

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[2] / "target" / "numpy-venv"
PYTHON = ENVIRONMENT / "bin" / "python"

if sys.prefix != str(ENVIRONMENT):
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        install = [PYTHON, "-m", "pip", "install", "--quiet", "numpy==2.4.6"]
        subprocess.run(install, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        (ENVIRONMENT / "ready").touch()
    os.execve(PYTHON, [PYTHON, *sys.argv], os.environ | {"OPENBLAS_NUM_THREADS": "1"})

import json
import time

import numpy as np

stage = json.loads(sys.stdin.buffer.readline())
x, *others = (
    np.frombuffer(sys.stdin.buffer.read(4 * int(np.prod(array["shape"]))), np.float32).reshape(array["shape"])
    for array in stage["trigger_inputs"] + stage["auxiliary_inputs"]
)
out = np.empty(stage["output"]["shape"], np.float32)
parameters = stage["parameters"]


def constant(function, value):
    """With the constant in double precision where it is no 32-bit float, as the kernels and shmpipeline have it."""
    if float(np.float32(value)) == value:
        return lambda: function(x, np.float32(value), out=out)
    return lambda: function(x, value, out=out, dtype=np.float64, casting="unsafe")


def scale_offset():
    np.subtract(np.multiply(x, parameters["gain"], dtype=np.float64), others[0], out=out, casting="unsafe")


def convert():
    np.multiply(x, np.float32(parameters["gain"]), out=out)
    np.add(out, np.float32(parameters["offset"]), out=out)


def affine():
    np.dot(others[0], x, out=out)
    np.add(out, others[1], out=out)


def integrate():
    np.multiply(out, np.float32(parameters["leak"]), out=out)
    np.add(out, np.float32(parameters["gain"]) * x, out=out)


def clip():
    np.multiply(x, 2, out=out)
    np.add(out, 1, out=out)
    np.clip(out, others[0], others[1], out=out)


def reduce():
    out[0] = x.sum(dtype=np.float64) if parameters["operation"] == "sum" else x.max()


def operation():
    match stage["kind"].removeprefix("cpu."):
        case "copy":
            return lambda: np.copyto(out, x)
        case "flatten":
            return lambda: np.copyto(out, x.ravel())
        case "concatenate":
            return lambda: np.concatenate((x, *others), out=out)
        case "scale":
            return constant(np.multiply, parameters["factor"])
        case "add_constant":
            return constant(np.add, parameters["constant"])
        case "elementwise_add" | "elementwise_subtract" | "elementwise_multiply" | "elementwise_divide" as kind:
            function = getattr(np, kind.removeprefix("elementwise_"))
            return lambda: function(x, *others, out=out)
        case "scale_offset":
            return scale_offset
        case "convert":
            return convert
        case "affine_transform":
            return affine
        case "leaky_integrator":
            return integrate
        case "custom_operation":
            return clip
        case "reduce":
            return reduce
    sys.exit()


compute = operation()
for calls in sys.stdin.buffer:
    start = time.perf_counter_ns()
    for _ in range(int(calls)):
        compute()
    print(time.perf_counter_ns() - start, flush=True)
