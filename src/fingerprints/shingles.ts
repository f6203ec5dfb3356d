/**
 * The choice of a text's shingle keys: of its word bigrams and of its character 8-grams, the few with the smallest keyed
 * hash (bottom-k sampling, Broder 1997), leaving out n-grams that are frequent in ordinary posts.
 *
 * One long shingle survives an edit as a whole or not at all, so it meets more copies at fewer keys than several short
 * ones combined. The order is keyed with the deployment's secret: who does not know it cannot aim a text at a bucket.
 */
import { mixInt } from './hash.ts';

/** Shingle keys of one kind that a text is filed under; the other kind fills up what one kind lacks. */
export const KEYS_PER_KIND = 3;
export const SHINGLE_KEYS_MAX = 2 * KEYS_PER_KIND;

/** One above the largest rank. */
export const RANK_END = 0x7fffffff;

/** Letters of a character n-gram. */
export const GRAM_LENGTH = 8;

/**
 * A text of fewer rare n-grams is filed under frequent ones too: a short text and its copies with a word added would
 * otherwise share no bucket at all. More than two costs precision and finds nothing more.
 */
export const KEYS_MIN = 2;

/** Kinds of shingle keys; they are part of a key's hash. */
export const KEY_KIND = { bigram: 0, characters: 1, wholeText: 2 } as const;

/** What keeps the keys of a kind apart from those of the others. */
export function kindMark(kind: number): number {
  return Math.imul(kind + 1, 0x5bd1e995);
}

/** In the hash of a word bigram, the factor of the first token's hash; the second's is added. */
export const BIGRAM_FACTOR = 0x9e3779b1;

export function bigramOf(first: number, second: number): number {
  return (Math.imul(first, BIGRAM_FACTOR) + second) | 0;
}

/**
 * The order of n-grams, keyed with a deployment's secret. The kernel ranks and makes keys by it:
 *
 *   h    = (gram ^ a) * b
 *   rank = ((h ^ h >>> 15) * 0x2c1b3c6d ^ h >>> 13) >>> 1
 *   key  = mix32(rank ^ kindMark ^ a) >>> 1        smallest ranks crowd near zero; this spreads them again
 *
 * 31 bits each, so that they are small integers to the engine. The gram is a rolling or combined hash, not mixed.
 */
export class KeyedOrder {
  readonly a: number;
  readonly b: number;

  constructor(secretHi: number, secretLo: number) {
    this.a = mixInt(secretHi ^ 0x6c62272e);
    this.b = mixInt(secretLo ^ 0x07bb0142) | 1;
  }
}
