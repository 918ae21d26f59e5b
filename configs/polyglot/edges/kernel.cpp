// The magnitude of the gradient by Sobel's operator. Edges are repeated outwards.
#include "sandpipe.h"

sandpipe_result validate_config(const sandpipe_context *context) {
    const sandpipe_array &input = context->trigger_inputs.at[0];
    auto rank = sandpipe_require_rank(&input, 2);
    return rank == SANDPIPE_OK ? sandpipe_require_like(&context->outputs.at[0], &input) : rank;
}

sandpipe_result init(const sandpipe_context *) { return SANDPIPE_OK; }

sandpipe_result compute_into(uint64_t, sandpipe_frame frame) {
    const auto in = sandpipe::slice<float>(sandpipe_trigger_input(frame, 0));
    const auto out = sandpipe::slice<float>(sandpipe_output(frame, 0));
    const uint32_t rows = in.rows, columns = in.columns;
    for (uint32_t row = 0; row < rows; row++) {
        const float *above = &in(row ? row - 1 : 0, 0), *here = &in(row, 0), *below = &in(row + 1 < rows ? row + 1 : row, 0);
        float *__restrict result = &out(row, 0);
        auto magnitude = [&](uint32_t left, uint32_t middle, uint32_t right) {
            float x = (above[right] - above[left]) + 2 * (here[right] - here[left]) + (below[right] - below[left]);
            float y = (below[left] - above[left]) + 2 * (below[middle] - above[middle]) + (below[right] - above[right]);
            return __builtin_sqrtf(x * x + y * y);
        };
        const uint32_t last = columns - 1;
        result[0] = magnitude(0, 0, last ? 1 : 0);
        // Without the ends there is nothing to decide, so this becomes vector code.
        for (uint32_t i = 1; i < last; i++) result[i] = magnitude(i - 1, i, i + 1);
        if (last) result[last] = magnitude(last - 1, last, last);
    }
    return SANDPIPE_OK;
}
