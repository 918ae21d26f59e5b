//! out = gain * in + offset, element by element. Start here.

const sandpipe = @import("sandpipe.zig");

comptime {
    sandpipe.exportKernel(@This());
}

var gain: f32 = 1;
var offset: f32 = 0;

pub fn validateConfig(context: *const sandpipe.Context) sandpipe.Error!void {
    try context.outputs.at[0].requireLike(&context.trigger_inputs.at[0]);
}

pub fn init(context: *const sandpipe.Context) sandpipe.Error!void {
    gain = @floatCast(context.number("gain", 1));
    offset = @floatCast(context.number("offset", 0));
}

pub fn computeInto(_: u64, frame: sandpipe.Frame) sandpipe.Error!void {
    const input = frame.triggerInput(f32, 0).data;
    const output = frame.output(f32, 0).data;
    // Four elements at a time, each a lane of a vector; LLVM does not find that by itself here.
    const Lanes = @Vector(4, f32);
    const gains: Lanes = @splat(gain);
    const offsets: Lanes = @splat(offset);
    var i: usize = 0;
    while (i + 4 <= input.len) : (i += 4) {
        const x: Lanes = input[i..][0..4].*;
        output[i..][0..4].* = gains * x + offsets;
    }
    while (i < input.len) : (i += 1) output[i] = gain * input[i] + offset;
}
