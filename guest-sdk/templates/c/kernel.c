/* out = gain * in + offset, element by element. Start here. */
#include "sandpipe.h"

static float gain, offset;

sandpipe_result validate_config(const sandpipe_context *context) {
    return sandpipe_require_like(&context->outputs.at[0], &context->trigger_inputs.at[0]);
}

sandpipe_result init(const sandpipe_context *context) {
    gain = (float)sandpipe_number(context, "gain", 1);
    offset = (float)sandpipe_number(context, "offset", 0);
    return SANDPIPE_OK;
}

sandpipe_result compute_into(uint64_t frame_id, sandpipe_frame frame) {
    sandpipe_view input = sandpipe_trigger_input(frame, 0);
    sandpipe_view_mut output = sandpipe_output(frame, 0);
    const float *restrict in = sandpipe_slice(float, input);
    float *restrict out = sandpipe_slice_mut(float, output);
    for (uint32_t i = 0; i < input.elements; i++) out[i] = gain * in[i] + offset;
    (void)frame_id;
    return SANDPIPE_OK;
}
