"""Where the parent is wrong, or finds out late: what it does, and what the sandbox does instead.

Each case is in a row of the table in MIGRATION.md. What is said of the parent is asserted here, what is said of the sandbox there
where the cases are run.
"""

import numpy as np
import yaml
from arithmetic import INTEGERS

import parent
from questions import one_stage


class Refuses:
    """Before anything runs, with these words."""

    def __init__(self, words):
        self.words = words


class Dies:
    """With these words, at the first frame or before it."""

    def __init__(self, words):
        self.words = words


class Near:
    """These values, but for a few of their last bits."""

    def __init__(self, values):
        self.values = values


# A conversion that C leaves undefined: something else than what is right.
UNDEFINED = object()


def row(questions, row, kind, inputs, output, *, parent, sandpipe, policy=None, tolerance=None, **more):
    """`inputs` is a list of arrays of one frame, `output` a shape and a dtype; `parent` and `sandpipe` are what the two do: values,
    or how they end."""
    shape, dtype = output
    one = lambda array: np.asarray(array)[None]
    more["auxiliary"] = {alias: one(array) for alias, array in more.get("auxiliary", {}).items()}
    stage, streams = one_stage(kind, [one(array) for array in inputs], output, policy=policy, **more)
    name = f"{row}: {stage}"
    values = None if isinstance(sandpipe, (Refuses, Dies)) else one(np.array(sandpipe, dtype).reshape(shape))
    found = answer(stage, streams)
    if isinstance(parent, (Refuses, Dies)):
        assert type(found) is type(parent) and parent.words in found.words, f"{name}: {vars(found)}"
    elif isinstance(parent, Near):
        expected = one(np.array(parent.values, dtype).reshape(shape))
        assert np.allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=0), f"{name}: {found}"
    elif parent is UNDEFINED:
        assert not np.array_equal(found, values), f"{name}: {found}"
    else:
        expected = one(np.array(parent, dtype).reshape(shape))
        assert np.array_equal(found, expected, equal_nan=dtype not in INTEGERS), f"{name}: {found}"
    # As text: JSON has no number that is not finite.
    text = yaml.safe_dump(stage, sort_keys=False)
    if isinstance(sandpipe, Refuses):
        questions.cases.put(name, text, {}, {}, row=row, refused=sandpipe.words)
    elif isinstance(sandpipe, Dies):
        questions.cases.put(name, text, streams, {}, row=row, fails=sandpipe.words)
    else:
        tolerances = {} if tolerance is None else {"out": tolerance}
        questions.cases.put(name, text, {**streams, "out": values}, tolerances, row=row)


def answer(stage, streams):
    """What the parent does, as values or as how it ends."""
    try:
        return parent.run(stage, streams)["out"]
    except parent.Refused as refused:
        return Refuses(str(refused))
    except parent.Died as died:
        return Dies(str(died))


def integers(questions):
    ask = lambda *arguments, **more: row(questions, "Integers out of range, of a number with a fraction", *arguments, **more)
    a = np.array([200, 7], "uint8")
    ask("cpu.scale", [a], ((2,), "uint8"), parameters={"factor": 2}, parent=[144, 14], sandpipe=[255, 14])
    ask("cpu.add_constant", [a], ((2,), "uint8"), parameters={"constant": -8}, parent=[192, 255], sandpipe=[192, 0])
    wide = np.array([2_000_000_000, -3], "int32")
    ask("cpu.scale", [wide], ((2,), "int32"), parameters={"factor": 2}, parent=[-(2**31), -6], sandpipe=[2**31 - 1, -6])
    ask(
        "cpu.scale_offset",
        [a],
        ((2,), "uint8"),
        auxiliary={"b": a},
        parameters={"gain": 0.5},
        parent=UNDEFINED,
        sandpipe=[0, 0],
    )
    ask(
        "cpu.leaky_integrator",
        [a],
        ((2,), "uint8"),
        parameters={"leak": 1, "gain": 2},
        parent=[144, 14],
        sandpipe=[255, 14],
    )

    ask = lambda *arguments, **more: row(questions, "Integers out of range, of whole numbers", *arguments, **more)
    b = np.array([100, 8], "uint8")
    for kind, wrapped, right in [
        ("cpu.elementwise_add", [44, 15], [255, 15]),
        ("cpu.elementwise_subtract", [100, 255], [100, 0]),
        ("cpu.elementwise_multiply", [32, 56], [255, 56]),
    ]:
        ask(kind, [a], ((2,), "uint8"), auxiliary={"b": b}, parent=wrapped, sandpipe=right)
    for operation, wrapped, right in [
        ("input + b", [44, 15], [255, 15]),
        ("-input", [56, 249], [0, 0]),
        ("b - input", [156, 1], [0, 1]),
        ("input * 2 - 1", [143, 13], [254, 13]),
    ]:
        ask(
            "cpu.custom_operation",
            [a],
            ((2,), "uint8"),
            auxiliary={"b": b},
            operation=operation,
            parent=wrapped,
            sandpipe=right,
        )
    ask(
        "cpu.custom_operation",
        [np.array([-128], "int8")],
        ((1,), "int8"),
        operation="abs(input)",
        parent=[-128],
        sandpipe=[127],
    )
    ask(
        "cpu.affine_transform",
        [np.array([100, 100], "int8")],
        ((2,), "int8"),
        auxiliary={"m": np.array([[1, 1], [1, -1]], "int8"), "b": np.array([0, 5], "int8")},
        parent=[-56, 5],
        sandpipe=[127, 5],
    )

    row(
        questions,
        "`cpu.elementwise_divide` of integers",
        "cpu.elementwise_divide",
        [np.array([-7, 7, -7, 7, 0], "int16")],
        ((5,), "int16"),
        auxiliary={"b": np.array([2, -2, 0, 0, 0], "int16")},
        parent=Dies("Cannot cast ufunc 'divide' output"),
        sandpipe=[-3, -3, -32768, 32767, 0],
    )

    ask = lambda *arguments, **more: row(questions, "NaN as an integer", *arguments, **more)
    ask(
        "cpu.spot_centroid",
        [np.array([[-4, 3]], "int32")],
        ((2,), "int32"),
        parameters={"threshold": -10, "weight_power": 0.5},
        parent=[-(2**31)] * 2,
        sandpipe=[0, 0],
    )


def sums(questions):
    ask = lambda *arguments, **more: row(questions, "`cpu.reduce`: sums of integers", *arguments, **more)
    ask(
        "cpu.reduce",
        [np.array([2**31 - 1] * 2, "int32")],
        ((1,), "int32"),
        parameters={"operation": "sum"},
        parent=Dies("OverflowError"),
        sandpipe=[2**31 - 1],
    )
    ask(
        "cpu.reduce",
        [np.array([-(2**63)] * 2 + [5], "int64")],
        ((1,), "int64"),
        parameters={"operation": "sum"},
        parent=[5],
        sandpipe=[-(2**63)],
    )
    row(
        questions,
        "`cpu.reduce`: means of integers beyond 2⁵³",
        "cpu.reduce",
        [np.array([2**53 + 1], "int64")],
        ((1,), "int64"),
        parent=[2**53],
        sandpipe=[2**53 + 1],
    )
    ask = lambda *arguments, **more: row(questions, "`cpu.reduce`: sums and means of float16, float32 and complex64", *arguments, **more)
    large = np.array([3e38, 3e38, -3e38], "float32")
    ask("cpu.reduce", [large], ((1,), "float32"), parameters={"operation": "sum"}, parent=[np.inf], sandpipe=[3e38])
    ask("cpu.reduce", [large], ((1,), "float32"), parent=[np.inf], sandpipe=[1e38])
    ask("cpu.reduce", [1j * large], ((1,), "complex64"), parameters={"operation": "sum"}, parent=[complex(0, np.inf)], sandpipe=[3e38j])
    half = np.array([65504] * 1000 + [3] + [-65504] * 1000, "float16")
    ask("cpu.reduce", [half], ((1,), "float16"), parameters={"operation": "sum"}, parent=UNDEFINED, sandpipe=[3])


def centres(questions):
    row(
        questions,
        "A centre left of or above the middle, in a stream of unsigned integers",
        "cpu.spot_centroid",
        [np.array([[1, 0, 0, 0, 0]], "uint8")],
        ((2,), "uint8"),
        parent=[0, 254],
        sandpipe=[0, 0],
    )
    row(
        questions,
        "Centres of 64-bit integers",
        "cpu.shack_hartmann_centroid",
        [np.array([[0, 0, 0], [0, 0, 0], [0, 0, 2**62]], "int64")],
        ((1, 1, 2), "int64"),
        parameters={"tile_size": 3},
        parent=[-3, -3],
        sandpipe=[1, 1],
    )


def dtypes(questions):
    half, whole = np.array([1.5, 2], "float16"), np.array([1.5, 2j], "complex64")
    true = np.array([True, False])

    dying = "float16 of `cpu.scale`, `cpu.add_constant`, `cpu.scale_offset` and `cpu.leaky_integrator`"
    ask = lambda *arguments, **more: row(questions, dying, *arguments, **more)
    halves = dict(inputs=[half], output=((2,), "float16"), parent=Dies("float16"))
    ask("cpu.scale", **halves, parameters={"factor": 2}, sandpipe=[3, 4])
    ask("cpu.add_constant", **halves, parameters={"constant": 0.0001}, sandpipe=half)
    ask("cpu.scale_offset", **halves, auxiliary={"b": half}, parameters={"gain": 3}, sandpipe=[3, 4])
    ask("cpu.leaky_integrator", **halves, parameters={"leak": 1, "gain": 1e5}, sandpipe=[np.inf, np.inf])

    ask = lambda *arguments, **more: row(questions, "`cpu.elementwise_subtract` and `cpu.elementwise_divide` of bool", *arguments, **more)
    truths = dict(inputs=[true], output=((2,), "bool"), auxiliary={"b": true}, sandpipe=Refuses("bool"))
    ask("cpu.elementwise_subtract", **truths, parent=Dies("numpy boolean subtract"))
    ask("cpu.elementwise_divide", **truths, parent=Dies("Cannot cast ufunc 'divide' output"))

    ask = lambda *arguments, **more: row(questions, "Complex infinities and NaN, times a real number or divided by it", *arguments, **more)
    infinite = dict(inputs=[np.array([complex(np.inf, 1)])], output=((1,), "complex128"))
    lost, kept = [complex(np.inf, np.nan)], [complex(np.inf, 2)]
    ask("cpu.scale", **infinite, parameters={"factor": 2}, parent=lost, sandpipe=kept)
    ask("cpu.scale_offset", **infinite, auxiliary={"b": [-1j]}, parameters={"gain": 1}, parent=lost, sandpipe=kept)
    ask("cpu.leaky_integrator", **infinite, parameters={"leak": 0, "gain": 2}, parent=lost, sandpipe=kept)
    ask("cpu.reduce", **infinite, parent=lost, sandpipe=[complex(np.inf, 1)])

    ask = lambda *arguments, **more: row(questions, "Products and magnitudes of complex numbers", *arguments, **more)
    third = np.array([1 / 3 + 1j / 7])
    squared = [complex(third[0].real ** 2 - third[0].imag ** 2, 2 * third[0].real * third[0].imag)]
    once = dict(inputs=[third], output=((1,), "complex128"), parent=Near(squared), sandpipe=squared)
    ask("cpu.elementwise_multiply", **once, auxiliary={"b": third})
    ask("cpu.custom_operation", **once, operation="input * input")
    size = [abs(complex(third[0]))]
    ask(
        "cpu.custom_operation",
        [third],
        ((1,), "float64"),
        operation="abs(input)",
        parent=Near(size),
        sandpipe=size,
        tolerance=np.spacing(1.0),
    )

    row(
        questions,
        "`cpu.custom_operation`: limits of `clip` of which a part is NaN",
        "cpu.custom_operation",
        [np.array([2 + 1j, 2 + 1j])],
        ((2,), "complex128"),
        auxiliary={"low": [complex(1, np.nan), complex(2, np.nan)]},
        operation="clip(input, low, 9)",
        parent=[2 + 1j, complex(2, np.nan)],
        sandpipe=[complex(1, np.nan), complex(2, np.nan)],
    )

    ask = lambda *arguments, **more: row(questions, "A complex gain, leak or switch of `cpu.leaky_integrator`", *arguments, **more)
    for alias in ("gain", "leak", "override_enabled"):
        ask(
            "cpu.leaky_integrator",
            [np.array([2], "float32")],
            ((1,), "float32"),
            auxiliary={alias: np.array([1.5 + 1j], "complex64")},
            parameters={"leak": 0, "gain": 1.5},
            parent=[3],
            sandpipe=Refuses("must hold a real number"),
        )

    ask = lambda *arguments, **more: row(questions, "bool, float16 and complex images of kernels that find centres", *arguments, **more)
    for image, parent in [(true, [0, 1]), (half, Dies("float16")), (whole, Dies("TypingError"))]:
        dtype, image = str(image.dtype), image.reshape(1, 2)
        refused = dict(sandpipe=Refuses(dtype), parent=parent)
        ask("cpu.spot_centroid", [image], ((2,), dtype), **refused)
        tiles = np.concatenate([image, image])
        ask("cpu.shack_hartmann_centroid", [tiles], ((1, 1, 2), dtype), parameters={"tile_size": 2}, **refused)
    ask(
        "cpu.tip_tilt_controller",
        [true.reshape(1, 2)],
        ((2,), "bool"),
        auxiliary={"m": np.ones((2, 2), bool), "b": true},
        parent=Dies("Cannot cast ufunc 'multiply' output"),
        sandpipe=Refuses("bool"),
    )

    row(
        questions,
        "`cpu.flatten` of float16",
        "cpu.flatten",
        [half.reshape(1, 2)],
        ((2,), "float16"),
        parent=Dies("float16"),
        sandpipe=half,
    )
    ask = lambda *arguments, **more: row(questions, "The deprecated controllers with an output of integers", *arguments, **more)
    ask(
        "cpu.tip_tilt_controller",
        [np.array([[1, 2]], "int32")],
        ((2,), "int32"),
        auxiliary={"m": np.ones((2, 2), "int32"), "b": np.ones(2, "int32")},
        parent=Dies("Cannot cast ufunc 'multiply' output"),
        sandpipe=Refuses("int32"),
    )
    pixels = np.ones((8, 2, 2), "int32")
    ask(
        **tomographic(pixels, pixels, "int32"),
        policy="all_new",
        parent=Dies("Cannot cast ufunc"),
        sandpipe=Refuses("float32 or float64"),
    )


def tomographic(pixels, dark, dtype):
    """A controller with one tile a sensor and one actuator, whose command is the sum of the slopes."""
    one = np.ones(1, dtype)
    return dict(
        kind="cpu.tomographic_controller",
        inputs=[pixels],
        output=((1,), dtype),
        parameters={"tile_size": 2},
        auxiliary={
            "wfs_dark": dark,
            "wfs_inverse_flat": np.ones((8, 2, 2), dtype),
            "wfs_slope_offset": np.zeros((8, 1, 1, 2), dtype),
            "reconstructor": np.ones((1, 16), dtype),
            "reconstructor_bias": 0 * one,
            "command_offset": 0 * one,
            "command_low": -100 * one,
            "command_high": 100 * one,
        },
    )


def calibration(questions):
    camera = np.zeros((8, 2, 2), "uint8")
    camera[:, 0, 0] = 10
    row(
        questions,
        "`cpu.tomographic_controller`: pixels of unsigned integers below their dark frame",
        **tomographic(camera, np.full((8, 2, 2), 5, "uint8"), "float32"),
        policy="all_new",
        parent=UNDEFINED,
        # The sum of each tile is negative.
        sandpipe=[0],
    )
    bright = np.zeros((8, 2, 2), "float32")
    bright[:, 0, 0] = 2**24
    row(
        questions,
        "`cpu.tomographic_controller`: images of float32 and an output of float64",
        **tomographic(bright, np.full((8, 2, 2), -1, "float32"), "float64"),
        policy="all_new",
        parent=UNDEFINED,
        sandpipe=[16 * (2 / (2**24 + 4) - 0.5)],
        tolerance=1e-13,
    )


def configurations(questions):
    a = np.array([3.0, -4.0], "float32")
    out = ((2,), "float32")
    scaled = dict(kind="cpu.scale", inputs=[a], output=out)
    ask = lambda **more: row(questions, "Parameters that the kind does not have", **more)
    ask(**scaled, parameters={"factor": 2, "facter": 3}, parent=2 * a, sandpipe=Refuses("has no parameter 'facter'"))
    ask(
        kind="cpu.copy",
        inputs=[a],
        output=out,
        parameters={"axis": 0},
        parent=a,
        sandpipe=Refuses("it takes no parameters"),
    )
    ask = lambda **more: row(questions, "true and false for a number", **more)
    ask(**scaled, parameters={"factor": True}, parent=a, sandpipe=Refuses('not of type "number"'))
    ask(
        kind="cpu.concatenate",
        inputs=[a, a],
        output=((4,), "float32"),
        parameters={"axis": False},
        parent=np.concatenate([a, a]),
        sandpipe=Refuses('not of type "integer"'),
    )
    ask = lambda **more: row(questions, "Parameters that are not finite", **more)
    ask(**scaled, parameters={"factor": float("inf")}, parent=[np.inf, -np.inf], sandpipe=Refuses("factor"))
    ask(**scaled, parameters={"factor": float("nan")}, parent=[np.nan] * 2, sandpipe=Refuses("factor"))

    ask = lambda **more: row(questions, "Parameters of the wrong type of the deprecated controllers, and of `cpu.leaky_integrator` beside a stream", **more)
    tip_tilt = dict(
        kind="cpu.tip_tilt_controller",
        inputs=[np.array([[0, 1]], "float32")],
        output=out,
        auxiliary={"m": np.eye(2, dtype="float32"), "b": np.zeros(2, "float32")},
    )
    ask(**tip_tilt, parameters={"control_gain": "2"}, parent=[0, 1], sandpipe=Refuses('not of type "number"'))
    ask(**tip_tilt, parameters={"control_gain": "two"}, parent=Dies("could not convert"), sandpipe=Refuses('not of type "number"'))
    ask(
        kind="cpu.leaky_integrator",
        inputs=[a],
        output=out,
        auxiliary={"gain": np.ones(1)},
        parameters={"leak": 1, "gain": "much"},
        parent=Dies("could not convert"),
        sandpipe=Refuses('not of type "number"'),
    )
    ask(
        kind="cpu.affine_transform",
        inputs=[a],
        output=out,
        auxiliary={"m": np.eye(2, dtype="float32"), "b": np.zeros(2, "float32")},
        parameters={"blas_threads": None},
        parent=Dies("TypeError"),
        sandpipe=Refuses('not of type "integer"'),
    )
    row(
        questions,
        "`weight_power` of `cpu.tip_tilt_controller` that is not positive",
        **tip_tilt,
        parameters={"weight_power": 0},
        parent=[0, 0.5],
        sandpipe=Refuses("weight_power"),
    )
    ask = lambda **more: row(questions, "`trigger_policy: any_new` of `cpu.concatenate` and `cpu.tomographic_controller`", **more)
    ask(
        kind="cpu.concatenate",
        inputs=[a, a],
        output=((4,), "float32"),
        policy="any_new",
        parent=Refuses("requires trigger_policy 'all_new'"),
        sandpipe=np.concatenate([a, a]),
    )
    pixels = np.ones((8, 2, 2), "float32")
    ask(
        **tomographic(pixels, pixels, "float32"),
        parent=Refuses("requires trigger_policy 'all_new'"),
        sandpipe=[0],
    )


def products(questions):
    ask = lambda **more: row(questions, "`cpu.custom_operation`: the product of two vectors, `input @ b`", **more)
    a, b = np.array([3, 4], "float32"), np.array([10, 100], "float32")
    # The parent takes its example, of ones, for the value.
    ask(
        kind="cpu.custom_operation",
        inputs=[a],
        output=((2,), "float32"),
        auxiliary={"b": b},
        operation="input * (input @ b)",
        parent=[6, 8],
        sandpipe=[3 * 430, 4 * 430],
    )
    row(
        questions,
        "`operation` over several lines",
        kind="cpu.custom_operation",
        inputs=[a],
        output=((2,), "float32"),
        operation="input # what it is\n * 2",
        parent=Refuses("invalid operation syntax"),
        sandpipe=[6, 8],
    )


def ask(questions):
    integers(questions)
    sums(questions)
    centres(questions)
    dtypes(questions)
    calibration(questions)
    configurations(questions)
    products(questions)
