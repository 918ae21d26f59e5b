// out = gain * in + offset, element by element. Start here.

import { parameters, requireLike } from "./failure.js";
import type { Context } from "./types.js";

let gain = 1;
let offset = 0;

export function validateConfig(context: Context): void {
  requireLike(context.outputs[0], context.triggerInputs[0]);
}

export function init(context: Context): void {
  ({ gain = 1, offset = 0 } = parameters(context));
}

export function computeInto(
  frameId: bigint,
  inputs: Float32Array[],
  auxiliaryInputs: Float32Array[],
  outputs: Float32Array[],
): void {
  const [input] = inputs;
  const [output] = outputs;
  for (let i = 0; i < output.length; i++) output[i] = gain * input[i] + offset;
}
