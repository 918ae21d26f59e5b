"""out = gain * in + offset, element by element. Start here."""

from sandpipe import parameters, require_like

gain = 1.0
offset = 0.0


def validate_config(context):
    require_like(context.outputs[0], context.trigger_inputs[0])


def init(context):
    global gain, offset
    given = parameters(context)
    gain, offset = given.get("gain", 1.0), given.get("offset", 0.0)


def compute_into(frame_id, inputs, auxiliary_inputs, outputs):
    out = outputs[0]
    for i, x in enumerate(inputs[0]):
        out[i] = gain * x + offset
