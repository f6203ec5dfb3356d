/**
 * The choice of a text's shingle keys: of its word bigrams and of its character 8-grams, the few with the smallest keyed
 * hash (bottom-k sampling, Broder 1997), leaving out n-grams that are frequent in ordinary posts.
 *
 * One long shingle survives an edit as a whole or not at all, so it meets more copies at fewer keys than several short
 * ones combined. The order is keyed with the deployment's secret: who does not know it cannot aim a text at a bucket.
 */
import { mix32, mixInt } from './hash.ts';

/** Shingle keys of one kind that a text is filed under; the other kind fills up what one kind lacks. */
export const KEYS_PER_KIND = 3;
export const SHINGLE_KEYS_MAX = 2 * KEYS_PER_KIND;

/** One above the largest rank. */
export const RANK_END = 0x7fffffff;

/** Keyed order of n-grams and the bucket keys made from it. 31 bits each, so that they are small integers to the engine. */
export class KeyedOrder {
  readonly a: number;
  readonly b: number;

  constructor(secretHi: number, secretLo: number) {
    this.a = mixInt(secretHi ^ 0x6c62272e);
    this.b = mixInt(secretLo ^ 0x07bb0142) | 1;
  }

  /** Smallest ranks crowd near zero; the bucket key spreads them again. `kind` keeps bigrams and 8-grams apart. */
  key(rank: number, kind: number): number {
    return mix32(rank ^ Math.imul(kind + 1, 0x5bd1e995) ^ this.a) >>> 1;
  }
}

/** Place of an n-gram in the order keyed with (a, b), by its rolling or combined hash, which need not be mixed. */
export function rankOf(gram: number, a: number, b: number): number {
  const h = Math.imul(gram ^ a, b);
  return (Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ (h >>> 13)) >>> 1;
}

/** The smallest distinct ranks offered since `clear`, as many as asked for there, ascending. */
export class SmallestRanks {
  readonly ranks = new Int32Array(SHINGLE_KEYS_MAX);
  count = 0;
  /** A rank below this is worth inserting. */
  bound = RANK_END;
  wanted = SHINGLE_KEYS_MAX;

  clear(wanted: number): void {
    this.count = 0;
    this.bound = RANK_END;
    this.wanted = wanted;
  }

  insert(rank: number): void {
    const ranks = this.ranks;
    const wanted = this.wanted;
    let at = this.count;
    while (at > 0 && ranks[at - 1]! > rank) at--;
    if (at > 0 && ranks[at - 1] === rank) return;
    if (this.count < wanted) this.count++;
    for (let i = this.count - 1; i > at; i--) ranks[i] = ranks[i - 1]!;
    ranks[at] = rank;
    if (this.count === wanted) this.bound = ranks[wanted - 1]!;
  }

  /** What `insert` for each of `ranks[0 .. count)` would do where three are wanted, in registers: this is the usual case. */
  setSmallestThree(ranks: Int32Array, count: number): void {
    let first = RANK_END;
    let second = RANK_END;
    let third = RANK_END;
    for (let i = 0; i < count; i++) {
      const rank = ranks[i]!;
      if (rank >= third) continue;
      if (rank > second) {
        third = rank;
      } else if (rank < second && rank !== first) {
        third = second;
        if (rank > first) {
          second = rank;
        } else {
          second = first;
          first = rank;
        }
      }
    }
    this.ranks[0] = first;
    this.ranks[1] = second;
    this.ranks[2] = third;
    this.count = first === RANK_END ? 0 : second === RANK_END ? 1 : third === RANK_END ? 2 : 3;
    this.bound = third;
  }
}
