// out = gain * in + offset, element by element. Start here.

import { Context, Failure, Kernel, use } from "./sandpipe";
export { cabi_realloc, compute_into, init, reserve, validate_config } from "./sandpipe";

class Linear extends Kernel {
  gain: f32 = 1;
  offset: f32 = 0;

  validate_config(context: Context): Failure | null {
    return context.outputs[0].requireLike(context.triggerInputs[0]);
  }

  init(context: Context): Failure | null {
    this.gain = f32(context.number("gain", 1));
    this.offset = f32(context.number("offset", 0));
    return null;
  }

  compute_into(frame_id: u64, frame: Context): Failure | null {
    const input = frame.triggerInputs[0].of<f32>(), output = frame.outputs[0].of<f32>();
    const bytes = <usize>frame.outputs[0].elements << 2;
    // Four elements at a time: the compiler makes no vectors by itself.
    const gain = f32x4.splat(this.gain), offset = f32x4.splat(this.offset);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16)
      v128.store(output + at, f32x4.add(f32x4.mul(gain, v128.load(input + at)), offset));
    for (; at < bytes; at += 4) store<f32>(output + at, this.gain * load<f32>(input + at) + this.offset);
    return null;
  }
}

use(new Linear());
