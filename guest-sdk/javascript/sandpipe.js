// Write sandpipe kernels in JavaScript and TypeScript: what stands between the contract (wit/kernel.wit, world kernel-copied) and
// kernel.js, which exports validateConfig(context), init(context) and computeInto(frameId, inputs, auxiliary, outputs).
//
// Frames come and go as copies. Inputs and outputs are typed arrays (Float32Array for f32), the outputs are the same ones at every
// frame, and each is handed to the host when computeInto has returned. The frame id is a BigInt, exact up to 2^53. There is no state
// between frames in this world.

import { writeOutput } from "sandpipe:kernel/sink@0.1.0";
import * as kernel from "./kernel.js";

// Half precision and complex numbers stay bytes, or pairs.
const TYPES = {
  bool: Uint8Array, s8: Int8Array, s16: Int16Array, s32: Int32Array, s64: BigInt64Array, u8: Uint8Array, u16: Uint16Array,
  u32: Uint32Array, u64: BigUint64Array, f16: Uint16Array, f32: Float32Array, f64: Float64Array, c64: Float32Array,
  c128: Float64Array,
};
const PAIRS = { c64: 2, c128: 2 };

let stage_ = null;
let outputs = [];
let bytes = [];

/** What the host is told of an exception: a Failure as it is, anything else as a failure of the kernel. */
function reported(error) {
  return { code: error.code ?? "failed", message: String(error.message ?? error) };
}

function typed(arrays, frames) {
  return frames.map((frame, i) => new TYPES[arrays[i].dtype](frame.buffer, frame.byteOffset, elements(arrays[i])));
}

function elements(array) {
  return array.shape.reduce((product, extent) => product * extent, PAIRS[array.dtype] ?? 1);
}

export const stage = {
  validateConfig(context) {
    try {
      kernel.validateConfig(context);
    } catch (error) {
      throw reported(error);
    }
  },
  init(context) {
    stage_ = context;
    outputs = context.outputs.map((array) => new TYPES[array.dtype](elements(array)));
    bytes = outputs.map((output) => new Uint8Array(output.buffer));
    try {
      kernel.init(context);
    } catch (error) {
      throw reported(error);
    }
  },
};

export const copied = {
  computeInto(frameId, inputs, auxiliary) {
    try {
      kernel.computeInto(BigInt(frameId), typed(stage_.triggerInputs, inputs), typed(stage_.auxiliaryInputs, auxiliary), outputs);
    } catch (error) {
      throw reported(error);
    }
    bytes.forEach((output, i) => writeOutput(i, output));
  },
};
