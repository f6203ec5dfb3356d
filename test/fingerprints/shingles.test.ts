import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fingerprinter, hashToken } from '../../src/fingerprints/fingerprint.ts';
import { FrequencyTable, GRAM_BITS } from '../../src/fingerprints/frequency-table.ts';
import { mix32 } from '../../src/fingerprints/hash.ts';
import { KeyedOrder, SHINGLE_KEYS_MAX } from '../../src/fingerprints/shingles.ts';
import { Random } from '../../src/simulate/random.ts';
import { tableBytes } from '../support/table.ts';
import { keyOf, rankOf } from './plain.ts';

const NOTHING_FREQUENT = new FrequencyTable(tableBytes({ natsPerLevel: 1 }));
const HALF_FREQUENT = new FrequencyTable(tableBytes({ natsPerLevel: 1, isFrequent: (cell) => mix32(cell) % 2 === 0 }));
const ALL_FREQUENT = new FrequencyTable(tableBytes({ natsPerLevel: 1, isFrequent: () => true }));

function printer(table: FrequencyTable, secret = 7): Fingerprinter {
  return new Fingerprinter({ table, secretHi: secret, secretLo: secret ^ 0x5555, simhash: false });
}

function keysOf(print: Fingerprinter, text: string): number[] {
  print.compute(text);
  return Array.from(print.keys.subarray(0, print.keyCount));
}

function bigramsOf(print: Fingerprinter): number[] {
  const { letters, tokenStart, tokenCount } = print.normaliser;
  const hashes = Array.from({ length: tokenCount }, (_, t) => hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!));
  return hashes.slice(1).map((hash, i) => (Math.imul(hashes[i]!, 0x9e3779b1) + hash) | 0);
}

function eightsOf(print: Fingerprinter): number[] {
  const letters = Array.from(print.normaliser.letters.subarray(0, print.normaliser.letterCount));
  const grams: number[] = [];
  for (let i = 0; i + 8 <= letters.length; i++) {
    grams.push(letters.slice(i, i + 8).reduce((hash, letter) => (Math.imul(hash, 0x01000193) + letter) | 0, 0));
  }
  return grams;
}

/** All n-grams sorted by rank, three of each kind; what one kind lacks the other gives; two at least from the frequent. */
function keysSlowly(print: Fingerprinter, table: FrequencyTable, secret: number): number[] {
  const order = new KeyedOrder(secret, secret ^ 0x5555);
  const ranked = (grams: readonly number[], frequent: boolean): number[] => {
    const kept = grams.filter((gram) => table.isFrequent(mix32(gram)) === frequent);
    return Array.from(new Set(kept.map((gram) => rankOf(order, gram)))).sort((a, b) => a - b);
  };
  const bigrams = ranked(bigramsOf(print), false);
  const eights = ranked(eightsOf(print), false);
  const fromBigrams = bigrams.slice(0, Math.max(3, 6 - eights.length));
  const fromEights = eights.slice(0, Math.max(3, 6 - bigrams.length));
  const keys = [
    ...fromBigrams.map((rank) => keyOf(order, rank, 0)),
    ...fromEights.map((rank) => keyOf(order, rank, 1)),
  ];
  const common = ranked(bigramsOf(print), true).slice(0, Math.max(0, 2 - keys.length));
  keys.push(...common.map((rank) => keyOf(order, rank, 0)));
  return keys.length > 0 ? keys : [keyOf(order, print.textLo >>> 1, 2)];
}

function textOf(random: Random, words: number): string {
  return Array.from({ length: words }, () =>
    Array.from({ length: random.between(1, 8) }, () => 'abdefghkmnoprstuw'.charAt(random.below(17))).join(''),
  ).join(' ');
}

describe('the keyed order', () => {
  test('ranks and keys are integers of 31 bits, spread evenly', () => {
    const order = new KeyedOrder(1, 2);
    const ranks = new Uint32Array(16);
    const keys = new Uint32Array(16);
    const count = 32_000;
    for (let gram = 0; gram < count; gram++) {
      const rank = rankOf(order, gram);
      const key = keyOf(order, gram, 0);
      for (const value of [rank, key]) expect(value >= 0 && value < 2 ** 31 && Number.isInteger(value)).toBe(true);
      ranks[rank >>> 27]!++;
      keys[key >>> 27]!++;
    }
    for (const cell of ranks) expect(Math.abs(cell - count / 16)).toBeLessThan(300);
    for (const cell of keys) expect(Math.abs(cell - count / 16)).toBeLessThan(300);
  });

  test('keeps the kinds apart', () => {
    const order = new KeyedOrder(1, 2);
    expect(new Set([0, 1, 2].map((kind) => keyOf(order, 12_345, kind))).size).toBe(3);
  });

  test('is another one with another secret, whichever half differs', () => {
    const orders = [new KeyedOrder(1, 2), new KeyedOrder(3, 2), new KeyedOrder(1, 3)];
    const grams = Array.from({ length: 1000 }, (_, i) => mix32(i));
    const sorted = orders.map((order) => grams.toSorted((a, b) => rankOf(order, a) - rankOf(order, b)).slice(0, 50));
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      // Two and a half of fifty are shared by chance.
      expect(sorted[a]!.filter((gram) => sorted[b]!.includes(gram)).length).toBeLessThan(12);
    }
  });
});

describe('the shingle keys of a text', () => {
  test('are the bottom of the full lists', () => {
    const tables = [NOTHING_FREQUENT, HALF_FREQUENT, ALL_FREQUENT];
    const prints = tables.map((table) => printer(table, 99));
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 25 }), fc.nat(2), (seed, words, which) => {
        const print = prints[which]!;
        const keys = keysOf(print, textOf(new Random(seed), words));
        expect(keys).toEqual(keysSlowly(print, tables[which]!, 99));
        expect(keys.length).toBeGreaterThan(0);
        expect(keys.length).toBeLessThanOrEqual(SHINGLE_KEYS_MAX);
      }),
      { numRuns: 400 },
    );
  });

  test('one kind fills up what the other lacks', () => {
    const print = printer(NOTHING_FREQUENT);
    // Eleven letters in one word: four 8-grams and no bigram. Five words in five letters: four bigrams and no 8-gram.
    expect(keysOf(print, 'abdefghkmno')).toHaveLength(4);
    expect(keysOf(print, 'a b d e f')).toHaveLength(4);
    expect(keysOf(print, 'abdefghkmnoprstuw')).toHaveLength(6);
    expect(keysOf(print, 'abd efgh kmno prst uabd efgk')).toHaveLength(6);
  });

  test('a text of frequent n-grams is filed under two of its bigrams, one without a bigram under itself', () => {
    const print = printer(ALL_FREQUENT);
    expect(keysOf(print, 'good morning to everyone here')).toHaveLength(2);
    expect(keysOf(print, 'good morning')).toHaveLength(1);
    const one = keysOf(print, 'congratulations');
    expect(one).toHaveLength(1);
    expect(keysOf(print, 'congratulation')).not.toEqual(one);
    expect(keysOf(print, 'Congratulations!')).toEqual(one);
  });

  test('a frequent n-gram makes no key where there are others', () => {
    const text = 'the ferry fares hurt every nurse on this island';
    const plain = printer(NOTHING_FREQUENT);
    const before = keysOf(plain, text);
    const order = new KeyedOrder(7, 7 ^ 0x5555);
    const first = bigramsOf(plain).sort((a, b) => rankOf(order, a) - rankOf(order, b))[0]!;
    const cell = (mix32(first) & (GRAM_BITS - 1)) >>> 0;
    const after = keysOf(
      printer(new FrequencyTable(tableBytes({ natsPerLevel: 1, isFrequent: (at) => at === cell }))),
      text,
    );
    expect(before).toContain(keyOf(order, rankOf(order, first), 0));
    expect(after).not.toContain(keyOf(order, rankOf(order, first), 0));
    expect(before.filter((key) => !after.includes(key))).toHaveLength(1);
    expect(after).toHaveLength(6);
  });

  test('another secret files a text under other keys', () => {
    const text = textOf(new Random(4), 40);
    const keys = keysOf(printer(NOTHING_FREQUENT, 1), text);
    expect(keysOf(printer(NOTHING_FREQUENT, 1), text)).toEqual(keys);
    for (const key of keysOf(printer(NOTHING_FREQUENT, 2), text)) expect(keys).not.toContain(key);
  });

  test('a copy with one word changed shares a key more often than not', () => {
    const print = printer(NOTHING_FREQUENT);
    let shared = 0;
    for (let seed = 0; seed < 400; seed++) {
      const words = textOf(new Random(seed), 12).split(' ');
      const keys = keysOf(print, words.join(' '));
      const copy = keysOf(print, words.with(seed % 12, 'changed').join(' '));
      if (keys.some((key) => copy.includes(key))) shared++;
    }
    expect(shared).toBeGreaterThan(380);
  });
});
