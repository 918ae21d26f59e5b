// out = gain * in + offset, element by element. Start here.
#include "sandpipe.h"

static float gain, offset;

sandpipe_result validate_config(const sandpipe_context *context) {
    return sandpipe_require_like(&context->outputs.at[0], &context->trigger_inputs.at[0]);
}

sandpipe_result init(const sandpipe_context *context) {
    gain = sandpipe_number(context, "gain", 1);
    offset = sandpipe_number(context, "offset", 0);
    return SANDPIPE_OK;
}

sandpipe_result compute_into(uint64_t, sandpipe_frame frame) {
    auto in = sandpipe::slice<float>(sandpipe_trigger_input(frame, 0));
    auto out = sandpipe::slice<float>(sandpipe_output(frame, 0));
    for (uint32_t i = 0; i < in.size(); i++) out[i] = gain * in[i] + offset;
    return SANDPIPE_OK;
}
