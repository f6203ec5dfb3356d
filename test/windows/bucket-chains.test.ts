import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { BUCKET_CANDIDATES_MAX, BucketChains } from '../../src/windows/bucket-chains.ts';
import { NodeRing } from '../../src/windows/node-ring.ts';
import { recordOf } from '../support/entries.ts';

const RECORD = recordOf([], []);
/** Keys of 30 bits that share few heads: most of a chain is of other keys. */
const KEY_SPACE = 2 ** 30;

interface Filed {
  readonly hi: number;
  readonly lo: number;
  readonly keys: readonly number[];
  readonly timeMs: number;
}

/** A ring with chains over it, and beside it a list of what is filed. */
class Filing {
  ring: NodeRing;
  chains: BucketChains;
  readonly filed: Filed[] = [];
  readonly #windowMs: number;
  #timeMs = 0;

  constructor(slots: number, windowMs: number, keysPerSlot: number, keySpace = KEY_SPACE, firstKey = 0) {
    this.ring = new NodeRing(slots, slots * RECORD.length, windowMs, 77, false);
    this.chains = new BucketChains(keysPerSlot, keySpace, slots, firstKey);
    this.#windowMs = windowMs;
  }

  advance(timeMs: number): void {
    this.ring.advance(timeMs, timeMs - this.#timeMs);
    this.#timeMs = timeMs;
  }

  /** Files a node under `keys` as the index does: a full ring grows first. */
  file(hi: number, lo: number, keys: readonly number[]): void {
    if (!this.ring.hasRoom(0)) this.grow(Math.ceil(this.ring.slots * 1.6));
    this.ring.append(hi, lo, 0, RECORD, 0, 0);
    for (const [entry, key] of keys.entries()) this.chains.insert(this.ring, entry, key);
    this.chains.sweep(this.ring);
    this.filed.push({ hi, lo, keys, timeMs: this.#timeMs });
  }

  grow(slots: number): void {
    const sequenceOf = new Int32Array(this.ring.slots);
    const ring = this.ring.grown(slots, slots * RECORD.length, sequenceOf);
    this.chains = this.chains.rebuilt(this.ring, slots, sequenceOf);
    this.ring = ring;
  }

  /** Low words of the text hashes of the candidates. */
  collected(key: number): number[] {
    this.chains.collect(this.ring, key);
    const slots = Array.from(this.chains.candidates.subarray(0, this.chains.count));
    return slots.map((slot) => this.ring.textLo(slot)).sort((a, b) => a - b);
  }

  alive(key: number, firstKey = 0): Filed[] {
    return this.filed.filter(
      ({ keys, timeMs }) => keys.indexOf(key, firstKey) >= 0 && timeMs > this.#timeMs - this.#windowMs,
    );
  }

  /** What `collected` ought to be: all in the window, or the sixteen of smallest priority. */
  expected(key: number, firstKey = 0): number[] {
    const ring = new NodeRing(1, 64, 1000, 77, false);
    const priorityOf = ({ hi, lo }: Filed): number => {
      ring.advance(0, 1000);
      return ring.priority(ring.append(hi, lo, 0, RECORD, 0, 0));
    };
    const alive = this.alive(key, firstKey).map((node) => ({ lo: node.lo, priority: priorityOf(node) }));
    alive.sort((a, b) => a.priority - b.priority);
    return alive
      .slice(0, BUCKET_CANDIDATES_MAX)
      .map(({ lo }) => lo)
      .sort((a, b) => a - b);
  }
}

describe('chains', () => {
  test('hold what a list of all nodes holds, through expiry, foreign keys behind one head, and growth', () => {
    const options = fc.record({
      seed: fc.nat(),
      keys: fc.integer({ min: 1, max: 40 }),
      windowMs: fc.integer({ min: 1, max: 150 }),
      slots: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(options, ({ seed, keys, windowMs, slots }) => {
        const random = new Random(seed);
        const pool = Array.from({ length: keys }, () => random.below(KEY_SPACE));
        const filing = new Filing(slots, windowMs, 3);
        let timeMs = 0;
        for (let i = 0; i < 500; i++) {
          timeMs += random.below(100) === 0 ? random.below(2 * windowMs + 1) : random.below(2);
          filing.advance(timeMs);
          const own = new Set(Array.from({ length: random.between(1, 3) }, () => random.pick(pool)));
          for (const key of own) expect(filing.collected(key)).toEqual(filing.expected(key));
          filing.file(random.word(), i, Array.from(own));
          if (random.below(150) === 0) filing.grow(filing.ring.slots + random.below(30));
        }
        for (const key of pool) expect(filing.collected(key)).toEqual(filing.expected(key));
      }),
      { numRuns: 100 },
    );
  });

  test('entries before the first key are found by their text and are no candidates', () => {
    const filing = new Filing(64, 1000, 2, KEY_SPACE, 1);
    filing.file(1, 10, [5, 9]);
    filing.file(2, 11, [9, 5]);
    expect(filing.collected(5)).toEqual([11]);
    expect(filing.collected(9)).toEqual([10]);
    expect(filing.chains.find(filing.ring, 5, 1, 10)).toBe(0);
    expect(filing.chains.find(filing.ring, 9, 2, 11)).toBe(1);
    expect(filing.chains.find(filing.ring, 5, 2, 10)).toBe(-1);
    // Texts are folded to fewer keys: this one falls elsewhere.
    expect(filing.chains.find(filing.ring, KEY_SPACE / 2, 1, 10)).toBe(-1);
  });

  test('keys that differ in nothing but what the head does not tell stay apart', () => {
    const filing = new Filing(4, 1000, 1);
    // Every head of so small an array takes thousands of the keys.
    const keys = Array.from({ length: 4 }, (_, i) => i * 2 ** 28);
    for (const [i, key] of keys.entries()) filing.file(i, i, [key]);
    for (const [i, key] of keys.entries()) expect(filing.collected(key)).toEqual([i]);
    expect(filing.collected(7)).toEqual([]);
  });
});

describe('a bucket of very many nodes', () => {
  test.each([1000, 20_000, 100_000])('of %i is walked in near 16 (1 + ln(n / 16)) steps', (count) => {
    const random = new Random(count);
    const filing = new Filing(count + 1, 2 ** 30, 1);
    let walks = 0;
    let steps = 0;
    for (let i = 0; i < count; i++) {
      filing.advance(i);
      filing.chains.longest = 0;
      filing.chains.collect(filing.ring, 42);
      if (i >= count / 2) {
        walks++;
        steps += filing.chains.longest;
      }
      filing.file(random.word(), i, [42]);
    }
    // An expectation, over the second half of the walks: the mean is close to it.
    const bound = BUCKET_CANDIDATES_MAX * (1 + Math.log(count / BUCKET_CANDIDATES_MAX));
    expect(steps / walks).toBeLessThan(1.15 * bound);
    expect(steps / walks).toBeGreaterThan(0.7 * bound);
    expect(filing.chains.cappedTotal).toBe(count - 1 - BUCKET_CANDIDATES_MAX);
    expect(filing.collected(42)).toEqual(filing.expected(42));
  });

  test('its candidates are the same while the window slides', () => {
    const random = new Random(6);
    const filing = new Filing(300, 200, 1);
    for (let i = 0; i < 3000; i++) {
      filing.advance(i);
      expect(filing.collected(42)).toEqual(filing.expected(42));
      filing.file(random.word(), i, [42]);
      if (filing.filed.length > 400) filing.filed.splice(0, 100);
    }
  });
});

describe('rebuilt chains', () => {
  test('find the same, keep the counts, and let dead nodes go', () => {
    const random = new Random(9);
    const filing = new Filing(100, 80, 2);
    const keys = Array.from({ length: 5 }, () => random.below(KEY_SPACE));
    for (let i = 0; i < 400; i++) {
      filing.advance(i);
      for (const key of keys) filing.chains.collect(filing.ring, key);
      filing.file(random.word(), i, [random.pick(keys), random.below(KEY_SPACE)]);
    }
    filing.advance(430);
    const before = keys.map((key) => filing.collected(key));
    const { cappedTotal, longest } = filing.chains;
    expect(cappedTotal).toBeGreaterThan(0);
    filing.grow(500);
    expect([filing.chains.cappedTotal, filing.chains.longest]).toEqual([cappedTotal, longest]);
    expect(keys.map((key) => filing.collected(key))).toEqual(before);
    for (const { hi, lo, keys: own, timeMs } of filing.filed.slice(-100)) {
      const slot = filing.chains.find(filing.ring, own[1]!, hi, lo);
      expect(slot >= 0, `node ${lo}`).toBe(timeMs > 430 - 80);
      if (slot >= 0) expect(filing.ring.textLo(slot)).toBe(lo);
    }
  });
});
