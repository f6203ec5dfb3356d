/**
 * SimHash64 (Charikar 2002; Manku, Jain and Das Sarma 2007) over character 4-grams.
 *
 * Bit i of the result is 1 when more than half of the features have bit i set. The 64 counters are kept bit-sliced:
 * plane p holds bit p of all of them, so that 32 counters are added to by a few logical operations on one word. Eight
 * features at a time go through a tree of carry-save adders (Harley and Seal; Hacker's Delight, section 5-1), and one
 * word of carries is left for the planes of 8 and above. The comparison with half of the features is one pass over the
 * planes.
 *
 *   plane 2   . . 1 . .      counter of bit k = plane0[k] + 2 * plane1[k] + 4 * plane2[k] + ...
 *   plane 1   . 1 0 . .
 *   plane 0   . 0 1 . .
 */

import { powerOf } from './hash.ts';

/** Enough for 2^21 features; 65,536 units, expanded, are 1.2 million letters at the most. */
const PLANES = 21;
const BLOCK = 8;
/** Features hashed before they are added: a bound for the buffers, and a multiple of BLOCK. */
const BATCH = 512;

const GRAM_LENGTH = 4;
const GRAM_POWER = powerOf(GRAM_LENGTH);

// Constants of the module, whose addresses V8 compiles in: a third faster than arrays that belong to an object.
const HI_FEATURES = new Int32Array(BATCH);
const LO_FEATURES = new Int32Array(BATCH);
const HI_PLANES = new Int32Array(PLANES);
const LO_PLANES = new Int32Array(PLANES);

export class SimHash64 {
  hi = 0;
  lo = 0;

  /**
   * Sets `hi` and `lo` to the SimHash64 of a text of `count` letters; one shorter than a 4-gram is its own feature.
   *
   * @param prefixes polynomial hashes (`hashLetters`) of the first 0 .. count letters
   */
  compute(prefixes: Int32Array, count: number): void {
    const features = Math.max(1, count - GRAM_LENGTH + 1);
    // The lowest three are always used; the others as far as counters can reach.
    const planes = Math.max(3, 32 - Math.clz32(features));
    for (let p = 0; p < planes; p++) {
      HI_PLANES[p] = 0;
      LO_PLANES[p] = 0;
    }
    const length = Math.min(count, GRAM_LENGTH);
    for (let first = 0; first < features; first += BATCH) {
      const batched = Math.min(BATCH, features - first);
      this.#hash(prefixes, first, batched, length);
      this.#add(batched);
    }
    this.hi = countersAbove(HI_PLANES, planes, features >>> 1);
    this.lo = countersAbove(LO_PLANES, planes, features >>> 1);
  }

  #hash(prefixes: Int32Array, first: number, count: number, length: number): void {
    for (let f = 0; f < count; f++) {
      const gram = (prefixes[first + f + length]! - Math.imul(prefixes[first + f]!, GRAM_POWER)) | 0;
      const mixed = Math.imul(gram ^ (gram >>> 15), 0x2c1b3c6d);
      const seed = mixed ^ (mixed >>> 13);
      const hi = Math.imul(seed, 0x297a2d39);
      const lo = Math.imul(seed ^ 0x5bd1e995, 0x165667b1);
      HI_FEATURES[f] = hi ^ (hi >>> 16);
      LO_FEATURES[f] = lo ^ (lo >>> 15);
    }
  }

  #add(count: number): void {
    const end = (count + BLOCK - 1) & -BLOCK;
    // Zero words count nothing.
    for (let i = count; i < end; i++) {
      HI_FEATURES[i] = 0;
      LO_FEATURES[i] = 0;
    }
    addFeatures(HI_PLANES, HI_FEATURES, end);
    addFeatures(LO_PLANES, LO_FEATURES, end);
  }
}

/** Adds `features[0 .. end)` to the counters, BLOCK at a time. Written out, since calls would not keep the planes in registers. */
function addFeatures(planes: Int32Array, features: Int32Array, end: number): void {
  let ones = planes[0]!;
  let twos = planes[1]!;
  let fours = planes[2]!;
  for (let i = 0; i < end; i += BLOCK) {
    let a = features[i]!;
    let b = features[i + 1]!;
    let u = ones ^ a;
    const twosA = (ones & a) | (u & b);
    ones = u ^ b;

    a = features[i + 2]!;
    b = features[i + 3]!;
    u = ones ^ a;
    const twosB = (ones & a) | (u & b);
    ones = u ^ b;

    u = twos ^ twosA;
    const foursA = (twos & twosA) | (u & twosB);
    twos = u ^ twosB;

    a = features[i + 4]!;
    b = features[i + 5]!;
    u = ones ^ a;
    const twosC = (ones & a) | (u & b);
    ones = u ^ b;

    a = features[i + 6]!;
    b = features[i + 7]!;
    u = ones ^ a;
    const twosD = (ones & a) | (u & b);
    ones = u ^ b;

    u = twos ^ twosC;
    const foursB = (twos & twosC) | (u & twosD);
    twos = u ^ twosD;

    u = fours ^ foursA;
    let carry = (fours & foursA) | (u & foursB);
    fours = u ^ foursB;

    for (let p = 3; carry !== 0; p++) {
      const plane = planes[p]!;
      planes[p] = plane ^ carry;
      carry &= plane;
    }
  }
  planes[0] = ones;
  planes[1] = twos;
  planes[2] = fours;
}

/** Word with bit i set where counter i > bound: a comparison from the highest plane down, for 32 counters at once. */
function countersAbove(planes: Int32Array, count: number, bound: number): number {
  let above = 0;
  let equal = -1;
  for (let p = count - 1; p >= 0; p--) {
    const plane = planes[p]!;
    if (((bound >>> p) & 1) !== 0) {
      equal &= plane;
    } else {
      above |= equal & plane;
      equal &= ~plane;
    }
  }
  return above >>> 0;
}

/** Number of bits in which two SimHash64 differ, 0 to 64. */
export function hammingDistance(aHi: number, aLo: number, bHi: number, bLo: number): number {
  return popcount32(aHi ^ bHi) + popcount32(aLo ^ bLo);
}

/** Number of set bits (Hacker's Delight, section 5-1). */
export function popcount32(word: number): number {
  // Signed from the first step on: an unsigned word above 2^31 would be subtracted from in floating point.
  const pairs = ((word | 0) - ((word >>> 1) & 0x55555555)) | 0;
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
