import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { BucketIndex } from '../../src/windows/bucket-index.ts';
import { entryOf, type TextSpec } from '../support/entries.ts';
import { NaiveIndex, textOf } from '../support/naive-index.ts';

const IDF_NATS = Float32Array.from({ length: 16 }, (_, level) => level * 0.75);

interface Stream {
  readonly seed: number;
  readonly posts: number;
  /** Distinct texts; few of them come again and again, many make the ring turn. */
  readonly texts: number;
  readonly keys: number;
  readonly windowMs: number;
  readonly slots: number;
  readonly simhash: boolean;
}

const stream = fc.record<Stream>({
  seed: fc.nat(),
  posts: fc.integer({ min: 1, max: 1500 }),
  texts: fc.integer({ min: 2, max: 400 }),
  keys: fc.integer({ min: 6, max: 60 }),
  windowMs: fc.integer({ min: 1, max: 250 }),
  slots: fc.integer({ min: 4, max: 9 }),
  simhash: fc.boolean(),
});

function poolOf(random: Random, count: number, keySpace: readonly number[]): TextSpec[] {
  const sims = Array.from({ length: 3 }, () => [random.word(), random.word()] as const);
  return Array.from({ length: count }, () => {
    const keys = new Set<number>();
    for (let left = random.between(1, 6); left > 0; left--) keys.add(keySpace[random.below(keySpace.length)]!);
    const tokens = new Map<number, number>();
    for (let left = random.between(0, 9); left > 0; left--) tokens.set(random.below(12) * 5000, random.below(16));
    const [simHi, simLo] = sims[random.below(sims.length)]!;
    const flips = Array.from({ length: random.below(14) }, () => random.below(64));
    return {
      hi: random.word(),
      lo: random.word(),
      simHi: flips.reduce((bits, flip) => (flip < 32 ? bits : bits ^ (1 << (flip - 32))), simHi) >>> 0,
      simLo: flips.reduce((bits, flip) => (flip < 32 ? bits ^ (1 << flip) : bits), simLo) >>> 0,
      keys: Array.from(keys),
      tokens: Array.from(tokens, ([hash, level]) => ({ hash, level })).sort((a, b) => a.hash - b.hash),
      trigramBits: Array.from({ length: random.below(60) }, () => random.below(90)),
    };
  });
}

/** Mostly a millisecond or none, at times the window's very edge, at times far more. */
function gapMs(random: Random, windowMs: number): number {
  const dice = random.below(200);
  if (dice === 0) return windowMs * 7 + random.below(3);
  if (dice === 1) return 5_000_000_000;
  if (dice < 6) return windowMs - 2 + random.below(4);
  return dice < 120 ? 0 : 1;
}

function expectTwins(options: Stream): { sequences: number; overflows: number } {
  const random = new Random(options.seed);
  const keySpace = Array.from({ length: options.keys }, () => random.word() >>> 1);
  const pool = poolOf(random, options.texts, keySpace);
  const settings = {
    windowMs: options.windowMs,
    hammingMax: 10,
    linkSimilarity: 0.3,
    idfNats: IDF_NATS,
    secretHi: random.word(),
  };
  const index = new BucketIndex({ ...settings, simhash: options.simhash, slots: options.slots });
  const naive = new NaiveIndex(settings);
  let timeMs = 1_500_000_000_000;
  for (let post = 0; post < options.posts; post++) {
    timeMs += Math.max(0, gapMs(random, options.windowMs));
    const words = entryOf(pool[random.below(pool.length)]!, timeMs, post, options.simhash);
    index.advance(timeMs);
    naive.advance(timeMs);
    const node = naive.nodes.get(textOf(words));
    const slot = index.find(words, 0);
    expect(slot >= 0, `post ${post}: node found`).toBe(node !== undefined);
    if (node !== undefined) {
      expect(`${index.textHi(slot)}:${index.textLo(slot)}`).toBe(node.text);
      expect(index.isRepeated(slot)).toBe(node.isRepeated);
      if (!node.isRepeated) expect(index.firstPost(slot)).toBe(node.firstPost);
      index.repeat(slot, words, 0);
      node.isRepeated = true;
      node.lastMs = timeMs;
      continue;
    }
    index.insert(words, 0, post);
    const expected = naive.insert(words, timeMs, post);
    const found = Array.from({ length: index.matchCount }, (_, i) => {
      const at = index.matchSlots[i]!;
      return `${index.textHi(at)}:${index.textLo(at)} ${index.matchSimilarity[i]!} ${index.matchFamilies[i]!} ${index.isRepeated(at)}`;
    });
    expect(found.sort(), `post ${post}: matches`).toEqual(
      expected
        .map((match) => `${match.node.text} ${match.similarity} ${match.families} ${match.node.isRepeated}`)
        .sort(),
    );
    expect(index.nodes).toBeGreaterThanOrEqual(naive.nodes.size);
  }
  return { sequences: options.posts, overflows: index.cappedTotal };
}

describe('the bucket index and its naive twin', () => {
  test('a text whose hash is the key of a full bucket is found all the same, and is no candidate there', () => {
    const hot = 0x5555_5555;
    const windowMs = 1000;
    const settings = { windowMs, simhash: false, hammingMax: 10, linkSimilarity: 0.3, idfNats: IDF_NATS, secretHi: 1 };
    const index = new BucketIndex(settings);
    const tokens = [
      { hash: 7, level: 15 },
      { hash: 9, level: 15 },
      { hash: 11, level: 15 },
    ];
    const random = new Random(3);
    // Some of a hundred such texts have a priority behind the bucket's sixteen.
    const victims = Array.from({ length: 100 }, () => ({
      hi: random.word(),
      lo: hot * 2,
      simHi: 0,
      simLo: 0,
      keys: [random.word() >>> 1],
      tokens,
      trigramBits: [],
    }));
    const others = Array.from({ length: 40 }, () => ({
      hi: random.word(),
      lo: random.word(),
      simHi: 0,
      simLo: 0,
      keys: [hot],
      tokens,
      trigramBits: [],
    }));
    const post = (text: TextSpec, timeMs: number): boolean => {
      const words = entryOf(text, timeMs, 0, false);
      index.advance(timeMs);
      if (index.find(words, 0) >= 0) return true;
      index.insert(words, 0, 0);
      return false;
    };
    for (const victim of victims) post(victim, 0);
    for (const other of others) {
      expect(post(other, 1)).toBe(false);
      for (let i = 0; i < index.matchCount; i++) expect(index.textLo(index.matchSlots[i]!)).not.toBe(hot * 2);
    }
    for (const victim of victims) expect(post(victim, 2)).toBe(true);
  });

  /**
   * Forty texts in one bucket of sixteen, posted at 0; those of `again` once more, at 50. At 60 and 61 two texts walk the
   * bucket and let go of whom they can. At 120 the texts posted once have left, and the others must all be compared.
   */
  test.each([
    ['before it was let go of', [60, 61], 50],
    ['after it was let go of', [30, 31], 50],
  ])('a text posted again %s is compared when those before it have left', (_, walksMs, againMs) => {
    const settings = { simhash: false, hammingMax: 10, linkSimilarity: 0.3, idfNats: IDF_NATS, secretHi: 1 };
    const index = new BucketIndex({ ...settings, windowMs: 100 });
    const random = new Random(11);
    const tokens = [7, 9, 11].map((hash) => ({ hash, level: 15 }));
    const textOfBucket = (): TextSpec => {
      const [hi, lo] = [random.word(), random.word()];
      return { hi, lo, simHi: 0, simLo: 0, keys: [77], tokens, trigramBits: [] };
    };
    const post = (text: TextSpec, timeMs: number): void => {
      const words = entryOf(text, timeMs, 0, false);
      index.advance(timeMs);
      const slot = index.find(words, 0);
      if (slot < 0) index.insert(words, 0, 0);
      else index.repeat(slot, words, 0);
    };
    const texts = Array.from({ length: 40 }, textOfBucket);
    const again = texts.filter((_text, i) => i % 4 === 0);
    for (const text of texts) post(text, 0);
    const steps = [
      ...walksMs.map((timeMs) => ({ timeMs, run: () => post({ ...textOfBucket(), tokens: [] }, timeMs) })),
      { timeMs: againMs, run: () => again.forEach((text) => post(text, againMs)) },
    ];
    for (const { run } of steps.sort((a, b) => a.timeMs - b.timeMs)) run();
    post(textOfBucket(), 120);
    const matched = Array.from({ length: index.matchCount }, (_match, i) => index.textLo(index.matchSlots[i]!));
    expect(new Set(matched)).toEqual(new Set(again.map(({ lo }) => lo)));
  });

  test('a chain never goes on into a slot that has been taken anew', () => {
    expectTwins({ seed: 0, posts: 49, texts: 10, keys: 43, windowMs: 9, slots: 9, simhash: false });
  });

  test('a text long gone stays gone when event time has come round 2^32 ms', () => {
    const hourMs = 3_600_000;
    const index = new BucketIndex({
      windowMs: hourMs,
      simhash: false,
      hammingMax: 10,
      linkSimilarity: 0.3,
      idfNats: IDF_NATS,
      secretHi: 1,
    });
    const [kept, gone] = poolOf(new Random(1), 2, [1, 2, 3, 4, 5, 6]);
    const post = (text: TextSpec, timeMs: number): number => {
      const words = entryOf(text, timeMs, 0, false);
      index.advance(timeMs);
      const slot = index.find(words, 0);
      if (slot < 0) index.insert(words, 0, 0);
      else index.repeat(slot, words, 0);
      return slot;
    };
    post(kept!, 0);
    post(gone!, 1);
    for (let timeMs = hourMs / 2; timeMs < 2 ** 32; timeMs += hourMs / 2)
      expect(post(kept!, timeMs)).toBeGreaterThanOrEqual(0);
    expect(post(gone!, 2 ** 32 + 5)).toBe(-1);
  });

  test('random streams: few texts that come again, many that make the ring turn', () => {
    fc.assert(
      fc.property(stream, (options) => {
        expectTwins(options);
      }),
      { numRuns: 150 },
    );
  });

  test('buckets overflow, and still the same 16 are compared', () => {
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), (seed, simhash) => {
        const { overflows } = expectTwins({ seed, posts: 1500, texts: 500, keys: 6, windowMs: 120, slots: 4, simhash });
        expect(overflows).toBeGreaterThan(100);
      }),
      { numRuns: 12 },
    );
  });

  test('one window of a thousand texts: slots age, nodes move to the head, nothing is lost', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expectTwins({ seed, posts: 4000, texts: 700, keys: 300, windowMs: 900, slots: 8, simhash: true });
      }),
      { numRuns: 4 },
    );
  });
});
