// out = gain * in + offset, element by element. Start here.

import { parameters, requireLike } from "./failure.js";

let gain = 1;
let offset = 0;

export function validateConfig(context) {
  requireLike(context.outputs[0], context.triggerInputs[0]);
}

export function init(context) {
  ({ gain = 1, offset = 0 } = parameters(context));
}

export function computeInto(frameId, inputs, auxiliaryInputs, outputs) {
  const [input] = inputs;
  const [output] = outputs;
  for (let i = 0; i < output.length; i++) output[i] = gain * input[i] + offset;
}
