// Reduces an image to a few tones, by Bayer's 4 × 4 pattern.

import { Failure, parameters, requireLike } from "./failure.js";

const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

let columns = 1;
// tables[k][x]: what becomes of the tone x at place k of the pattern.
let tables = [];

export function validateConfig(context) {
  const [input] = context.triggerInputs;
  if (input.shape.length !== 2) throw new Failure(`'${input.name}' must be an image of two dimensions`, "shape");
  requireLike(context.outputs[0], input);
}

export function init(context) {
  const { tones = 4 } = parameters(context);
  columns = context.triggerInputs[0].shape[1];
  const step = 255 / (tones - 1);
  tables = BAYER.map((place) => Uint8Array.from({ length: 256 }, (_, x) => Math.floor(x / step + (place + 0.5) / 16) * step));
}

export function computeInto(frameId, inputs, auxiliaryInputs, outputs) {
  const [input] = inputs;
  const [output] = outputs;
  for (let start = 0, row = 0; start < output.length; start += columns, row++) {
    const line = tables.slice((row & 3) * 4, (row & 3) * 4 + 4);
    for (let column = 0; column < columns; column++) output[start + column] = line[column & 3][input[start + column]];
  }
}
