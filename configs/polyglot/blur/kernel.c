/* A separable Gaussian blur: each row, then each column. Edges are repeated outwards. */
#include "sandpipe.h"

#define MOST 30 /* three standard deviations of the largest sigma */

static float weights[MOST + 1];
static int32_t radius;
/* One row with its repeated edges, and the image after the first pass. */
static float *padded, *between;

/* e^x for x <= 0: e^x = (e^(x/1024))^1024, by the series. There is no libc. */
static double exponential(double x) {
    double small = x / 1024, term = 1, sum = 1;
    for (int i = 1; i < 12; i++) sum += term *= small / i;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

sandpipe_result validate_config(const sandpipe_context *context) {
    sandpipe_result rank = sandpipe_require_rank(&context->trigger_inputs.at[0], 2);
    if (rank != SANDPIPE_OK) return rank;
    return sandpipe_require_like(&context->outputs.at[0], &context->trigger_inputs.at[0]);
}

sandpipe_result init(const sandpipe_context *context) {
    double sigma = sandpipe_number(context, "sigma", 1), sum = 0;
    radius = (int32_t)(3 * sigma + 0.5);
    if (radius > MOST) radius = MOST;
    for (int32_t i = 0; i <= radius; i++) sum += (i ? 2 : 1) * exponential(-i * i / (2 * sigma * sigma));
    for (int32_t i = 0; i <= radius; i++) weights[i] = (float)(exponential(-i * i / (2 * sigma * sigma)) / sum);
    const uint32_t *shape = context->trigger_inputs.at[0].shape;
    padded = sandpipe_allocate((shape[1] + 2 * MOST) * sizeof(float));
    between = sandpipe_allocate((size_t)shape[0] * shape[1] * sizeof(float));
    return SANDPIPE_OK;
}

sandpipe_result compute_into(uint64_t frame_id, sandpipe_frame frame) {
    sandpipe_view input = sandpipe_trigger_input(frame, 0);
    sandpipe_view_mut output = sandpipe_output(frame, 0);
    const float *in = sandpipe_slice(float, input);
    float *out = sandpipe_slice_mut(float, output);
    int32_t rows = (int32_t)input.rows, columns = (int32_t)input.columns;
    for (int32_t row = 0; row < rows; row++) {
        const float *line = in + row * columns;
        float *restrict result = between + row * columns;
        for (int32_t i = -radius; i < columns + radius; i++)
            padded[i + radius] = line[i < 0 ? 0 : i < columns ? i : columns - 1];
        for (int32_t i = 0; i < columns; i++) result[i] = weights[0] * padded[i + radius];
        for (int32_t k = 1; k <= radius; k++) {
            const float *restrict left = padded + radius - k, *restrict right = padded + radius + k;
            float weight = weights[k];
            for (int32_t i = 0; i < columns; i++) result[i] += weight * (left[i] + right[i]);
        }
    }
    /* The columns all at once, line by line, so that neighbours in memory are computed together. */
    for (int32_t row = 0; row < rows; row++) {
        float *restrict result = out + row * columns;
        const float *line = between + row * columns;
        for (int32_t i = 0; i < columns; i++) result[i] = weights[0] * line[i];
        for (int32_t k = 1; k <= radius; k++) {
            const float *above = between + (row < k ? 0 : row - k) * columns;
            const float *below = between + (row + k < rows ? row + k : rows - 1) * columns;
            float weight = weights[k];
            for (int32_t i = 0; i < columns; i++) result[i] += weight * (above[i] + below[i]);
        }
    }
    (void)frame_id;
    return SANDPIPE_OK;
}
