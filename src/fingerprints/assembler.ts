/**
 * Owns the writing of WebAssembly: functions put together from typed expressions, encoded as the bytes of a module
 * (WebAssembly 2.0, chapter 5). It knows the instructions that the kernel needs, and no more.
 *
 * An expression is a value on the stack with the code that leaves it there; a `Step` is code that leaves nothing. An
 * expression used twice is computed twice: what is needed again goes into a local.
 */

/** Bytes in nested order: parts are put into one another by reference, and written out once. */
type Code = number | readonly Code[];
/** Instructions that leave nothing on the stack. */
export type Step = Code;
/** A 32-bit expression, or a constant. */
export type Int = I32 | number;

/** The part of the WebAssembly API that is used; the language's own types have none. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const I32_TYPE = 0x7f;
const V128_TYPE = 0x7b;
const EMPTY_BLOCK = 0x40;
const END = 0x0b;
const PAGE_BYTES = 65_536;

function natural(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left >>>= 7) bytes.push((left & 127) | 128);
  bytes.push(left);
  return bytes;
}

function integer(value: number): number[] {
  const bytes: number[] = [];
  let left = value | 0;
  for (; left > 63 || left < -64; left >>= 7) bytes.push((left & 127) | 128);
  bytes.push(left & 127);
  return bytes;
}

function simd(opcode: number): number[] {
  return [0xfd, ...natural(opcode)];
}

function codeOf(value: Int): Code {
  return typeof value === 'number' ? [0x41, ...integer(value)] : value.code;
}

/** Alignment is a hint, and 0 always true; the constant part of the address goes into the instruction. */
function memory(opcode: Code, offset: number): Code {
  return [opcode, 0, natural(offset)];
}

class Expression {
  readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }
}

/** 32 bits; what a signed and an unsigned reading tell apart says so in the name (`S`, `U`). */
export class I32 extends Expression {
  add(other: Int): I32 {
    return this.#with(other, 0x6a);
  }
  sub(other: Int): I32 {
    return this.#with(other, 0x6b);
  }
  mul(other: Int): I32 {
    return this.#with(other, 0x6c);
  }
  divU(other: Int): I32 {
    return this.#with(other, 0x6e);
  }
  and(other: Int): I32 {
    return this.#with(other, 0x71);
  }
  or(other: Int): I32 {
    return this.#with(other, 0x72);
  }
  xor(other: Int): I32 {
    return this.#with(other, 0x73);
  }
  shl(bits: Int): I32 {
    return this.#with(bits, 0x74);
  }
  shrU(bits: Int): I32 {
    return this.#with(bits, 0x76);
  }
  eq(other: Int): I32 {
    return this.#with(other, 0x46);
  }
  ltS(other: Int): I32 {
    return this.#with(other, 0x48);
  }
  ltU(other: Int): I32 {
    return this.#with(other, 0x49);
  }
  gtS(other: Int): I32 {
    return this.#with(other, 0x4a);
  }
  clz(): I32 {
    return new I32([this.code, 0x67]);
  }
  popcnt(): I32 {
    return new I32([this.code, 0x69]);
  }

  /** The word at address `this + offset`. */
  load(offset: number): I32 {
    return new I32([this.code, memory(0x28, offset)]);
  }
  load8(offset: number): I32 {
    return new I32([this.code, memory(0x2d, offset)]);
  }
  load16(offset: number): I32 {
    return new I32([this.code, memory(0x2f, offset)]);
  }
  /** Stores `value` at address `this + offset`. */
  store(offset: number, value: Int): Step {
    return [this.code, codeOf(value), memory(0x36, offset)];
  }
  store8(offset: number, value: Int): Step {
    return [this.code, codeOf(value), memory(0x3a, offset)];
  }
  store16(offset: number, value: Int): Step {
    return [this.code, codeOf(value), memory(0x3b, offset)];
  }
  loadVector(offset: number): V128 {
    return new V128([this.code, memory(simd(0x00), offset)]);
  }
  /** Four 16-bit units, each widened to a lane. */
  loadUnits(offset: number): V128 {
    return new V128([this.code, memory(simd(0x04), offset)]);
  }
  storeVector(offset: number, value: V128): Step {
    return [this.code, value.code, memory(simd(0x0b), offset)];
  }
  /** Four equal lanes. */
  splat(): V128 {
    return new V128([this.code, simd(0x11)]);
  }

  #with(other: Int, opcode: number): I32 {
    return new I32([this.code, codeOf(other), opcode]);
  }
}

/** 128 bits: four lanes of 32 bits, unless the name of the operation says otherwise. */
export class V128 extends Expression {
  add(other: V128): V128 {
    return this.#with(other, 0xae);
  }
  sub(other: V128): V128 {
    return this.#with(other, 0xb1);
  }
  mul(other: V128): V128 {
    return this.#with(other, 0xb5);
  }
  and(other: V128): V128 {
    return this.#with(other, 0x4e);
  }
  /** `this & ~other`. */
  andNot(other: V128): V128 {
    return this.#with(other, 0x4f);
  }
  or(other: V128): V128 {
    return this.#with(other, 0x50);
  }
  xor(other: V128): V128 {
    return this.#with(other, 0x51);
  }
  shl(bits: Int): V128 {
    return new V128([this.code, codeOf(bits), simd(0xab)]);
  }
  shrU(bits: Int): V128 {
    return new V128([this.code, codeOf(bits), simd(0xad)]);
  }
  eq(other: V128): V128 {
    return this.#with(other, 0x37);
  }
  gtS(other: V128): V128 {
    return this.#with(other, 0x3b);
  }
  minU(other: V128): V128 {
    return this.#with(other, 0xb7);
  }
  addBytes(other: V128): V128 {
    return this.#with(other, 0x6e);
  }
  subBytes(other: V128): V128 {
    return this.#with(other, 0x71);
  }
  /** The lanes of both as eight of 16 bits; they must be below 2^15 or, as 32 bits, at most 0xffff. */
  narrowTo16(other: V128): V128 {
    return this.#with(other, 0x86);
  }
  /** The bytes of `this` that `indices` name; 0 for an index above 15. */
  swizzle(indices: V128): V128 {
    return this.#with(indices, 0x0e);
  }
  /** Bytes by number out of both, those of `other` from 16 on. */
  shuffleBytes(other: V128, numbers: readonly number[]): V128 {
    return new V128([this.code, other.code, simd(0x0d), numbers]);
  }
  /** Lanes by number out of both, those of `other` from 4 on. */
  shuffle(other: V128, numbers: readonly [number, number, number, number]): V128 {
    return this.shuffleBytes(
      other,
      numbers.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    );
  }
  lane(number: number): I32 {
    return new I32([this.code, simd(0x1b), number]);
  }
  withLane(number: number, value: I32): V128 {
    return new V128([this.code, value.code, simd(0x1c), number]);
  }
  /** The top bits of the four lanes. */
  bitmask(): I32 {
    return new I32([this.code, simd(0xa4)]);
  }
  /** The top bits of the sixteen bytes. */
  bitmaskBytes(): I32 {
    return new I32([this.code, simd(0x64)]);
  }
  anyTrue(): I32 {
    return new I32([this.code, simd(0x53)]);
  }

  #with(other: V128, opcode: number): V128 {
    return new V128([this.code, other.code, simd(opcode)]);
  }
}

export class I32Local extends I32 {
  readonly #index: number;

  constructor(index: number) {
    super([0x20, natural(index)]);
    this.#index = index;
  }
  set(value: Int): Step {
    return [codeOf(value), 0x21, natural(this.#index)];
  }
}

export class V128Local extends V128 {
  readonly #index: number;

  constructor(index: number) {
    super([0x20, natural(index)]);
    this.#index = index;
  }
  set(value: V128): Step {
    return [value.code, 0x21, natural(this.#index)];
  }
}

export function constant(value: number): I32 {
  return new I32(codeOf(value));
}

export function lanes(a: number, b: number, c: number, d: number): V128 {
  const bytes = [a, b, c, d].flatMap((lane) => [lane & 255, (lane >>> 8) & 255, (lane >>> 16) & 255, lane >>> 24]);
  return new V128([simd(0x0c), bytes]);
}

export function fourOf(value: number): V128 {
  return lanes(value, value, value, value);
}

export function when(condition: I32, ...steps: readonly Step[]): Step {
  return [condition.code, 0x04, EMPTY_BLOCK, steps, END];
}

export function loopWhile(condition: I32, ...steps: readonly Step[]): Step {
  // Tested above the loop and at its foot: one jump a round.
  return when(condition, [0x03, EMPTY_BLOCK, steps, condition.code, 0x0d, 0, END]);
}

/** Runs `steps` for `counter` = `from`, `from + by` ... below `end` (signed); `steps` may not change `end`. */
export function countUp(counter: I32Local, from: Int, end: Int, by: number, ...steps: readonly Step[]): Step {
  return [counter.set(from), loopWhile(counter.ltS(end), ...steps, counter.set(counter.add(by)))];
}

/** Leaves the function. */
export function leave(value: Int): Step {
  return [codeOf(value), 0x0f];
}

/** A function of a module: parameters of 32 bits, at most one result of 32 bits, local variables. */
export class WasmFunction {
  readonly name: string;
  readonly paramCount: number;
  readonly hasResult: boolean;
  readonly #number: number;
  readonly #localTypes: number[] = [];
  #code: Code = [];

  constructor(name: string, number: number, paramCount: number, hasResult: boolean) {
    this.name = name;
    this.#number = number;
    this.paramCount = paramCount;
    this.hasResult = hasResult;
  }

  param(index: number): I32Local {
    return new I32Local(index);
  }
  i32(): I32Local {
    return new I32Local(this.paramCount + this.#localTypes.push(I32_TYPE) - 1);
  }
  v128(): V128Local {
    return new V128Local(this.paramCount + this.#localTypes.push(V128_TYPE) - 1);
  }

  /** Sets what the function does; `result` if it has one. */
  body(steps: readonly Step[], result?: Int): this {
    this.#code = [steps, result === undefined ? [] : codeOf(result)];
    return this;
  }

  call(...args: readonly Int[]): I32 {
    return new I32([args.map((arg) => codeOf(arg)), 0x10, natural(this.#number)]);
  }
  /** A call of a function without a result. */
  run(...args: readonly Int[]): Step {
    return this.call(...args).code;
  }

  encode(): Code {
    return sized([natural(this.#localTypes.length), this.#localTypes.map((type) => [1, type]), this.#code, END]);
  }
}

function bytesOf(code: Code, bytes: number[] = []): number[] {
  if (typeof code === 'number') bytes.push(code);
  else for (const part of code) bytesOf(part, bytes);
  return bytes;
}

function sized(code: Code): Code {
  const bytes = bytesOf(code);
  return [natural(bytes.length), bytes];
}

function section(id: number, entries: readonly Code[]): Code {
  return [id, sized([natural(entries.length), entries])];
}

function named(name: string): Code {
  return sized(Array.from(name, (character) => character.charCodeAt(0)));
}

/** A module of one memory of fixed size (exported as `memory`) and of functions, all exported. */
export class WasmModule {
  readonly #functions: WasmFunction[] = [];

  define(name: string, paramCount: number, hasResult = false): WasmFunction {
    const added = new WasmFunction(name, this.#functions.length, paramCount, hasResult);
    this.#functions.push(added);
    return added;
  }

  /** The module's bytes, with a memory of `memoryBytes` (rounded up to pages). */
  encode(memoryBytes: number): Uint8Array {
    const pages = natural(Math.ceil(memoryBytes / PAGE_BYTES));
    const types = this.#functions.map(({ paramCount, hasResult }) => [
      0x60,
      sized(Array.from({ length: paramCount }, () => I32_TYPE)),
      sized(hasResult ? I32_TYPE : []),
    ]);
    const numbers = this.#functions.map((_, number) => natural(number));
    const exported = this.#functions.map(({ name }, number) => [named(name), 0, natural(number)]);
    const bodies = this.#functions.map((each) => each.encode());
    return Uint8Array.from(
      bytesOf([
        [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        section(1, types),
        section(3, numbers),
        section(5, [[1, pages, pages]]),
        section(7, [[named('memory'), 2, 0], ...exported]),
        section(10, bodies),
      ]),
    );
  }
}

/** What the module of these bytes exports. Compiling takes less than 1 ms for 10 kB. */
export function instantiate(bytes: Uint8Array): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}
