"""Steepens the middle tones by the curve 3x² − 2x³, through a table of 256 tones."""

from sandpipe import parameters, require_like

table = bytes(range(256))


def validate_config(context):
    require_like(context.outputs[0], context.trigger_inputs[0])


def init(context):
    global table
    contrast = parameters(context).get("contrast", 0.5)
    tones = (tone / 255 for tone in range(256))
    curve = (contrast * (3 * x * x - 2 * x * x * x) + (1 - contrast) * x for x in tones)
    table = bytes(int(x * 255 + 0.5) for x in curve)


def compute_into(frame_id, inputs, auxiliary_inputs, outputs):
    # One call for the whole image: a loop over its pixels would take hundreds of times as long.
    outputs[0][:] = bytes(inputs[0]).translate(table)
