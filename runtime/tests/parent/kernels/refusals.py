"""Configurations with one thing changed: accepted or refused as the parent does it."""

import copy

import parent
from arithmetic import sample
from cases import pipeline

IMAGE, VECTOR = ((4, 6), "float32"), ((24,), "float32")
ACTUATORS = ((5,), "float32")


def right():
    """A configuration of each kind that is right."""
    one = {"in0": IMAGE}
    out = {"out": IMAGE}
    yield pipeline("cpu.copy", one, out)
    yield pipeline("cpu.scale", one, out, parameters={"factor": 2})
    yield pipeline("cpu.add_constant", one, out, parameters={"constant": 2})
    yield pipeline("cpu.scale_offset", one, out, auxiliary={"b": IMAGE}, parameters={"gain": 2})
    for name in ("add", "subtract", "multiply", "divide"):
        yield pipeline(f"cpu.elementwise_{name}", one, out, auxiliary={"b": IMAGE})
    yield pipeline("cpu.flatten", one, {"out": VECTOR})
    yield pipeline("cpu.concatenate", {"in0": IMAGE, "in1": IMAGE}, {"out": ((8, 6), "float32")})
    yield pipeline("cpu.reduce", one, {"out": ((1,), "float32")}, parameters={"operation": "max"})
    yield pipeline(
        "cpu.affine_transform",
        {"in0": VECTOR},
        {"out": ACTUATORS},
        auxiliary={"m": ((5, 24), "float32"), "b": ACTUATORS},
        parameters={"blas_threads": 1},
    )
    yield pipeline(
        "cpu.leaky_integrator",
        {"in0": VECTOR},
        {"out": VECTOR},
        auxiliary={"gain": ((1,), "float32")},
        parameters={"leak": 1, "gain": 1},
    )
    for kind in ("cpu.shack_hartmann_centroid", "cpu.centroid"):
        yield pipeline(kind, one, {"out": ((2, 3, 2), "float32")}, parameters={"tile_size": 2})
    centre = {"out": ((2,), "float32")}
    yield pipeline("cpu.spot_centroid", one, centre, parameters={"threshold": 1, "weight_power": 2})
    yield pipeline(
        "cpu.tip_tilt_controller",
        one,
        centre,
        auxiliary={"m": ((2, 2), "float32"), "b": ((2,), "float32")},
        parameters={"leak": 1, "background": 0},
    )
    stack, offsets = ((8, 4, 6), "float32"), ((8, 2, 3, 2), "float32")
    tomographic = pipeline(
        "cpu.tomographic_controller",
        {"in0": stack},
        {"out": ACTUATORS},
        auxiliary={
            "wfs_dark": stack,
            "wfs_inverse_flat": stack,
            "wfs_slope_offset": offsets,
            "reconstructor": ((5, 96), "float32"),
            "reconstructor_bias": ACTUATORS,
            "command_offset": ACTUATORS,
            "command_low": ACTUATORS,
            "command_high": ACTUATORS,
        },
        parameters={"tile_size": 2},
    )
    tomographic["kernels"][0]["trigger_policy"] = "all_new"
    yield tomographic
    yield pipeline("cpu.custom_operation", one, out, auxiliary={"b": IMAGE}, operation="input * b")
    yield pipeline("cpu.raise_error", one, out, parameters={"message": "parked"})


def changes(configuration):
    """The same with one thing changed."""

    def changed(change):
        other = copy.deepcopy(configuration)
        change(other, other["kernels"][0])
        return other

    for index, stream in enumerate(configuration["shared_memory"]):
        for axis in range(len(stream["shape"])):

            def longer(other, stage, index=index, axis=axis):
                other["shared_memory"][index]["shape"][axis] += 1

            yield changed(longer)

        def deeper(other, stage, index=index):
            other["shared_memory"][index]["shape"].insert(0, 1)

        yield changed(deeper)

        def flatter(other, stage, index=index):
            shape = other["shared_memory"][index]["shape"]
            shape[:2] = [shape[0] * shape[1]] if len(shape) > 1 else shape

        yield changed(flatter)

        def double(other, stage, index=index):
            other["shared_memory"][index]["dtype"] = "float64"

        yield changed(double)

    def more(key, name):
        def change(other, stage):
            other["shared_memory"].append({"name": name, "shape": [4, 6], "dtype": "float32"})
            if key == "auxiliary":
                stage.setdefault(key, {})[name] = name
            else:
                stage[key].append(name)

        return change

    for key in ("inputs", "outputs", "auxiliary"):
        yield changed(more(key, "more"))
    stage = configuration["kernels"][0]
    for alias in stage.get("auxiliary", {}):
        yield changed(lambda other, stage: stage["auxiliary"].pop(alias))
        yield changed(lambda other, stage: stage["auxiliary"].update({"other": stage["auxiliary"].pop(alias)}))
    if len(stage["inputs"]) > 1:
        yield changed(lambda other, stage: stage["inputs"].pop())
    for name in stage["parameters"]:
        yield changed(lambda other, stage: stage["parameters"].pop(name))
        for value in (None, [1], {"value": 1}, "many", 0, -1, 1.5):
            yield changed(lambda other, stage: stage["parameters"].update({name: value}))
    if "operation" in stage:
        yield changed(lambda other, stage: stage.pop("operation"))
        for operation in (
            "input ** 2",
            "input % b",
            "input > b",
            "input // 2",
            "input[0]",
            "sqrt(input)",
            "clip(input, 0)",
            "max(input, b, 1)",
            "abs(x=input)",
            "input.T",
            "c * input",
            "lambda: input",
            "[input]",
            "'input'",
            "True * input",
            "input if b else b",
            "input and b",
            "not input",
            "~input",
            "input +",
            "input b",
            "(input",
            "1 + 2",
            "input @ b",
            "1j * input",
            "__import__('os')",
            "-input + +b",
            "input*b # all",
            "\tinput *\tb",
            "(input # the image\n * b)\n",
            "0x10 * input",
            "1_000 * input",
            ".5 * input + 5.",
            "1e5 * input",
            "1.e-5 * input",
            "0b11 * input",
            "01 * input",
            "00 * input",
            "1e * input",
            "input * b,",
            "((input))",
            "- - input",
            "input -- b",
            "input * 2b",
            "abs (input)",
            "abs(input,)",
            "max(input, b,)",
            "min()",
            "abs",
            "abs * input",
            "clip(input, 2, 1)",
            "clip(1, 2, input)",
            "input * 1e400",
            "input * 100000000000000000000",
            "input @ 2",
            "2 @ input",
            "(1 if 1 else 2) * input",
            "input * π",
        ):
            yield changed(lambda other, stage: stage.update(operation=operation))


def ask(questions):
    for configuration in right():
        parent.accept_and_start(configuration)
        questions.cases.put(f"right: {configuration}", configuration, {}, {})
        for changed in changes(configuration):
            name = f"{len(questions.cases.cases)} {changed}"
            try:
                parent.accept_and_start(changed)
            except parent.Refused:
                questions.cases.put(name, changed, {}, {}, refused="")
                continue
            streams = {}
            if changed["kernels"][0]["kind"] == "cpu.custom_operation":
                # The text may mean something else.
                inputs = [stream for stream in changed["shared_memory"] if stream["name"] != "out"]
                streams = {stream["name"]: sample((1, *stream["shape"]), stream["dtype"]) for stream in inputs}
                streams["out"] = parent.run(changed, streams)["out"]
            questions.cases.put(name, changed, streams, {})
