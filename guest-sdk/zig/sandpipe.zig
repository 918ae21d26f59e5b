//! Write sandpipe kernels in Zig: the contract `sandpipe:kernel@0.1.0` of wit/kernel.wit by hand.
//!
//!     const sandpipe = @import("sandpipe.zig");
//!     comptime { sandpipe.exportKernel(@This()); }
//!     pub fn validateConfig(context: *const sandpipe.Context) sandpipe.Error!void    // can the kernel run in this place?
//!     pub fn init(context: *const sandpipe.Context) sandpipe.Error!void              // once, before the first frame
//!     pub fn computeInto(frame_id: u64, frame: sandpipe.Frame) sandpipe.Error!void
//!
//! A function that cannot do its work says `return sandpipe.fail(.shape, "what is wrong", .{})`. The host has compared arities,
//! dtypes and parameters with the manifest before any of this runs. There is no standard output, clock or file.

const std = @import("std");

pub const Dtype = enum(u8) { bool, s8, s16, s32, s64, u8, u16, u32, u64, f16, f32, f64, c64, c128 };

/// Text as the contract hands it over.
pub const String = extern struct {
    at: [*]const u8,
    bytes: u32,

    pub fn slice(self: String) []const u8 {
        return self.at[0..self.bytes];
    }
};

fn List(comptime T: type) type {
    return extern struct {
        at: [*]const T,
        count: u32,

        pub fn slice(self: @This()) []const T {
            return self.at[0..self.count];
        }
    };
}

/// One stream or state array. The extents are in C order: the last one varies fastest.
pub const Array = extern struct {
    name: String,
    alias: String,
    dtype: Dtype,
    shape: List(u32),

    pub fn elements(self: *const Array) u32 {
        var product: u32 = 1;
        for (self.shape.slice()) |extent| product *= extent;
        return product;
    }

    /// Fails unless dtype and shape are those of `other`.
    pub fn requireLike(self: *const Array, other: *const Array) Error!void {
        if (!std.mem.eql(u32, self.shape.slice(), other.shape.slice()))
            return fail(.shape, "'{s}' must have the shape of '{s}'", .{ self.name.slice(), other.name.slice() });
        if (self.dtype != other.dtype)
            return fail(.dtype, "'{s}' must have the dtype of '{s}'", .{ self.name.slice(), other.name.slice() });
    }

    /// Fails unless there are so many dimensions.
    pub fn requireRank(self: *const Array, rank: u32) Error!void {
        if (self.shape.count != rank)
            return fail(.shape, "'{s}' must have {d} dimensions, it has {d}", .{ self.name.slice(), rank, self.shape.count });
    }
};

/// Everything a stage is told. Valid as long as the kernel lives.
pub const Context = extern struct {
    name: String,
    kind: String,
    /// Which part of the stage this instance computes: 0 of 1, unless the stage is split.
    part: extern struct { index: u32, count: u32 },
    trigger_inputs: List(Array),
    auxiliary_inputs: List(Array),
    outputs: List(Array),
    state: List(Array),
    has_operation: u8,
    operation: String,
    /// A JSON object; see `number`, `flag` and `text`.
    parameters: String,

    /// A parameter that is a number, or `otherwise` where it is not given.
    pub fn number(self: *const Context, name: []const u8, otherwise: f64) f64 {
        const json = self.parameter(name) orelse return otherwise;
        return std.fmt.parseFloat(f64, json) catch otherwise;
    }

    /// A parameter that is true or false.
    pub fn flag(self: *const Context, name: []const u8, otherwise: bool) bool {
        const json = self.parameter(name) orelse return otherwise;
        return std.mem.eql(u8, json, "true");
    }

    /// A parameter that is text without escapes, as in an enumeration.
    pub fn text(self: *const Context, name: []const u8, otherwise: []const u8) []const u8 {
        const json = self.parameter(name) orelse return otherwise;
        return std.mem.trim(u8, json, "\"");
    }

    /// The JSON text of a parameter.
    pub fn parameter(self: *const Context, name: []const u8) ?[]const u8 {
        const json = self.parameters.slice();
        var i = space(json, 0) + 1;
        while (true) {
            i = space(json, i);
            if (i >= json.len or json[i] != '"') return null;
            const end = string(json, i);
            const key = json[@min(i + 1, json.len)..@min(end - 1, json.len)];
            i = space(json, space(json, end) + 1);
            const value = valueEnd(json, i);
            if (std.mem.eql(u8, key, name) and i <= value) return json[i..value];
            i = value + 1;
        }
    }
};

comptime {
    if (@sizeOf(Array) != 28 or @sizeOf(Context) != 76) @compileError("build for wasm32");
}

fn space(json: []const u8, from: usize) usize {
    var i = from;
    while (i < json.len and std.mem.indexOfScalar(u8, " \n\r\t", json[i]) != null) i += 1;
    return i;
}

/// Behind the string whose opening quote is at `from`.
fn string(json: []const u8, from: usize) usize {
    var i = from + 1;
    while (i < json.len and json[i] != '"') i += if (json[i] == '\\') 2 else 1;
    return i + 1;
}

/// Behind the value at `from`.
fn valueEnd(json: []const u8, from: usize) usize {
    var depth: u32 = 0;
    var i = from;
    while (i < json.len) switch (json[i]) {
        '"' => i = string(json, i),
        '{', '[' => {
            depth += 1;
            i += 1;
        },
        ',' => if (depth == 0) break else {
            i += 1;
        },
        '}', ']' => if (depth == 0) break else {
            depth -= 1;
            i += 1;
        },
        else => i += 1,
    };
    return @min(i, json.len);
}

// How a function ends.

pub const Code = enum(u8) { arity, dtype, shape, parameter, failed };
pub const Error = error{SandpipeFailure};

const Outcome = extern struct { failed: u8, code: Code align(4), message: String };

var message: [512]u8 = undefined;
var outcome: Outcome = .{ .failed = 0, .code = .failed, .message = .{ .at = &message, .bytes = 0 } };

/// Ends the call: nothing is published, and no state is committed. The text is for the pipeline's author.
pub fn fail(code: Code, comptime format: []const u8, arguments: anytype) Error {
    const written = std.fmt.bufPrint(&message, format, arguments) catch message[0..];
    outcome.code = code;
    outcome.message.bytes = @intCast(written.len);
    return error.SandpipeFailure;
}

fn settle(result: Error!void) *const Outcome {
    outcome.failed = if (result) |_| 0 else |_| 1;
    return &outcome;
}

// Frames.

/// One frame's arrays.
pub const Frame = struct {
    table: [*]const u32,
    context: *const Context,

    /// A trigger input with elements of type T, which must be that of its dtype.
    pub fn triggerInput(self: Frame, comptime T: type, index: u32) View(T, true) {
        return view(T, true, &self.context.trigger_inputs.slice()[index], self.table[index]);
    }

    pub fn auxiliaryInput(self: Frame, comptime T: type, index: u32) View(T, true) {
        const place = self.context.trigger_inputs.count + index;
        return view(T, true, &self.context.auxiliary_inputs.slice()[index], self.table[place]);
    }

    pub fn output(self: Frame, comptime T: type, index: u32) View(T, false) {
        const place = self.context.trigger_inputs.count + self.context.auxiliary_inputs.count + index;
        return view(T, false, &self.context.outputs.slice()[index], self.table[place]);
    }

    /// What the last call that succeeded wrote to a state array; zeros at first.
    pub fn statePrevious(self: Frame, comptime T: type, index: u32) View(T, true) {
        return view(T, true, &self.context.state.slice()[index], self.table[self.beforeState() + 2 * index]);
    }

    /// Where a state array's next value goes; all of it has to be written.
    pub fn stateNext(self: Frame, comptime T: type, index: u32) View(T, false) {
        return view(T, false, &self.context.state.slice()[index], self.table[self.beforeState() + 2 * index + 1]);
    }

    fn beforeState(self: Frame) u32 {
        return self.context.trigger_inputs.count + self.context.auxiliary_inputs.count + self.context.outputs.count;
    }
};

/// An array of a frame, and how it looks as an image: `columns` is the last extent of the shape.
pub fn View(comptime T: type, comptime read_only: bool) type {
    return struct { data: if (read_only) []const T else []T, rows: u32, columns: u32 };
}

fn view(comptime T: type, comptime read_only: bool, array: *const Array, address: u32) View(T, read_only) {
    if (array.dtype != comptime dtypeOf(T)) {
        log(.err, "the kernel reads an array as what it is not; name its dtypes in manifest.json");
        @trap();
    }
    const elements = array.elements();
    const columns = if (array.shape.count == 0) 1 else array.shape.slice()[array.shape.count - 1];
    const at: [*]T = @ptrFromInt(address);
    return .{ .data = at[0..elements], .rows = elements / columns, .columns = columns };
}

fn dtypeOf(comptime T: type) Dtype {
    return switch (T) {
        bool => .bool,
        i8 => .s8,
        i16 => .s16,
        i32 => .s32,
        i64 => .s64,
        u8 => .u8,
        u16 => .u16,
        u32 => .u32,
        u64 => .u64,
        f16 => .f16,
        f32 => .f32,
        f64 => .f64,
        else => @compileError("no dtype has this type of element"),
    };
}

// Messages for people, bounded and rate limited by the host.

pub const Level = enum(u32) { debug, info, warn, err };

const host = struct {
    extern "sandpipe:kernel/log@0.1.0" fn log(level: u32, at: [*]const u8, bytes: u32) void;
};

pub fn log(level: Level, text: []const u8) void {
    host.log(@intFromEnum(level), text.ptr, text.len);
}

/// Memory that is kept: allocate in init, not in computeInto.
pub const allocator = std.heap.wasm_allocator;

/// Exports the contract's functions for the file that calls it.
pub fn exportKernel(comptime Kernel: type) void {
    const exports = struct {
        var stage: *const Context = undefined;

        fn realloc(old: ?[*]u8, old_bytes: u32, alignment: u32, bytes: u32) callconv(.c) ?*anyopaque {
            _ = .{ old, old_bytes };
            // Zig gives nothing an address outside the memory.
            if (bytes == 0) return @ptrFromInt(alignment);
            const block = allocator.alignedAlloc(u8, .@"16", bytes) catch @trap();
            return block.ptr;
        }

        fn validateConfig(context: *const Context) callconv(.c) *const Outcome {
            return settle(Kernel.validateConfig(context));
        }

        fn init(context: *const Context) callconv(.c) *const Outcome {
            // The host had it allocated by realloc, and nobody frees it: it stays.
            stage = context;
            return settle(Kernel.init(context));
        }

        /// A block of fresh pages, so nothing else of the kernel lies in it.
        fn reserve(bytes: u32) callconv(.c) u32 {
            const page = @wasmMemoryGrow(0, (bytes - 1) / 65536 + 1);
            return if (page < 0) 0 else @intCast(page * 65536);
        }

        fn computeInto(frame_id: u64, table: [*]const u32) callconv(.c) *const Outcome {
            return settle(Kernel.computeInto(frame_id, .{ .table = table, .context = stage }));
        }
    };
    @export(&exports.realloc, .{ .name = "cabi_realloc" });
    @export(&exports.validateConfig, .{ .name = "sandpipe:kernel/stage@0.1.0#validate-config" });
    @export(&exports.init, .{ .name = "sandpipe:kernel/stage@0.1.0#init" });
    @export(&exports.reserve, .{ .name = "sandpipe:kernel/mapped@0.1.0#reserve" });
    @export(&exports.computeInto, .{ .name = "sandpipe:kernel/mapped@0.1.0#compute-into" });
}
