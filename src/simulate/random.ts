/**
 * The one source of chance of the simulator: seeded, 32-bit integer arithmetic only, so that a seed means the same feed
 * on every engine. Owns its four words of state and nothing else.
 */

/** The finaliser of MurmurHash3 (Appleby, public domain): a bijection on 32-bit words, so distinct inputs stay distinct. */
export function scramble(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const GOLDEN = 0x9e3779b9;
const TWO_32 = 4_294_967_296;

/**
 * sfc32 (Doty-Humphrey, PractRand), its state filled from the seed by a Weyl sequence through `scramble`.
 * Two streams with different seeds are independent for our purpose; nothing here is fit for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any safe integer; both of its 32-bit halves count. */
  constructor(seed: number) {
    const high = Math.floor(seed / TWO_32);
    this.#a = scramble(seed ^ GOLDEN) | 0;
    this.#b = scramble(this.#a + Math.imul(high, GOLDEN) + GOLDEN) | 0;
    this.#c = scramble(this.#b + GOLDEN) | 0;
    // The author discards the first outputs, since a sparse seed has not yet spread over all words.
    for (let round = 0; round < 12; round += 1) this.word();
  }

  /** A word of 32 bits, 0 to 2^32 - 1. */
  word(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A fraction in [0, 1) of 32 bits. */
  fraction(): number {
    return this.word() / TWO_32;
  }

  /** An integer in [0, bound), for bounds from 1 to 2^31. */
  below(bound: number): number {
    return Math.floor((this.word() * bound) / TWO_32);
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True in `permille` of 1,000 cases. */
  chance(permille: number): boolean {
    return this.below(1000) < permille;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Prefers the front of the list, with a density that falls like ln(n/i): cheap, and close to how words are used. */
  pickEarly<Item>(items: readonly Item[]): Item {
    return items[this.below(this.below(items.length) + 1)]!;
  }

  /** A copy in random order (Fisher and Yates). */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const copy = [...items];
    for (let last = copy.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const held = copy[last]!;
      copy[last] = copy[other]!;
      copy[other] = held;
    }
    return copy;
  }
}
