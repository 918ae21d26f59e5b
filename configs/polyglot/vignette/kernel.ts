// Darkens an image towards its corners: by strength times the square of the distance from the middle, 1 in the corners.

import { Failure, parameters, requireLike } from "./failure.js";
import type { Context } from "./types.js";

let light = new Float64Array(0);

export function validateConfig(context: Context): void {
  const [input] = context.triggerInputs;
  if (input.shape.length !== 2) throw new Failure(`'${input.name}' must be an image of two dimensions`, "shape");
  requireLike(context.outputs[0], input);
}

export function init(context: Context): void {
  const { strength = 0.5 } = parameters(context);
  const [rows, columns] = context.triggerInputs[0].shape;
  light = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const y = (2 * row + 1) / rows - 1;
      const x = (2 * column + 1) / columns - 1;
      light[row * columns + column] = 1 - (strength * (x * x + y * y)) / 2;
    }
  }
}

export function computeInto(frameId: bigint, inputs: Uint8Array[], auxiliaryInputs: Uint8Array[], outputs: Uint8Array[]): void {
  const [input] = inputs;
  const [output] = outputs;
  for (let i = 0; i < output.length; i++) output[i] = input[i] * light[i] + 0.5;
}
