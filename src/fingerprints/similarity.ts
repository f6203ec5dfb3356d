/**
 * R, the similarity by which two texts are linked: `R = max(R1, R3)`, each in [0, 1).
 *
 *   R1 = idf(shared tokens) / (idf(all tokens of both) + PRIOR_NATS)
 *   R3 = shared trigrams    / (all trigrams of both    + PRIOR_TRIGRAMS)
 *
 * The priors are the rule for short texts: two equal texts of little evidence are still not alike. R1 carries rewording,
 * R3 carries typing errors, glued and letter-spaced words.
 */
import { IDF_LEVELS } from './frequency-table.ts';
import { BITMAP_BITS, BITMAP_WORDS, levelAt, tokenAt, TOKENS_MAX } from './record.ts';
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

/** 1 + level of each token of the text that others are compared with, by its 16-bit hash; 0 for the tokens it has not. */
const LEVEL_OF = new Uint8Array(65_536);

/**
 * Computes R for records (see record.ts) and keeps its two parts, for people who ask why. One text is set, then compared
 * with any number of others: its tokens lie in a table then, so that a comparison is one pass over the other's tokens
 * without a branch, where merging two sorted lists mispredicts at every other token.
 */
export class Similarity {
  r1 = 0;
  r3 = 0;
  readonly #levelNats: number;
  /** Distinct token hashes of the text set, and its bitmap. */
  readonly #tokens = new Uint16Array(TOKENS_MAX);
  #tokenCount = 0;
  readonly #bitmap = new Int32Array(BITMAP_WORDS);
  #levels = 0;
  #bits = 0;

  /** @param idfNats nats of each idf level, of the frequency table: level i has i times those of level 1 */
  constructor(idfNats: Float32Array) {
    this.#levelNats = idfNats[IDF_LEVELS - 1]! / (IDF_LEVELS - 1);
  }

  /** R of the record of `aTokens` tokens at `a[aAt]` and the record of `bTokens` tokens at `b[bAt]`. */
  compare(a: Uint32Array, aAt: number, aTokens: number, b: Uint32Array, bAt: number, bTokens: number): number {
    this.begin(a, aAt, aTokens);
    const similarity = this.with(b, bAt, bTokens);
    this.end();
    return similarity;
  }

  /** Sets the text that `with` compares others to, until `end`; of all instances one at a time. */
  begin(words: Uint32Array, at: number, tokenCount: number): void {
    const tokens = this.#tokens;
    this.#tokenCount = tokenCount;
    let levels = 0;
    for (let i = 0; i < tokenCount; i++) {
      const level = levelAt(words, at, tokenCount, i);
      const token = tokenAt(words, at, i);
      tokens[i] = token;
      LEVEL_OF[token] = level + 1;
      levels += level;
    }
    this.#levels = levels;
    let bits = 0;
    for (let w = 0; w < BITMAP_WORDS; w++) {
      const word = words[at + w]! | 0;
      this.#bitmap[w] = word;
      bits += popcount32(word);
    }
    this.#bits = bits;
  }

  end(): void {
    const tokens = this.#tokens;
    for (let i = 0; i < this.#tokenCount; i++) LEVEL_OF[tokens[i]!] = 0;
  }

  /** R of the text set and the record of `tokenCount` tokens at `words[at]`. */
  with(words: Uint32Array, at: number, tokenCount: number): number {
    const signed = new Int32Array(words.buffer, words.byteOffset, words.length);
    return this.withParts(signed, at, signed, at + BITMAP_WORDS, tokenCount);
  }

  /** `with` for a record in two parts: the bitmap at `bitmaps[bitmapAt]`, the tokens and levels at `tokens[tokensAt]`. */
  withParts(bitmaps: Int32Array, bitmapAt: number, tokens: Int32Array, tokensAt: number, tokenCount: number): number {
    this.r3 = this.#trigramShare(bitmaps, bitmapAt);
    this.r1 = this.#tokenShare(tokens, tokensAt, tokenCount);
    return this.r1 > this.r3 ? this.r1 : this.r3;
  }

  /** Sum of the idf of a record's tokens, nats: the evidence in one text. */
  mass(words: Uint32Array, at: number, tokenCount: number): number {
    let levels = 0;
    for (let i = 0; i < tokenCount; i++) levels += levelAt(words, at, tokenCount, i);
    return levels * this.#levelNats;
  }

  #tokenShare(words: Int32Array, hashesAt: number, tokenCount: number): number {
    const levelsAt = hashesAt + ((tokenCount + 1) >>> 1);
    let union = this.#levels;
    let shared = 0;
    for (let i = 0; i < tokenCount; i++) {
      const hash = (words[hashesAt + (i >>> 1)]! >>> ((i & 1) << 4)) & 0xffff;
      const level = (words[levelsAt + (i >>> 3)]! >>> ((i & 7) << 2)) & 15;
      const found = LEVEL_OF[hash]!;
      const own = found - 1;
      // All ones for a shared token. Two tokens may meet in 16 bits: the commoner one's weight claims less.
      const isShared = -found >> 31;
      shared += (own < level ? own : level) & isShared;
      union += level - ((own > level ? own : level) & isShared);
    }
    return (shared * this.#levelNats) / (union * this.#levelNats + PRIOR_NATS);
  }

  #trigramShare(words: Int32Array, at: number): number {
    const own = this.#bitmap;
    let inOther = 0;
    let inEither = 0;
    for (let w = 0; w < BITMAP_WORDS; w++) {
      const other = words[at + w]!;
      inOther += popcount32(other);
      inEither += popcount32(own[w]! | other);
    }
    if (inEither > BITS_MAX) return 0;
    const union = TRIGRAMS_OF_BITS[inEither]!;
    const shared = TRIGRAMS_OF_BITS[this.#bits]! + TRIGRAMS_OF_BITS[inOther]! - union;
    return shared > 0 ? shared / (union + PRIOR_TRIGRAMS) : 0;
  }
}
