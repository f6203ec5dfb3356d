/**
 * The part of the kernel that makes the SimHash64 (simhash.ts says what it is).
 *
 * A vector holds the 64-bit hashes of two 4-grams: high words in lanes 0 and 1, low words in lanes 2 and 3. Its 128
 * counters are kept bit-sliced: plane p holds bit p of all of them, so that a few logical operations on planes add to all.
 * Four vectors at a time go through a tree of carry-save adders (Harley and Seal; Hacker's Delight, section 5-1), and what
 * it carries goes up the planes of 4 and above. At the end the counters of both lanes of a word are added, and compared
 * with half of the features in one pass over the planes.
 *
 *   plane 2   . . 1 . .      counter of bit k = plane0[k] + 2 * plane1[k] + 4 * plane2[k] + ...
 *   plane 1   . 1 0 . .
 *   plane 0   . 0 1 . .
 */
import {
  constant,
  countUp,
  fourOf,
  loopWhile,
  when,
  type Step,
  type V128,
  type V128Local,
  type WasmFunction,
  type WasmModule,
} from './assembler.ts';
import { powerOf } from './hash.ts';
import { COUNTING } from './kernel-parts.ts';
import { PLANES, PLANES_AT, PREFIXES_AT, PRINT_AT } from './layout.ts';

const GRAM_LENGTH = 4;
/** Features that a round adds, two a vector. */
const ROUND = 8;
/** Planes kept in registers, and the features after which they could be full. */
const OPEN_PLANES = 8;
const BATCH = 63 * ROUND;

/** sum + a + b: the sum stays in `sum`, the carries go to `carry`. */
function addTwo(sum: V128Local, a: V128, b: V128, carry: V128Local, odd: V128Local): Step {
  return [odd.set(sum.xor(a)), carry.set(sum.and(a).or(odd.and(b))), sum.set(odd.xor(b))];
}

/** simhash(letterCount): the SimHash64; a text shorter than a 4-gram is its own feature. */
export function defineSimhash(module: WasmModule): WasmFunction {
  const f = module.define('simhash', 1);
  const letterCount = f.param(0);
  const [i, end, reach, features, first, planes] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()] as const;
  const open = Array.from({ length: OPEN_PLANES }, () => f.v128());
  const [ones, twos, fours] = open as [V128Local, V128Local, V128Local];
  const [high, low, odd, number, last] = [f.v128(), f.v128(), f.v128(), f.v128(), f.v128()] as const;
  const [a, b, twosA, twosB, carry] = [f.v128(), f.v128(), f.v128(), f.v128(), f.v128()] as const;

  /** Hashes of the four features from byte i + `offset` on, two in `a` and two in `b`; 0, which counts nothing, beyond the last. */
  const hashFour = (offset: number): Step => [
    low.set(
      i
        .add(reach)
        .loadVector(PREFIXES_AT + offset)
        .sub(i.loadVector(PREFIXES_AT + offset).mul(fourOf(powerOf(GRAM_LENGTH)))),
    ),
    low.set(low.xor(low.shrU(15)).mul(fourOf(0x2c1b3c6d))),
    low.set(low.xor(low.shrU(13))),
    high.set(low.mul(fourOf(0x297a2d39))),
    high.set(high.xor(high.shrU(16)).andNot(number.gtS(last))),
    low.set(low.xor(fourOf(0x5bd1e995)).mul(fourOf(0x165667b1))),
    low.set(low.xor(low.shrU(15)).andNot(number.gtS(last))),
    number.set(number.add(fourOf(4))),
    a.set(high.shuffle(low, [0, 1, 4, 5])),
    b.set(high.shuffle(low, [2, 3, 6, 7])),
  ];
  /** Adds the open planes to those in memory. */
  const flush: Step = [
    carry.set(fourOf(0)),
    open.flatMap((plane, p) => [
      a.set(constant(0).loadVector(PLANES_AT + 16 * p)),
      addTwo(a, plane, carry, twosA, odd),
      carry.set(twosA),
      constant(0).storeVector(PLANES_AT + 16 * p, a),
    ]),
    i.set(16 * OPEN_PLANES),
    loopWhile(
      carry.anyTrue(),
      a.set(i.loadVector(PLANES_AT)),
      i.storeVector(PLANES_AT, a.xor(carry)),
      carry.set(carry.and(a)),
      i.set(i.add(16)),
    ),
  ];
  return f.body([
    reach.set(GRAM_LENGTH * 4),
    features.set(letterCount.sub(GRAM_LENGTH - 1)),
    when(features.ltS(1), features.set(1), reach.set(letterCount.shl(2))),
    Array.from({ length: PLANES }, (_, p) => constant(0).storeVector(PLANES_AT + 16 * p, fourOf(0))),
    last.set(features.sub(1).splat()),
    number.set(COUNTING),
    countUp(
      first,
      0,
      features,
      BATCH,
      open.map((plane) => plane.set(fourOf(0))),
      end.set(features),
      when(features.sub(first).gtS(BATCH), end.set(first.add(BATCH))),
      end.set(end.shl(2)),
      countUp(
        i,
        first.shl(2),
        end,
        4 * ROUND,
        hashFour(0),
        addTwo(ones, a, b, twosA, odd),
        hashFour(16),
        addTwo(ones, a, b, twosB, odd),
        addTwo(twos, twosA, twosB, carry, odd),
        a.set(fours.and(carry)),
        fours.set(fours.xor(carry)),
        open.slice(3).flatMap((plane) => [b.set(plane.and(a)), plane.set(plane.xor(a)), a.set(b)]),
      ),
      flush,
    ),
    // From the lowest plane up: the highest in which counter and bound differ decides.
    planes.set(constant(32).sub(features.clz())),
    features.set(features.shrU(1)),
    carry.set(fourOf(0)),
    high.set(fourOf(0)),
    countUp(
      i,
      0,
      planes,
      1,
      a.set(i.shl(4).loadVector(PLANES_AT)),
      b.set(a.shuffle(a, [1, 0, 3, 2])),
      addTwo(a, b, carry, twosA, odd),
      carry.set(twosA),
      odd.set(a.xor(constant(0).sub(features.shrU(i).and(1)).splat())),
      high.set(high.andNot(odd).or(a.and(odd))),
    ),
    constant(0).store(PRINT_AT + 8, high.lane(0)),
    constant(0).store(PRINT_AT + 12, high.lane(2)),
  ]);
}
