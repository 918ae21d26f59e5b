/* Write sandpipe kernels in C and C++: the contract `sandpipe:kernel@0.1.0` of wit/kernel.wit by hand.
 *
 * No libc, no generator, no library: include this file in one source file of the kernel and define three functions:
 *
 *     sandpipe_result validate_config(const sandpipe_context *context);   can the kernel run in this place?
 *     sandpipe_result init(const sandpipe_context *context);              once, before the first frame
 *     sandpipe_result compute_into(uint64_t frame_id, sandpipe_frame frame);
 *
 * Each returns SANDPIPE_OK or sandpipe_fail(code, "what is wrong"). Further source files say SANDPIPE_NO_EXPORTS before
 * they include it. Build (any clang for wasm32 will do; `zig cc` is one):
 *
 *     zig cc --target=wasm32-freestanding -O3 -msimd128 -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--strip-all -o NAME.wasm kernel.c
 *     sandpipe kernel pack NAME.wasm --manifest manifest.json
 *
 * The host has compared arities, dtypes and parameters with the manifest before any of this runs. */
#ifndef SANDPIPE_H
#define SANDPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What a stage is told. These are the records of the contract as they lie in memory. ---- */

typedef enum {
    SANDPIPE_BOOL, SANDPIPE_S8, SANDPIPE_S16, SANDPIPE_S32, SANDPIPE_S64, SANDPIPE_U8, SANDPIPE_U16, SANDPIPE_U32,
    SANDPIPE_U64, SANDPIPE_F16, SANDPIPE_F32, SANDPIPE_F64, SANDPIPE_C64, SANDPIPE_C128
} sandpipe_dtype;

/* UTF-8 without a zero at its end. */
typedef struct { const char *at; uint32_t bytes; } sandpipe_string;

/* One stream or state array. `shape` has `rank` extents in C order: the last one varies fastest. */
typedef struct {
    sandpipe_string name, alias;
    uint8_t dtype; /* a sandpipe_dtype */
    const uint32_t *shape;
    uint32_t rank;
} sandpipe_array;

typedef struct { const sandpipe_array *at; uint32_t count; } sandpipe_arrays;

/* Valid as long as the kernel lives. */
typedef struct {
    sandpipe_string name, kind;
    uint32_t part_index, part_count; /* 0 of 1, unless the stage is split */
    sandpipe_arrays trigger_inputs, auxiliary_inputs, outputs, state;
    uint8_t has_operation;
    sandpipe_string operation;
    sandpipe_string parameters; /* a JSON object; see sandpipe_number */
} sandpipe_context;

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(sandpipe_array) == 28 && sizeof(sandpipe_context) == 76, "build for wasm32");

/* ---- How a function ends. ---- */

typedef enum {
    SANDPIPE_WRONG_ARITY, SANDPIPE_WRONG_DTYPE, SANDPIPE_WRONG_SHAPE, SANDPIPE_WRONG_PARAMETER, SANDPIPE_FAILED
} sandpipe_code;

typedef struct { uint8_t failed; uint8_t padding[3]; uint8_t code; sandpipe_string message; } sandpipe_outcome;
typedef const sandpipe_outcome *sandpipe_result;

static const sandpipe_outcome sandpipe_ok = {0};
#define SANDPIPE_OK (&sandpipe_ok)

/* The message that is being put together, and the failure that carries it. */
static char sandpipe_message[512];
static uint32_t sandpipe_message_bytes;
static sandpipe_outcome sandpipe_failure;

static inline sandpipe_string sandpipe_string_of(const char *text) {
    sandpipe_string string = {text, 0};
    while (text[string.bytes]) string.bytes++;
    return string;
}

static inline void sandpipe_say(sandpipe_string text) {
    for (uint32_t i = 0; i < text.bytes && sandpipe_message_bytes < sizeof sandpipe_message; i++)
        sandpipe_message[sandpipe_message_bytes++] = text.at[i];
}

/* Ends the call: nothing is published, and no state is committed. The text is for the pipeline's author. */
static inline sandpipe_result sandpipe_fail(sandpipe_code code, const char *text) {
    sandpipe_say(sandpipe_string_of(text));
    sandpipe_failure.failed = 1;
    sandpipe_failure.code = (uint8_t)code;
    sandpipe_failure.message.at = sandpipe_message;
    sandpipe_failure.message.bytes = sandpipe_message_bytes;
    sandpipe_message_bytes = 0;
    return &sandpipe_failure;
}

/* ---- Checks for validate_config. ---- */

/* Fails unless `array` has dtype and shape of `other`. */
static inline sandpipe_result sandpipe_require_like(const sandpipe_array *array, const sandpipe_array *other) {
    bool same = array->rank == other->rank;
    for (uint32_t i = 0; same && i < array->rank; i++) same = array->shape[i] == other->shape[i];
    if (same && array->dtype == other->dtype) return SANDPIPE_OK;
    sandpipe_say(sandpipe_string_of("'"));
    sandpipe_say(array->name);
    sandpipe_say(sandpipe_string_of(same ? "' must have the dtype of '" : "' must have the shape of '"));
    sandpipe_say(other->name);
    return sandpipe_fail(same ? SANDPIPE_WRONG_DTYPE : SANDPIPE_WRONG_SHAPE, "'");
}

/* Fails unless `array` has so many dimensions. */
static inline sandpipe_result sandpipe_require_rank(const sandpipe_array *array, uint32_t rank) {
    if (array->rank == rank) return SANDPIPE_OK;
    char digits[] = {(char)('0' + rank % 10), 0};
    sandpipe_say(sandpipe_string_of("'"));
    sandpipe_say(array->name);
    sandpipe_say(sandpipe_string_of("' must have so many dimensions: "));
    return sandpipe_fail(SANDPIPE_WRONG_SHAPE, digits);
}

/* ---- Memory that is kept. There is no free: allocate in init, not in compute_into. ---- */

static uintptr_t sandpipe_free_from, sandpipe_free_to;

/* Zeros, aligned to 16. Traps where the stage's limit on memory is reached. */
static inline void *sandpipe_allocate(size_t bytes) {
    const uintptr_t page = 65536;
    uintptr_t at = (sandpipe_free_from + 15) & ~(uintptr_t)15;
    if (bytes > UINT32_MAX - page) __builtin_trap();
    if (at > sandpipe_free_to || bytes > sandpipe_free_to - at) {
        size_t pages = (bytes + page - 1) / page;
        size_t before = __builtin_wasm_memory_grow(0, pages);
        if (before == SIZE_MAX) __builtin_trap();
        at = before * page;
        sandpipe_free_to = at + pages * page;
    }
    sandpipe_free_from = at + bytes;
    return (void *)at;
}

/* ---- Frames. ---- */

/* The addresses of one frame's arrays: trigger inputs, auxiliary inputs, outputs, then for each state array its previous and
 * its next value. */
typedef struct { const uint32_t *table; const sandpipe_context *context; } sandpipe_frame;

/* An array of a frame: read it through sandpipe_slice. As an image it has `rows` times `columns` elements, where `columns` is
 * the last extent of the shape. */
typedef struct { const void *bytes; const sandpipe_array *array; uint32_t elements, rows, columns; } sandpipe_view;
typedef struct { void *bytes; const sandpipe_array *array; uint32_t elements, rows, columns; } sandpipe_view_mut;

static inline sandpipe_view_mut sandpipe_view_of(sandpipe_frame frame, uint32_t place, const sandpipe_arrays *of, uint32_t index) {
    if (index >= of->count) __builtin_trap();
    const sandpipe_array *array = &of->at[index];
    sandpipe_view_mut view = {(void *)(uintptr_t)frame.table[place], array, 1, 1, 1};
    for (uint32_t i = 0; i < array->rank; i++) {
        view.columns = array->shape[i];
        view.elements *= array->shape[i];
    }
    view.rows = view.elements / view.columns;
    return view;
}

static inline sandpipe_view sandpipe_read_only(sandpipe_view_mut view) {
    sandpipe_view read_only = {view.bytes, view.array, view.elements, view.rows, view.columns};
    return read_only;
}

static inline sandpipe_view sandpipe_trigger_input(sandpipe_frame frame, uint32_t index) {
    return sandpipe_read_only(sandpipe_view_of(frame, index, &frame.context->trigger_inputs, index));
}

static inline sandpipe_view sandpipe_auxiliary_input(sandpipe_frame frame, uint32_t index) {
    uint32_t before = frame.context->trigger_inputs.count;
    return sandpipe_read_only(sandpipe_view_of(frame, before + index, &frame.context->auxiliary_inputs, index));
}

static inline sandpipe_view_mut sandpipe_output(sandpipe_frame frame, uint32_t index) {
    uint32_t before = frame.context->trigger_inputs.count + frame.context->auxiliary_inputs.count;
    return sandpipe_view_of(frame, before + index, &frame.context->outputs, index);
}

static inline uint32_t sandpipe_before_state(sandpipe_frame frame) {
    return frame.context->trigger_inputs.count + frame.context->auxiliary_inputs.count + frame.context->outputs.count;
}

/* What the last call that succeeded wrote to the state array; zeros at first. */
static inline sandpipe_view sandpipe_state_previous(sandpipe_frame frame, uint32_t index) {
    uint32_t place = sandpipe_before_state(frame) + 2 * index;
    return sandpipe_read_only(sandpipe_view_of(frame, place, &frame.context->state, index));
}

/* Where the state array's next value goes; all of it has to be written. */
static inline sandpipe_view_mut sandpipe_state_next(sandpipe_frame frame, uint32_t index) {
    return sandpipe_view_of(frame, sandpipe_before_state(frame) + 2 * index + 1, &frame.context->state, index);
}

/* ---- Messages for people, bounded and rate limited by the host. ---- */

typedef enum { SANDPIPE_DEBUG, SANDPIPE_INFO, SANDPIPE_WARN, SANDPIPE_ERROR } sandpipe_level;

__attribute__((import_module("sandpipe:kernel/log@0.1.0"), import_name("log")))
void sandpipe_log_bytes(uint32_t level, const char *at, uint32_t bytes);

static inline void sandpipe_log(sandpipe_level level, const char *text) {
    sandpipe_log_bytes(level, text, sandpipe_string_of(text).bytes);
}

/* ---- Typed elements: sandpipe_slice(float, view)[i]. A type that is not the array's dtype is a trap. ---- */

static inline const void *sandpipe_as(const void *bytes, bool fits) {
    if (!fits) {
        sandpipe_log(SANDPIPE_ERROR, "the kernel reads an array as what it is not; name its dtypes in manifest.json");
        __builtin_trap();
    }
    return bytes;
}

/* ---- Parameters. Values are those of the manifest's schema; what is not there has the value `otherwise`. ---- */

static inline uint32_t sandpipe_json_space(sandpipe_string json, uint32_t i) {
    while (i < json.bytes && (json.at[i] == ' ' || json.at[i] == '\n' || json.at[i] == '\t' || json.at[i] == '\r')) i++;
    return i;
}

/* Behind the string whose opening quote is at `i`. */
static inline uint32_t sandpipe_json_string(sandpipe_string json, uint32_t i) {
    for (i++; i < json.bytes && json.at[i] != '"'; i++)
        if (json.at[i] == '\\') i++;
    return i + 1;
}

/* Behind the value at `i`. */
static inline uint32_t sandpipe_json_value(sandpipe_string json, uint32_t i) {
    for (uint32_t depth = 0; i < json.bytes;) {
        char c = json.at[i];
        if (depth == 0 && (c == ',' || c == '}')) break;
        if (c == '"') { i = sandpipe_json_string(json, i); continue; }
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        i++;
    }
    return i;
}

/* The JSON text of a parameter; empty where it is not given. */
static inline sandpipe_string sandpipe_parameter(const sandpipe_context *context, const char *name) {
    sandpipe_string json = context->parameters, wanted = sandpipe_string_of(name);
    uint32_t i = sandpipe_json_space(json, 0) + 1;
    while (i < json.bytes) {
        i = sandpipe_json_space(json, i);
        if (i >= json.bytes || json.at[i] != '"') break;
        uint32_t key = i + 1, end = sandpipe_json_string(json, i);
        bool found = end >= key + 1 && end - 1 - key == wanted.bytes;
        for (uint32_t k = 0; found && k < wanted.bytes; k++) found = json.at[key + k] == wanted.at[k];
        i = sandpipe_json_space(json, sandpipe_json_space(json, end) + 1);
        end = sandpipe_json_value(json, i);
        if (found && end <= json.bytes) {
            sandpipe_string value = {json.at + i, end - i};
            return value;
        }
        i = end + 1;
    }
    sandpipe_string none = {0, 0};
    return none;
}

/* A number: exact for up to 15 digits and exponents up to 22 (Clinger's fast path), else within a few units of the last place. */
static inline double sandpipe_number(const sandpipe_context *context, const char *name, double otherwise) {
    sandpipe_string text = sandpipe_parameter(context, name);
    uint32_t i = 0;
    bool negative = text.bytes > 0 && text.at[0] == '-', digits = false, fraction = false;
    double value = 0;
    int32_t exponent = 0;
    for (i += negative; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '.' && !fraction) { fraction = true; continue; }
        if (c < '0' || c > '9') break;
        digits = true;
        value = value * 10 + (c - '0');
        exponent -= fraction;
    }
    if (!digits) return otherwise;
    if (i < text.bytes && (text.at[i] == 'e' || text.at[i] == 'E')) {
        int32_t given = 0;
        bool down = ++i < text.bytes && text.at[i] == '-';
        if (i < text.bytes && (text.at[i] == '-' || text.at[i] == '+')) i++;
        for (; i < text.bytes && text.at[i] >= '0' && text.at[i] <= '9' && given < 1000; i++) given = given * 10 + (text.at[i] - '0');
        exponent += down ? -given : given;
    }
    double power = 1;
    for (int32_t k = exponent < 0 ? -exponent : exponent; k > 0; k--) power *= 10;
    value = exponent < 0 ? value / power : value * power;
    return negative ? -value : value;
}

/* true or false. */
static inline bool sandpipe_flag(const sandpipe_context *context, const char *name, bool otherwise) {
    sandpipe_string text = sandpipe_parameter(context, name);
    return text.bytes ? text.at[0] == 't' : otherwise;
}

/* Whether a parameter is the text `value`, as in an enumeration. Compares what stands between the quotes. */
static inline bool sandpipe_is(const sandpipe_context *context, const char *name, const char *value) {
    sandpipe_string text = sandpipe_parameter(context, name), wanted = sandpipe_string_of(value);
    bool same = text.bytes >= wanted.bytes + 2 && text.at[0] == '"' && text.at[wanted.bytes + 1] == '"';
    for (uint32_t i = 0; same && i < wanted.bytes; i++) same = text.at[i + 1] == wanted.at[i];
    return same;
}

/* ---- What the author writes, and what the host calls. ---- */

sandpipe_result validate_config(const sandpipe_context *context);
sandpipe_result init(const sandpipe_context *context);
sandpipe_result compute_into(uint64_t frame_id, sandpipe_frame frame);

#ifndef SANDPIPE_NO_EXPORTS

static const sandpipe_context *sandpipe_stage;

#ifdef __cplusplus
void __wasm_call_ctors(void);
static inline void sandpipe_construct(void) {
    static bool constructed;
    if (!constructed) { constructed = true; __wasm_call_ctors(); }
}
#else
static inline void sandpipe_construct(void) {}
#endif

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, uint32_t old_bytes, uint32_t alignment, uint32_t bytes) {
    (void)old, (void)old_bytes;
    return bytes ? sandpipe_allocate(bytes) : (void *)(uintptr_t)alignment;
}

__attribute__((export_name("sandpipe:kernel/stage@0.1.0#validate-config")))
sandpipe_result sandpipe_export_validate_config(const sandpipe_context *context) {
    sandpipe_construct();
    return validate_config(context);
}

__attribute__((export_name("sandpipe:kernel/stage@0.1.0#init")))
sandpipe_result sandpipe_export_init(const sandpipe_context *context) {
    sandpipe_construct();
    /* The host had it allocated by cabi_realloc, which never frees: it stays. */
    sandpipe_stage = context;
    return init(context);
}

/* A block of fresh pages, so nothing else of the kernel lies in it. */
__attribute__((export_name("sandpipe:kernel/mapped@0.1.0#reserve")))
uint32_t sandpipe_export_reserve(uint32_t bytes) {
    size_t before = __builtin_wasm_memory_grow(0, (bytes - 1) / 65536 + 1);
    return before == SIZE_MAX ? 0 : (uint32_t)(before * 65536);
}

__attribute__((export_name("sandpipe:kernel/mapped@0.1.0#compute-into")))
sandpipe_result sandpipe_export_compute_into(uint64_t frame_id, const uint32_t *table) {
    sandpipe_frame frame = {table, sandpipe_stage};
    return compute_into(frame_id, frame);
}

#endif

#ifdef __cplusplus
}

namespace sandpipe {
template <class T> struct dtype_of;
template <> struct dtype_of<bool> { static const uint8_t value = SANDPIPE_BOOL; };
template <> struct dtype_of<int8_t> { static const uint8_t value = SANDPIPE_S8; };
template <> struct dtype_of<int16_t> { static const uint8_t value = SANDPIPE_S16; };
template <> struct dtype_of<int32_t> { static const uint8_t value = SANDPIPE_S32; };
template <> struct dtype_of<int64_t> { static const uint8_t value = SANDPIPE_S64; };
template <> struct dtype_of<uint8_t> { static const uint8_t value = SANDPIPE_U8; };
template <> struct dtype_of<uint16_t> { static const uint8_t value = SANDPIPE_U16; };
template <> struct dtype_of<uint32_t> { static const uint8_t value = SANDPIPE_U32; };
template <> struct dtype_of<uint64_t> { static const uint8_t value = SANDPIPE_U64; };
template <> struct dtype_of<float> { static const uint8_t value = SANDPIPE_F32; };
template <> struct dtype_of<double> { static const uint8_t value = SANDPIPE_F64; };

/* A view with the type of its elements: view[i], view(row, column), for (T x : view). */
template <class T> struct span {
    T *data;
    uint32_t rows, columns;
    T &operator[](uint32_t i) const { return data[i]; }
    T &operator()(uint32_t row, uint32_t column) const { return data[row * columns + column]; }
    T *begin() const { return data; }
    T *end() const { return data + size(); }
    uint32_t size() const { return rows * columns; }
};

template <class T> span<const T> slice(sandpipe_view view) {
    bool fits = view.array->dtype == dtype_of<T>::value;
    return {static_cast<const T *>(sandpipe_as(view.bytes, fits)), view.rows, view.columns};
}
template <class T> span<T> slice(sandpipe_view_mut view) {
    bool fits = view.array->dtype == dtype_of<T>::value;
    return {static_cast<T *>(const_cast<void *>(sandpipe_as(view.bytes, fits))), view.rows, view.columns};
}
} // namespace sandpipe

#else

#define SANDPIPE_DTYPE_OF(T) \
    _Generic((T *)0, bool *: SANDPIPE_BOOL, int8_t *: SANDPIPE_S8, int16_t *: SANDPIPE_S16, int32_t *: SANDPIPE_S32, \
        int64_t *: SANDPIPE_S64, uint8_t *: SANDPIPE_U8, uint16_t *: SANDPIPE_U16, uint32_t *: SANDPIPE_U32, \
        uint64_t *: SANDPIPE_U64, float *: SANDPIPE_F32, double *: SANDPIPE_F64)

#define sandpipe_slice(T, view) \
    ((const T *)sandpipe_as((view).bytes, (view).array->dtype == SANDPIPE_DTYPE_OF(T)))
#define sandpipe_slice_mut(T, view) \
    ((T *)sandpipe_as((view).bytes, (view).array->dtype == SANDPIPE_DTYPE_OF(T)))

#endif

#endif
