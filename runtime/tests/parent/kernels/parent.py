"""One stage in the parent itself: its configuration, its check of the kernel, and the kernel's computation, without streams."""

import warnings

import numpy as np
from shmpipeline.config import PipelineConfig
from shmpipeline.errors import ConfigValidationError
from shmpipeline.kernel import KernelContext
from shmpipeline.registry import get_default_registry

# Overflows and kinds that are deprecated are what is asked about.
warnings.simplefilter("ignore")

REGISTRY = get_default_registry()


class Refused(Exception):
    """The configuration is not accepted."""


class Died(Exception):
    """The configuration is accepted, and the worker ends with an exception."""


def accept(pipeline):
    """The stage, its kernel's class and its streams, or `Refused`."""
    try:
        config = PipelineConfig.from_dict(pipeline)
        memory = config.shared_memory_by_name
        (stage,) = config.kernels
        kernel = REGISTRY.get(stage.kind)
        kernel.validate_config(stage, memory)
    except ConfigValidationError as error:
        raise Refused(str(error)) from error
    return stage, kernel, memory


def accept_and_start(pipeline):
    """As `accept`, and what the worker finds when it makes the kernel."""
    stage, kernel, memory = accept(pipeline)
    try:
        kernel(KernelContext(stage, memory))
    except Exception as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def run(pipeline, frames):
    """What the output streams hold after each frame, by name. `frames` has each input's frames along the first axis."""
    stage, kernel, memory = accept(pipeline)
    try:
        with np.errstate(all="ignore"):
            return compute(kernel(KernelContext(stage, memory)), stage, memory, frames)
    except Exception as error:  # whatever ends a worker
        raise Died(f"{type(error).__name__}: {error}") from error


def compute(kernel, stage, memory, frames):
    """As a worker does: several triggers are a tuple, auxiliary streams go by their alias."""
    outputs = [np.zeros(memory[name].shape, memory[name].dtype) for name in stage.all_outputs]
    published = {name: [] for name in stage.all_outputs}
    for index in range(len(frames[stage.input])):
        triggers = tuple(np.ascontiguousarray(frames[name][index]) for name in stage.trigger_inputs)
        auxiliary = {
            binding.alias: np.ascontiguousarray(frames[binding.name][index]) for binding in stage.auxiliary
        }
        kernel.compute_into_multiple(triggers if len(triggers) > 1 else triggers[0], outputs, auxiliary)
        for name, output in zip(stage.all_outputs, outputs):
            published[name].append(output.copy())
    return {name: np.array(arrays) for name, arrays in published.items()}
