// What kernels say no with, and the checks that do.

/** What a kernel throws. `code`: arity, dtype, shape, parameter or failed. The text is for the pipeline's author. */
export class Failure extends Error {
  constructor(message, code = "failed") {
    super(message);
    this.code = code;
  }
}

/** Throws unless two arrays have the same dtype and shape. */
export function requireLike(array, other) {
  if (String(array.shape) !== String(other.shape)) throw new Failure(`'${array.name}' must have the shape of '${other.name}'`, "shape");
  if (array.dtype !== other.dtype) throw new Failure(`'${array.name}' must have the dtype of '${other.name}'`, "dtype");
}

/** The parameters as an object. */
export function parameters(context) {
  return JSON.parse(context.parameters);
}
