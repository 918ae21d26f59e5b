//! The largest value in the square around each pixel: along the rows, then along the columns.

const sandpipe = @import("sandpipe.zig");

comptime {
    sandpipe.exportKernel(@This());
}

var radius: usize = 1;
/// The image after the rows.
var between: []f32 = &.{};

pub fn validateConfig(context: *const sandpipe.Context) sandpipe.Error!void {
    const input = &context.trigger_inputs.at[0];
    try input.requireRank(2);
    try context.outputs.at[0].requireLike(input);
}

pub fn init(context: *const sandpipe.Context) sandpipe.Error!void {
    radius = @intFromFloat(context.number("radius", 1));
    between = sandpipe.allocator.alloc(f32, context.trigger_inputs.at[0].elements()) catch
        return sandpipe.fail(.failed, "there is no memory for a second image", .{});
}

pub fn computeInto(_: u64, frame: sandpipe.Frame) sandpipe.Error!void {
    const input = frame.triggerInput(f32, 0);
    const output = frame.output(f32, 0).data;
    const rows: usize = input.rows;
    const columns: usize = input.columns;
    for (0..rows) |row| {
        const line = input.data[row * columns ..][0..columns];
        const result = between[row * columns ..][0..columns];
        @memcpy(result, line);
        for (1..radius + 1) |k| {
            if (k >= columns) break;
            larger(result[0 .. columns - k], line[k..]);
            larger(result[k..], line[0 .. columns - k]);
        }
    }
    for (0..rows) |row| {
        const result = output[row * columns ..][0..columns];
        @memcpy(result, between[row * columns ..][0..columns]);
        const first = row -| radius;
        const last = @min(row + radius, rows - 1);
        for (first..last + 1) |other| larger(result, between[other * columns ..][0..columns]);
    }
}

/// Keeps the larger of each pair, four at a time.
fn larger(kept: []f32, other: []const f32) void {
    const Lanes = @Vector(4, f32);
    var i: usize = 0;
    while (i + 4 <= kept.len) : (i += 4) {
        const a: Lanes = kept[i..][0..4].*;
        const b: Lanes = other[i..][0..4].*;
        kept[i..][0..4].* = @select(f32, b > a, b, a);
    }
    while (i < kept.len) : (i += 1) {
        if (other[i] > kept[i]) kept[i] = other[i];
    }
}
