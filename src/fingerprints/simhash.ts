/**
 * SimHash64 (Charikar 2002; Manku, Jain and Das Sarma 2007) over character 4-grams: bit i is 1 when more than half of the
 * features have bit i set. The kernel makes it (kernel-simhash.ts).
 */

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
