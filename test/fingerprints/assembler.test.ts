import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  constant,
  countUp,
  fourOf,
  instantiate,
  type I32,
  lanes,
  leave,
  loopWhile,
  type Step,
  type V128,
  type WasmFunction,
  WasmModule,
  when,
} from '../../src/fingerprints/assembler.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number };
  readonly f: (...args: readonly number[]) => number;
}

/** Compiles one function `f` of `paramCount` parameters. */
function compiled(paramCount: number, define: (f: WasmFunction) => { steps?: Step[]; result: I32 | number }): Exports {
  const module = new WasmModule();
  const f = module.define('f', paramCount, true);
  const { steps = [], result } = define(f);
  f.body(steps, result);
  return instantiate(module.encode(65_537)) as Exports;
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('words', () => {
  const operations: Record<string, [(a: I32, b: I32) => I32, (a: number, b: number) => number]> = {
    add: [(a, b) => a.add(b), (a, b) => (a + b) | 0],
    sub: [(a, b) => a.sub(b), (a, b) => (a - b) | 0],
    mul: [(a, b) => a.mul(b), Math.imul],
    divU: [(a, b) => a.divU(b.or(1)), (a, b) => Math.floor((a >>> 0) / ((b | 1) >>> 0)) | 0],
    and: [(a, b) => a.and(b), (a, b) => a & b],
    or: [(a, b) => a.or(b), (a, b) => a | b],
    xor: [(a, b) => a.xor(b), (a, b) => a ^ b],
    shl: [(a, b) => a.shl(b), (a, b) => a << b],
    shrU: [(a, b) => a.shrU(b), (a, b) => (a >>> b) | 0],
    eq: [(a, b) => a.and(1).eq(b.and(1)), (a, b) => Number((a & 1) === (b & 1))],
    ltS: [(a, b) => a.ltS(b), (a, b) => Number(a < b)],
    ltU: [(a, b) => a.ltU(b), (a, b) => Number(a >>> 0 < b >>> 0)],
    gtS: [(a, b) => a.gtS(b), (a, b) => Number(a > b)],
    clz: [(a) => a.clz(), (a) => Math.clz32(a)],
    popcnt: [(a) => a.popcnt(), (a) => (a >>> 0).toString(2).replaceAll('0', '').length],
  };

  test.each(Object.entries(operations))('%s', (_name, [instruction, expected]) => {
    const { f } = compiled(2, (each) => ({ result: instruction(each.param(0), each.param(1)) }));
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(f(a, b)).toBe(expected(a, b));
      }),
    );
  });

  test.each([0, 1, 63, 64, 127, 128, 8191, 8192, -1, -64, -65, -8193, 2 ** 31 - 1, -(2 ** 31)])(
    'constant %i',
    (value) => {
      expect(compiled(0, () => ({ result: value })).f()).toBe(value);
    },
  );
});

describe('vectors', () => {
  const vector = fc.tuple(word, word, word, word);
  /** Runs an operation on two vectors in memory. */
  function applied(instruction: (a: V128, b: V128) => V128): (a: number[], b: number[]) => number[] {
    const zero = constant(0);
    const { f, memory } = compiled(0, () => ({
      steps: [zero.storeVector(32, instruction(zero.loadVector(0), zero.loadVector(16)))],
      result: 0,
    }));
    const words = new Int32Array(memory.buffer);
    return (a, b) => {
      words.set([...a, ...b]);
      f();
      return Array.from(words.subarray(8, 12));
    };
  }
  const eachLane: Record<string, [(a: V128, b: V128) => V128, (a: number, b: number) => number]> = {
    add: [(a, b) => a.add(b), (a, b) => (a + b) | 0],
    sub: [(a, b) => a.sub(b), (a, b) => (a - b) | 0],
    mul: [(a, b) => a.mul(b), Math.imul],
    and: [(a, b) => a.and(b), (a, b) => a & b],
    andNot: [(a, b) => a.andNot(b), (a, b) => a & ~b],
    or: [(a, b) => a.or(b), (a, b) => a | b],
    xor: [(a, b) => a.xor(b), (a, b) => a ^ b],
    shl: [(a) => a.shl(5), (a) => a << 5],
    shrU: [(a) => a.shrU(5), (a) => (a >>> 5) | 0],
    eq: [(a, b) => a.and(fourOf(1)).eq(b.and(fourOf(1))), (a, b) => ((a & 1) === (b & 1) ? -1 : 0)],
    gtS: [(a, b) => a.gtS(b), (a, b) => (a > b ? -1 : 0)],
    minU: [(a, b) => a.minU(b), (a, b) => (a >>> 0 < b >>> 0 ? a : b)],
  };

  test.each(Object.entries(eachLane))('%s', (_name, [instruction, expected]) => {
    const run = applied(instruction);
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        expect(run(a, b)).toEqual(a.map((lane, i) => expected(lane, b[i]!)));
      }),
    );
  });

  const bytes = (...values: readonly number[]): number[] => Array.from(new Int32Array(Uint8Array.from(values).buffer));
  const upTo16 = Array.from({ length: 16 }, (_, i) => i);
  const [first, second] = [bytes(...upTo16.map((i) => 16 * i)), bytes(...upTo16.map((i) => i + 1))];

  test('bytes', () => {
    expect(applied((a, b) => a.addBytes(b))(first, second)).toEqual(bytes(...upTo16.map((i) => 17 * i + 1)));
    expect(applied((a, b) => a.subBytes(b))(second, first)).toEqual(bytes(...upTo16.map((i) => 1 - 15 * i)));
    const indices = bytes(3, 255, 0, 16, ...Array.from({ length: 12 }, () => 15));
    expect(applied((a, b) => a.swizzle(b))(second, indices)).toEqual(
      bytes(4, 0, 1, 0, ...Array.from({ length: 12 }, () => 16)),
    );
  });

  test('lanes', () => {
    const [a, b] = [
      [1, 2, 3, 0xffff],
      [5, 6, 7, 8],
    ] as const;
    expect(applied((x, y) => x.shuffle(y, [3, 0, 4, 7]))([...a], [...b])).toEqual([0xffff, 1, 5, 8]);
    expect(applied((x, y) => x.narrowTo16(y))([...a], [...b])).toEqual([0x20001, -0xfffd, 0x60005, 0x80007]);
    expect(applied((x, y) => x.withLane(2, y.lane(1)))([...a], [...b])).toEqual([1, 2, 6, 0xffff]);
    expect(applied(() => lanes(-1, 0x12345678, 0, 1))([], [])).toEqual([-1, 0x12345678, 0, 1]);
    expect(applied(() => constant(9).splat())([], [])).toEqual([9, 9, 9, 9]);
  });

  test('masks', () => {
    const mask = (of: (vector: V128) => I32, value: V128): number => compiled(0, () => ({ result: of(value) })).f();
    expect(mask((value) => value.bitmask(), lanes(-1, 1, 0, -5))).toBe(0b1001);
    expect(mask((value) => value.bitmaskBytes(), lanes(0x80, -1, 0, 0x80007f00 | 0))).toBe(0b1000_0000_1111_0001);
    expect(mask((value) => value.anyTrue(), lanes(0, 0, 4, 0))).toBe(1);
    expect(mask((value) => value.anyTrue(), fourOf(0))).toBe(0);
  });
});

describe('memory', () => {
  test('reads and writes words, units and bytes, at an address and an offset', () => {
    const { f, memory } = compiled(1, (each) => ({
      steps: [
        each.param(0).store(100, 0x11223344),
        each.param(0).store16(300, 0x15566),
        each.param(0).store8(5, 0x177),
        each.param(0).storeVector(1000, constant(0).loadUnits(108)),
      ],
      result: each.param(0).load(100).xor(each.param(0).load16(102)).add(each.param(0).load8(5)),
    }));
    expect(f(8)).toBe((0x11223344 ^ 0x1122) + 0x77);
    const view = new DataView(memory.buffer);
    expect(view.getUint16(308, true)).toBe(0x5566);
    expect([1008, 1012, 1016].map((at) => view.getUint32(at, true))).toEqual([0x3344, 0x1122, 0]);
  });

  test('is as large as asked for, in whole pages, and stays so', () => {
    const { memory } = compiled(0, () => ({ result: 0 }));
    expect(memory.buffer.byteLength).toBe(2 * 65_536);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });
});

describe('control', () => {
  test('counts up in steps, and not at all where nothing is below the end', () => {
    const { f } = compiled(2, (each) => {
      const [i, sum] = [each.i32(), each.i32()];
      return { steps: [countUp(i, each.param(0), each.param(1), 3, sum.set(sum.add(i)))], result: sum };
    });
    expect(f(1, 11)).toBe(1 + 4 + 7 + 10);
    expect(f(5, 5)).toBe(0);
    expect(f(-2, -5)).toBe(0);
  });

  test('branches, loops and leaves', () => {
    const { f } = compiled(1, (each) => {
      const [left, steps] = [each.param(0), each.i32()];
      const odd = left.and(1).eq(1);
      return {
        steps: [
          when(left.ltS(1), leave(-1)),
          loopWhile(
            left.gtS(1),
            steps.set(steps.add(1)),
            when(odd, left.set(left.mul(3).add(1)), steps.set(steps.add(1))),
            left.set(left.shrU(1)),
          ),
        ],
        result: steps,
      };
    });
    expect(f(0)).toBe(-1);
    expect(f(1)).toBe(0);
    // 6 3 10 5 16 8 4 2 1
    expect(f(6)).toBe(8);
  });

  test('calls functions with and without a result', () => {
    const module = new WasmModule();
    const put = module.define('put', 2);
    put.body([put.param(0).store(0, put.param(1))]);
    const twice = module.define('twice', 1, true);
    twice.body([], twice.param(0).add(twice.param(0)));
    const f = module.define('f', 1, true);
    f.body([put.run(8, twice.call(f.param(0))), put.run(16, 5)], constant(0).load(8).add(constant(0).load(16)));
    const exports = instantiate(module.encode(100)) as Exports;
    expect(exports.f(20)).toBe(45);
  });
});
