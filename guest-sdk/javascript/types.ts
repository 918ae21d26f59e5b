// What a kernel in TypeScript is told, as types.

/** The type of one element. */
export type Dtype =
  | "bool" | "s8" | "s16" | "s32" | "s64" | "u8" | "u16" | "u32" | "u64" | "f16" | "f32" | "f64" | "c64" | "c128";

/** One stream. The extents are in C order: the last one varies fastest. */
export interface StreamArray {
  name: string;
  alias: string;
  dtype: Dtype;
  shape: number[];
}

/** Everything a stage is told. */
export interface Context {
  name: string;
  kind: string;
  part: { index: number; count: number };
  triggerInputs: StreamArray[];
  auxiliaryInputs: StreamArray[];
  outputs: StreamArray[];
  operation: string | null;
  /** A JSON object; see parameters(). */
  parameters: string;
}
