/**
 * The choice of a text's shingle keys: of its word bigrams and of its character 8-grams, the few with the smallest keyed
 * hash (bottom-k sampling, Broder 1997), leaving out n-grams that are frequent in ordinary posts.
 *
 * One long shingle survives an edit as a whole or not at all, so it meets more copies at fewer keys than several short
 * ones combined. The order is keyed with the deployment's secret: who does not know it cannot aim a text at a bucket.
 */
import { mix32 } from './hash.ts';

/** Shingle keys of one kind that a text is filed under; the other kind fills up what one kind lacks. */
export const KEYS_PER_KIND = 3;
export const SHINGLE_KEYS_MAX = 2 * KEYS_PER_KIND;

/** Keyed order of n-grams and the bucket keys made from it. 31 bits each, so that they are small integers to the engine. */
export class KeyedOrder {
  readonly #a: number;
  readonly #b: number;

  constructor(secretHi: number, secretLo: number) {
    this.#a = mix32(secretHi ^ 0x6c62272e);
    this.#b = mix32(secretLo ^ 0x07bb0142) | 1;
  }

  rank(gramHash: number): number {
    const h = Math.imul(gramHash ^ this.#a, this.#b);
    return (Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ (h >>> 13)) >>> 1;
  }

  /** Smallest ranks crowd near zero; the bucket key spreads them again. `kind` keeps bigrams and 8-grams apart. */
  key(rank: number, kind: number): number {
    return mix32(rank ^ Math.imul(kind + 1, 0x5bd1e995) ^ this.#a) >>> 1;
  }
}

/** The up to SHINGLE_KEYS_MAX smallest distinct ranks offered since `clear`, ascending. */
export class SmallestRanks {
  readonly ranks = new Int32Array(SHINGLE_KEYS_MAX);
  count = 0;
  /** A rank below this is worth offering. */
  bound = 0x7fffffff;

  clear(): void {
    this.count = 0;
    this.bound = 0x7fffffff;
  }

  insert(rank: number): void {
    const ranks = this.ranks;
    let at = this.count;
    while (at > 0 && ranks[at - 1]! > rank) at--;
    if (at > 0 && ranks[at - 1] === rank) return;
    if (this.count < SHINGLE_KEYS_MAX) this.count++;
    for (let i = this.count - 1; i > at; i--) ranks[i] = ranks[i - 1]!;
    ranks[at] = rank;
    if (this.count === SHINGLE_KEYS_MAX) this.bound = ranks[SHINGLE_KEYS_MAX - 1]!;
  }
}
