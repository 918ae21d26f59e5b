// Darkens an image where its edges are: image × max(0, 1 − strength × edges). The trigger is the edges, the image is auxiliary.

import { Context, Failure, Kernel, use } from "./sandpipe";
export { cabi_realloc, compute_into, init, reserve, validate_config } from "./sandpipe";

class Ink extends Kernel {
  strength: f32 = 1;

  validate_config(context: Context): Failure | null {
    const edges = context.triggerInputs[0];
    const image = context.auxiliaryInputs[0].requireLike(edges);
    return image ? image : context.outputs[0].requireLike(edges);
  }

  init(context: Context): Failure | null {
    this.strength = f32(context.number("strength", 1));
    return null;
  }

  compute_into(frame_id: u64, frame: Context): Failure | null {
    const edges = frame.triggerInputs[0].of<f32>(), image = frame.auxiliaryInputs[0].of<f32>();
    const output = frame.outputs[0].of<f32>();
    const bytes = <usize>frame.outputs[0].elements << 2;
    const strength = f32x4.splat(this.strength), one = f32x4.splat(1), zero = f32x4.splat(0);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const left = f32x4.max(zero, f32x4.sub(one, f32x4.mul(strength, v128.load(edges + at))));
      v128.store(output + at, f32x4.mul(v128.load(image + at), left));
    }
    for (; at < bytes; at += 4) {
      const left = max<f32>(0, 1 - this.strength * load<f32>(edges + at));
      store<f32>(output + at, load<f32>(image + at) * left);
    }
    return null;
  }
}

use(new Ink());
