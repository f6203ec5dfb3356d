/**
 * A set of 64-bit hashes in a fixed amount of memory: buckets of four, each of which forgets its oldest when it is full.
 */
const WAYS = 4;

export class TextSet {
  readonly #bucketMask: number;
  /** Pairs of high and low halves; the newest of a bucket first. (0, 0) is an empty place. */
  readonly #pairs: Uint32Array;

  /** @param bucketBits 2^bucketBits buckets of 32 bytes */
  constructor(bucketBits: number) {
    this.#bucketMask = 2 ** bucketBits - 1;
    this.#pairs = new Uint32Array(2 ** bucketBits * WAYS * 2);
  }

  /** True if the hash was not in the set. */
  add(hi: number, lo: number): boolean {
    const pairs = this.#pairs;
    const first = (hi & this.#bucketMask) * WAYS * 2;
    const end = first + WAYS * 2;
    for (let at = first; at < end; at += 2) if (pairs[at] === hi && pairs[at + 1] === lo) return false;
    pairs.copyWithin(first + 2, first, end - 2);
    pairs[first] = hi;
    pairs[first + 1] = lo;
    return true;
  }
}
