import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { hashToken, trainOn } from '../../src/fingerprints/fingerprint.ts';
import {
  FREQUENT_SHARE,
  FrequencyTable,
  FrequencyTrainer,
  GRAM_BITS,
  IDF_LEVELS,
  TABLE_BYTES,
  TOKEN_CELLS,
} from '../../src/fingerprints/frequency-table.ts';
import { mix32 } from '../../src/fingerprints/hash.ts';
import { Normaliser } from '../../src/fingerprints/normalise.ts';
import { Random } from '../../src/simulate/random.ts';
import { tableBytes } from '../support/table.ts';

const normaliser = new Normaliser();

function tokensOf(text: string): number[] {
  normaliser.normalise(text);
  const { letters, tokenStart, tokenCount } = normaliser;
  return Array.from({ length: tokenCount }, (_, t) => hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!));
}

function gramsOf(text: string): number[] {
  const tokens = tokensOf(text);
  const bigrams = tokens.slice(1).map((hash, i) => mix32(Math.imul(tokens[i]!, 0x9e3779b1) + hash));
  const letters = Array.from(normaliser.letters.subarray(0, normaliser.letterCount));
  const eights = letters
    .slice(7)
    .map((_, i) =>
      mix32(letters.slice(i, i + 8).reduce((hash, letter) => (Math.imul(hash, 0x01000193) + letter) | 0, 0)),
    );
  return [...bigrams, ...eights];
}

/** In how many texts each cell occurs. */
function count(texts: readonly string[], hashesOf: (text: string) => number[], cells: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const text of texts) {
    for (const cell of new Set(hashesOf(text).map((hash) => hash & (cells - 1)))) {
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
  }
  return counts;
}

function corpus(seed: number, posts: number): string[] {
  const random = new Random(seed);
  const vocabulary = Array.from({ length: 300 }, () =>
    Array.from({ length: random.between(2, 9) }, () => 'abdefghkmnoprstuw'.charAt(random.below(17))).join(''),
  );
  return Array.from({ length: posts }, () =>
    Array.from({ length: random.between(1, 14) }, () => random.pickEarly(vocabulary)).join(' '),
  );
}

function trained(texts: readonly string[]): Uint8Array {
  const trainer = new FrequencyTrainer();
  for (const text of texts) {
    normaliser.normalise(text);
    trainOn(trainer, normaliser);
  }
  return trainer.finish();
}

function problemOf(bytes: Uint8Array): string {
  try {
    return `a table of ${new FrequencyTable(bytes).posts} posts`;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
}

describe('training', () => {
  const texts = corpus(3, 2000);
  const bytes = trained(texts);
  const table = new FrequencyTable(bytes);

  test('counts the posts and derives the bound', () => {
    expect(bytes).toHaveLength(TABLE_BYTES);
    expect(table.posts).toBe(2000);
    expect(table.frequentAbove).toBe(2);
  });

  test('levels are the idf of plain counting, rounded to steps of a fifteenth of that of a token never seen', () => {
    const counts = count(texts, tokensOf, TOKEN_CELLS);
    const step = Math.log(2001) / (IDF_LEVELS - 1);
    const seen = new Set<number>();
    for (const hash of new Set(texts.flatMap(tokensOf))) {
      const nats = Math.log(2001 / (counts.get(hash & (TOKEN_CELLS - 1))! + 1));
      const level = table.idfLevel(hash);
      expect(level).toBe(Math.round(nats / step));
      expect(Math.abs(table.idfNats[level]! - nats)).toBeLessThanOrEqual(step / 2 + 1e-6);
      seen.add(level);
    }
    expect(seen.size).toBeGreaterThan(8);
    expect(table.idfNats[IDF_LEVELS - 1]).toBeCloseTo(Math.log(2001), 5);
  });

  test('a token never seen has the highest level', () => {
    const known = count(texts, tokensOf, TOKEN_CELLS);
    for (const hash of tokensOf('wholly unheard zebras juggle')) {
      expect(known.has(hash & (TOKEN_CELLS - 1))).toBe(false);
      expect(table.idfLevel(hash)).toBe(IDF_LEVELS - 1);
    }
  });

  test('n-grams in more posts than the bound are frequent, no others', () => {
    // Counted in four cells to a bit: a bit is set when one of them is above.
    const counts = count(texts, gramsOf, GRAM_BITS * 4);
    const expected = new Set<number>();
    for (const [cell, posts] of counts) if (posts > 2) expected.add(cell & (GRAM_BITS - 1));
    const grams = Array.from(new Set(texts.flatMap(gramsOf)));
    for (const gram of grams) expect(table.isFrequent(gram)).toBe(expected.has(gram & (GRAM_BITS - 1)));
    const frequent = grams.filter((gram) => table.isFrequent(gram)).length;
    expect(frequent).toBeGreaterThan(100);
    expect(frequent).toBeLessThan(grams.length - 100);
    let bits = 0;
    for (let gram = 0; gram < GRAM_BITS; gram++) if (table.isFrequent(gram)) bits++;
    expect(bits).toBe(expected.size);
  });

  test('a text without a letter is no post, and a word twice in one post counts once', () => {
    const bytesOf = trained(['go go go go', '!!! 🙂', 'stay']);
    const small = new FrequencyTable(bytesOf);
    expect(small.posts).toBe(2);
    const [go] = tokensOf('go');
    const step = Math.log(3) / (IDF_LEVELS - 1);
    expect(small.idfLevel(go!)).toBe(Math.round(Math.log(3 / 2) / step));
    for (const gram of gramsOf('go go go go')) expect(small.isFrequent(gram)).toBe(false);
  });

  test('the bound follows the share of a large feed', () => {
    const trainer = new FrequencyTrainer();
    const posts = 100_000;
    for (let post = 0; post < posts; post++) {
      trainer.beginPost();
      if (post < 6) trainer.addGram(1);
      if (post < 7) trainer.addGram(2);
    }
    const large = new FrequencyTable(trainer.finish());
    expect(large.frequentAbove).toBe(Math.floor(FREQUENT_SHARE * posts));
    expect(large.frequentAbove).toBe(6);
    expect([large.isFrequent(1), large.isFrequent(2)]).toEqual([false, true]);
  });

  test('the same feed gives the same bytes', () => {
    expect(Buffer.from(trained(texts)).equals(Buffer.from(bytes))).toBe(true);
  });
});

describe('the bytes of a table', () => {
  const sound = tableBytes({ natsPerLevel: 1, levelOf: (cell) => cell % 16, isFrequent: (cell) => cell % 3 === 0 });

  test('are read wherever they lie in a buffer', () => {
    const among = new Uint8Array(TABLE_BYTES + 7).fill(0xff);
    among.set(sound, 3);
    const table = new FrequencyTable(among.subarray(3, 3 + TABLE_BYTES));
    expect(table.posts).toBe(1000);
    for (const cell of [0, 1, 2, 31, 32, 33, GRAM_BITS - 1]) expect(table.isFrequent(cell)).toBe(cell % 3 === 0);
    for (const cell of [0, 1, 7, 8, 15, TOKEN_CELLS - 1]) expect(table.idfLevel(cell)).toBe(cell % 16);
    expect(Array.from(table.idfNats)).toEqual(Array.from({ length: IDF_LEVELS }, (_, level) => level));
  });

  test('hashes above 2^31, signed or not, are looked up by their low bits', () => {
    const table = new FrequencyTable(sound);
    for (const low of [3, 4, 29]) {
      expect(table.isFrequent((0x80000000 | low) >>> 0)).toBe(low % 3 === 0);
      expect(table.isFrequent(0x80000000 | low)).toBe(low % 3 === 0);
      expect(table.idfLevel(0x80000000 | low)).toBe(low % 16);
    }
  });

  const damages: readonly [string, (bytes: Uint8Array) => Uint8Array, RegExp][] = [
    ['none', () => new Uint8Array(0), /0 bytes/],
    ['one byte short', (bytes) => bytes.slice(0, -1), new RegExp(`${TABLE_BYTES - 1} bytes`)],
    [
      'one byte long',
      (bytes) => Uint8Array.from(Buffer.concat([bytes, new Uint8Array(1)])),
      new RegExp(`${TABLE_BYTES} bytes`),
    ],
    ['another magic', (bytes) => bytes.with(0, 0x58), /chorus train/],
    ['a later version', (bytes) => bytes.with(4, 2), /version 2.*version 1/],
    ['levels that fall', (bytes) => withNats(bytes, 4, 2.5), /2\.5 nats for idf level 4/],
    ['a negative level', (bytes) => withNats(bytes, 0, -1), /-1 nats for idf level 0/],
    ['a level beyond any feed', (bytes) => withNats(bytes, 15, 24), /24 nats for idf level 15.*up to 23/],
    ['a level that is no number', (bytes) => withNats(bytes, 7, NaN), /NaN nats for idf level 7/],
    ['an endless level', (bytes) => withNats(bytes, 15, Infinity), /Infinity nats for idf level 15/],
  ];

  function withNats(bytes: Uint8Array, level: number, nats: number): Uint8Array {
    const copy = bytes.slice();
    new DataView(copy.buffer).setFloat32(20 + 4 * level, nats, true);
    return copy;
  }

  test.each(damages)('%s: a configuration error that says what is wrong', (_, damage, problem) => {
    const message = problemOf(damage(sound));
    expect(message).toMatch(problem);
    expect(message).toMatch(/^table: /);
  });
});
