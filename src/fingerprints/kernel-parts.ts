/** What the parts of the kernel share: hashes of hash.ts as instructions, and the packing of vectors. */
import { fourOf, lanes, type I32, type I32Local, type Step, type V128, type V128Local } from './assembler.ts';
import { PACKERS_AT } from './layout.ts';

/** 0, 1, 2, 3: with `fourOf(4)` added in each round, the numbers of the elements in a vector. */
export const COUNTING = lanes(0, 1, 2, 3);

/** `mixInt` (hash.ts) of each lane, in place. */
export function mixLanes(h: V128Local): Step {
  return [
    h.set(h.xor(h.shrU(16)).mul(fourOf(0x85ebca6b))),
    h.set(h.xor(h.shrU(13)).mul(fourOf(0xc2b2ae35))),
    h.set(h.xor(h.shrU(16))),
  ];
}

/** `mixInt` of one word, in place. */
export function mixWord(h: I32Local): Step {
  return [h.set(h.xor(h.shrU(16)).mul(0x85ebca6b)), h.set(h.xor(h.shrU(13)).mul(0xc2b2ae35)), h.set(h.xor(h.shrU(16)))];
}

/** Hashes of the four n-grams from byte `at` of the prefix hashes on: `power` is that of ROLL to their length. */
export function gramsAt(at: I32, prefixesAt: number, lengthBytes: number, power: V128): V128 {
  return at.loadVector(prefixesAt + lengthBytes).sub(at.loadVector(prefixesAt).mul(power));
}

/** The lanes of `vector` whose bits are set in `mask`, moved to the front. */
export function packed(vector: V128, mask: I32): V128 {
  return vector.swizzle(mask.shl(4).loadVector(PACKERS_AT));
}
