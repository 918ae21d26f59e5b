/**
 * Write sandpipe kernels in AssemblyScript: the contract `sandpipe:kernel@0.1.0` of wit/kernel.wit by hand.
 *
 * A kernel is a class that extends Kernel; kernel.ts hands one to `use` and passes on the exports below, whose names `sandpipe
 * kernel pack` turns into those of the contract. Nothing is collected (`--runtime minimal`): what compute_into allocates stays,
 * so allocate in init. The views of a frame are always the same objects.
 */

export enum Dtype { BOOL, S8, S16, S32, S64, U8, U16, U32, U64, F16, F32, F64, C64, C128 }

export enum Code { ARITY, DTYPE, SHAPE, PARAMETER, FAILED }

/** Why a kernel cannot run here, or has no result for a frame. The text is for the pipeline's author. */
export class Failure {
  constructor(public code: Code, public message: string) {}
}

/** Ends a call: `return fail(Code.SHAPE, "what is wrong")`. Nothing is published, and no state is committed. */
export function fail(code: Code, message: string): Failure | null {
  return new Failure(code, message);
}

/** A string of the record at `at`. */
function text(at: usize): string {
  return String.UTF8.decodeUnsafe(load<u32>(at), load<u32>(at + 4));
}

/** An array of a stage. The extents are in C order: the last one varies fastest. */
export class View {
  name: string;
  alias: string;
  dtype: Dtype;
  shape: StaticArray<u32>;
  elements: u32 = 1;
  /** As an image it has `rows` times `columns` elements, where `columns` is the last extent. */
  rows: u32 = 1;
  columns: u32 = 1;
  /** Where the frame's elements lie; only during compute_into. */
  address: usize = 0;

  constructor(record: usize) {
    this.name = text(record);
    this.alias = text(record + 8);
    this.dtype = load<u8>(record + 16);
    const shape = load<u32>(record + 20), rank = load<u32>(record + 24);
    this.shape = new StaticArray<u32>(rank);
    for (let i: u32 = 0; i < rank; i++) {
      this.columns = load<u32>(shape + 4 * i);
      this.shape[i] = this.columns;
      this.elements *= this.columns;
    }
    this.rows = this.elements / this.columns;
  }

  /** Fails unless dtype and shape are those of `other`. */
  requireLike(other: View): Failure | null {
    let same = this.shape.length == other.shape.length;
    for (let i = 0; same && i < this.shape.length; i++) same = this.shape[i] == other.shape[i];
    if (!same) return fail(Code.SHAPE, `'${this.name}' must have the shape of '${other.name}'`);
    if (this.dtype != other.dtype) return fail(Code.DTYPE, `'${this.name}' must have the dtype of '${other.name}'`);
    return null;
  }

  /** Fails unless there are so many dimensions. */
  requireRank(rank: i32): Failure | null {
    if (this.shape.length == rank) return null;
    return fail(Code.SHAPE, `'${this.name}' must have ${rank} dimensions`);
  }

  /** The address of the elements, which must be of type T; for load<T> and v128.load. */
  @inline
  of<T>(): usize {
    if (this.dtype != dtypeOf<T>()) refuse();
    return this.address;
  }
}

@inline
function dtypeOf<T>(): Dtype {
  if (isFloat<T>()) return sizeof<T>() == 4 ? Dtype.F32 : Dtype.F64;
  const size: i32 = sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3;
  return (isSigned<T>() ? Dtype.S8 : Dtype.U8) + size;
}

function refuse(): void {
  log(Level.ERROR, "the kernel reads an array as what it is not; name its dtypes in manifest.json");
  unreachable();
}

function views(list: usize): StaticArray<View> {
  const at = load<u32>(list), count = load<u32>(list + 4);
  const views = new StaticArray<View>(count);
  for (let i: u32 = 0; i < count; i++) views[i] = new View(at + 28 * i);
  return views;
}

/** Everything a stage is told, and in compute_into the frame's arrays. */
export class Context {
  name: string;
  kind: string;
  /** Which part of the stage this instance computes: 0 of 1, unless the stage is split. */
  part: u32;
  parts: u32;
  triggerInputs: StaticArray<View>;
  auxiliaryInputs: StaticArray<View>;
  outputs: StaticArray<View>;
  /** What the last call that succeeded wrote to each state array; zeros at first. */
  statePrevious: StaticArray<View>;
  /** Where each state array's next value goes; all of it has to be written. */
  stateNext: StaticArray<View>;
  operation: string | null = null;
  /** A JSON object; see `number`, `flag` and `text`. */
  parameters: string;
  frameId: u64 = 0;

  constructor(record: usize) {
    this.name = text(record);
    this.kind = text(record + 8);
    this.part = load<u32>(record + 16);
    this.parts = load<u32>(record + 20);
    this.triggerInputs = views(record + 24);
    this.auxiliaryInputs = views(record + 32);
    this.outputs = views(record + 40);
    this.statePrevious = views(record + 48);
    this.stateNext = views(record + 48);
    if (load<u8>(record + 56)) this.operation = text(record + 60);
    this.parameters = text(record + 68);
  }

  /** Takes the addresses of a frame table. */
  point(table: usize): void {
    table = place(this.triggerInputs, table, 4);
    table = place(this.auxiliaryInputs, table, 4);
    table = place(this.outputs, table, 4);
    place(this.statePrevious, table, 8);
    place(this.stateNext, table + 4, 8);
  }

  /** A parameter that is a number, or `otherwise` where it is not given. */
  number(name: string, otherwise: f64): f64 {
    const json = this.parameter(name);
    return json === null ? otherwise : parseFloat(json);
  }

  /** A parameter that is true or false. */
  flag(name: string, otherwise: bool): bool {
    const json = this.parameter(name);
    return json === null ? otherwise : json == "true";
  }

  /** A parameter that is text without escapes, as in an enumeration. */
  text(name: string, otherwise: string): string {
    const json = this.parameter(name);
    return json === null ? otherwise : json.substring(1, json.length - 1);
  }

  /** The JSON text of a parameter. */
  parameter(name: string): string | null {
    const json = this.parameters;
    let i = 1;
    while (i < json.length) {
      while (i < json.length && json.charCodeAt(i) != 0x22) i++; // the quote before a key
      const end = stringEnd(json, i);
      const found = json.substring(i + 1, end - 1) == name;
      i = end;
      while (i < json.length && (json.charCodeAt(i) == 0x3a || json.charCodeAt(i) <= 0x20)) i++; // the colon
      const from = i;
      i = valueEnd(json, i);
      if (found) return json.substring(from, i).trim();
      i++;
    }
    return null;
  }
}

function place(views: StaticArray<View>, table: usize, step: usize): usize {
  for (let i = 0; i < views.length; i++, table += step) unchecked(views[i]).address = load<u32>(table);
  return table;
}

/** Behind the string whose opening quote is at `i`. */
function stringEnd(json: string, i: i32): i32 {
  for (i++; i < json.length && json.charCodeAt(i) != 0x22; i++)
    if (json.charCodeAt(i) == 0x5c) i++;
  return i + 1;
}

/** Behind the value at `i`. */
function valueEnd(json: string, i: i32): i32 {
  let depth = 0;
  while (i < json.length) {
    const c = json.charCodeAt(i);
    if (c == 0x22) { i = stringEnd(json, i); continue; }
    if (c == 0x7b || c == 0x5b) depth++;
    else if ((c == 0x2c || c == 0x7d) && depth == 0) break;
    else if (c == 0x7d || c == 0x5d) depth--;
    i++;
  }
  return i;
}

/** What an author writes. Each method returns null, or a failure. */
export abstract class Kernel {
  /** Can the kernel run in this place? */
  abstract validate_config(context: Context): Failure | null;
  /** Once, before the first frame. */
  abstract init(context: Context): Failure | null;
  abstract compute_into(frame_id: u64, frame: Context): Failure | null;
}

export enum Level { DEBUG, INFO, WARN, ERROR }

@external("sandpipe:kernel/log@0.1.0", "log")
declare function host_log(level: u32, at: usize, bytes: u32): void;

/** A message for people, bounded and rate limited by the host. */
export function log(level: Level, message: string): void {
  const bytes = String.UTF8.encode(message);
  host_log(level, changetype<usize>(bytes), bytes.byteLength);
}

let kernel: Kernel | null = null;
let stage: Context | null = null;

/** Names the kernel. */
export function use(it: Kernel): void {
  kernel = it;
}

// `result<_, failure>` as it lies in memory: failed, code, the message's address and bytes.
const OUTCOME = memory.data(16, 8);
// A failing kernel may fail at every frame, so its message has one place.
const MESSAGE = memory.data(512);

function settle(failure: Failure | null): usize {
  store<u8>(OUTCOME, failure === null ? 0 : 1);
  if (failure !== null) {
    const text = failure.message;
    const units = min(text.length, 170); // at most three bytes of UTF-8 each
    store<u8>(OUTCOME + 4, failure.code);
    store<u32>(OUTCOME + 8, MESSAGE as u32);
    store<u32>(OUTCOME + 12, String.UTF8.encodeUnsafe(changetype<usize>(text), units, MESSAGE) as u32);
  }
  return OUTCOME;
}

export function cabi_realloc(old: usize, old_bytes: usize, align: usize, bytes: usize): usize {
  return bytes == 0 ? align : heap.alloc(bytes);
}

export function validate_config(record: usize): usize {
  return settle(kernel!.validate_config(new Context(record)));
}

export function init(record: usize): usize {
  stage = new Context(record);
  return settle(kernel!.init(stage!));
}

/** A block of fresh pages, so nothing else of the kernel lies in it. */
export function reserve(bytes: u32): u32 {
  const page = memory.grow(((bytes - 1) >>> 16) + 1);
  return page < 0 ? 0 : page << 16;
}

export function compute_into(frame_id: u64, table: usize): usize {
  const frame = stage!;
  frame.frameId = frame_id;
  frame.point(table);
  return settle(kernel!.compute_into(frame_id, frame));
}
