/**
 * R, the similarity by which two texts are linked: `R = max(R1, R3)`, each in [0, 1).
 *
 *   R1 = idf(shared tokens) / (idf(all tokens of both) + PRIOR_NATS)
 *   R3 = shared trigrams    / (all trigrams of both    + PRIOR_TRIGRAMS)
 *
 * The priors are the rule for short texts: two equal texts of little evidence are still not alike. R1 carries rewording,
 * R3 carries typing errors, glued and letter-spaced words.
 */
import { BITMAP_BITS, BITMAP_WORDS, levelAt, tokenAt } from './record.ts';
import { popcount32 } from './simhash.ts';

export const PRIOR_NATS = 20;
export const PRIOR_TRIGRAMS = 20;

/**
 * Distinct trigrams behind `bits` set bits of the bitmap (linear counting, Whang et al. 1990), so that long texts, whose
 * bitmaps overlap by chance, do not look alike. Rounded to 1/64: engines may differ in the last digit of a logarithm, and
 * a similarity must not.
 */
const TRIGRAMS_OF_BITS = Float64Array.from({ length: BITMAP_BITS + 1 }, (_, bits) => {
  const empty = Math.max(BITMAP_BITS - bits, 0.5);
  return Math.round(-BITMAP_BITS * Math.log(empty / BITMAP_BITS) * 64) / 64;
});

/** Above it, near 400 trigrams, the count is mostly noise: long texts are compared by their tokens. */
const BITS_MAX = 200;

/** Computes R for records (see record.ts) and keeps its two parts, for people who ask why. */
export class Similarity {
  r1 = 0;
  r3 = 0;
  readonly #nats: Float32Array;

  /** @param idfNats nats of each idf level, from the frequency table. */
  constructor(idfNats: Float32Array) {
    this.#nats = idfNats;
  }

  /** R of the record of `aTokens` tokens at `a[aAt]` and the record of `bTokens` tokens at `b[bAt]`. */
  compare(a: Uint32Array, aAt: number, aTokens: number, b: Uint32Array, bAt: number, bTokens: number): number {
    this.r3 = trigramShare(a, aAt, b, bAt);
    this.r1 = this.#tokenShare(a, aAt, aTokens, b, bAt, bTokens);
    return this.r1 > this.r3 ? this.r1 : this.r3;
  }

  /** Sum of the idf of a record's tokens, nats: the evidence in one text. */
  mass(words: Uint32Array, at: number, tokenCount: number): number {
    let nats = 0;
    for (let i = 0; i < tokenCount; i++) nats += this.#nats[levelAt(words, at, tokenCount, i)]!;
    return nats;
  }

  #tokenShare(a: Uint32Array, aAt: number, aTokens: number, b: Uint32Array, bAt: number, bTokens: number): number {
    const nats = this.#nats;
    let shared = 0;
    let union = 0;
    let i = 0;
    let j = 0;
    while (i < aTokens && j < bTokens) {
      const x = tokenAt(a, aAt, i);
      const y = tokenAt(b, bAt, j);
      if (x === y) {
        // Two tokens may meet in 16 bits: the commoner one's weight claims less.
        const level = Math.min(levelAt(a, aAt, aTokens, i++), levelAt(b, bAt, bTokens, j++));
        shared += nats[level]!;
        union += nats[level]!;
      } else if (x < y) {
        union += nats[levelAt(a, aAt, aTokens, i++)]!;
      } else {
        union += nats[levelAt(b, bAt, bTokens, j++)]!;
      }
    }
    while (i < aTokens) union += nats[levelAt(a, aAt, aTokens, i++)]!;
    while (j < bTokens) union += nats[levelAt(b, bAt, bTokens, j++)]!;
    return shared / (union + PRIOR_NATS);
  }
}

function trigramShare(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  let inA = 0;
  let inB = 0;
  let inEither = 0;
  for (let w = 0; w < BITMAP_WORDS; w++) {
    const x = a[aAt + w]!;
    const y = b[bAt + w]!;
    inA += popcount32(x);
    inB += popcount32(y);
    inEither += popcount32(x | y);
  }
  if (inEither > BITS_MAX) return 0;
  const union = TRIGRAMS_OF_BITS[inEither]!;
  const shared = TRIGRAMS_OF_BITS[inA]! + TRIGRAMS_OF_BITS[inB]! - union;
  return shared > 0 ? shared / (union + PRIOR_TRIGRAMS) : 0;
}
