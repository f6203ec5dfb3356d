import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOwn } from '../../src/fingerprints/clusters.ts';
import { Fingerprinter, hashToken } from '../../src/fingerprints/fingerprint.ts';
import { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import {
  BITMAP_BITS,
  BITMAP_WORDS,
  RECORD_WORDS_MAX,
  TOKENS_MAX,
  levelAt,
  recordWords,
  tokenAt,
} from '../../src/fingerprints/record.ts';
import { Random } from '../../src/simulate/random.ts';
import { recordOf, type Token } from '../support/entries.ts';
import { tableBytes } from '../support/table.ts';

const TABLE = new FrequencyTable(tableBytes({ natsPerLevel: 1, levelOf: (cell) => (cell >>> 3) % 16 }));
const fingerprinter = new Fingerprinter({ table: TABLE, secretHi: 1, secretLo: 2, simhash: false });

/** What the record of the text just computed ought to say: distinct tokens by their 16 bits, the commoner of two. */
function tokensOf(): Token[] {
  const { letters, tokenStart, tokenCount } = fingerprinter.normaliser;
  const levels = new Map<number, number>();
  for (let t = 0; t < tokenCount; t++) {
    const hash = hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!);
    const level = TABLE.idfLevel(hash);
    const known = levels.get(hash >>> 16);
    levels.set(hash >>> 16, known === undefined ? level : Math.min(known, level));
  }
  const telling = Array.from(levels, ([hash, level]) => ({ hash, level }))
    .sort((a, b) => b.level - a.level || a.hash - b.hash)
    .slice(0, TOKENS_MAX);
  return telling.sort((a, b) => a.hash - b.hash);
}

function recordTokens(): Token[] {
  const { record, tokenCount } = fingerprinter;
  return Array.from({ length: tokenCount }, (_, i) => ({
    hash: tokenAt(record, 0, i),
    level: levelAt(record, 0, tokenCount, i),
  }));
}

function words(random: Random, count: number, alphabet = 'abcdefgh'): string {
  return Array.from({ length: count }, () =>
    Array.from({ length: random.between(1, 9) }, () => alphabet.charAt(random.below(alphabet.length))).join(''),
  ).join(' ');
}

describe('the layout of a record', () => {
  test('tokens and levels are read where they were written, also in the middle of other words', () => {
    const token = fc.record({ hash: fc.nat(0xffff), level: fc.nat(15) });
    const tokens = fc.uniqueArray(token, { selector: ({ hash }) => hash, maxLength: TOKENS_MAX });
    fc.assert(
      fc.property(tokens, fc.nat(5), (all, at) => {
        const record = recordOf(all, []);
        expect(record.length).toBe(recordWords(all.length));
        const among = new Uint32Array(at + record.length + 3).fill(0xffffffff);
        among.set(record, at);
        for (const [i, { hash, level }] of all.entries()) {
          expect(tokenAt(among, at, i)).toBe(hash);
          expect(levelAt(among, at, all.length, i)).toBe(level);
        }
      }),
    );
  });

  test('eleven tokens take 64 bytes', () => {
    expect(4 * recordWords(11)).toBe(64);
    expect(recordWords(0)).toBe(BITMAP_WORDS);
    expect(RECORD_WORDS_MAX).toBe(recordWords(TOKENS_MAX));
  });
});

describe('the record of a text', () => {
  test('holds its distinct tokens, ascending, and the most telling ones of a long text', () => {
    fc.assert(
      fc.property(fc.nat(), fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 90, max: 400 })), (seed, n) => {
        expect(fingerprinter.compute(words(new Random(seed), n))).toBe(true);
        expect(recordTokens()).toEqual(tokensOf());
        expect(fingerprinter.recordWords).toBe(recordWords(fingerprinter.tokenCount));
      }),
      { numRuns: 300 },
    );
  });

  test('counts a Han or Kana character for less than a word', () => {
    fingerprinter.compute('求真相 ありがとう truth');
    const { letters, tokenStart, tokenCount } = fingerprinter.normaliser;
    const levels = new Map(recordTokens().map(({ hash, level }) => [hash, level]));
    let characters = 0;
    for (let t = 0; t < tokenCount; t++) {
      const hash = hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!);
      const full = TABLE.idfLevel(hash);
      const level = levels.get(hash >>> 16)!;
      if (isOwn(letters[tokenStart[t]!]!)) {
        characters++;
        expect(level).toBeLessThanOrEqual(Math.round(full * 0.6));
      } else {
        expect(level).toBe(full);
      }
    }
    expect(characters).toBeGreaterThan(5);
  });

  test('a shorter text leaves nothing of the one before', () => {
    fingerprinter.compute('hello there');
    const { recordWords: size } = fingerprinter;
    const alone = fingerprinter.record.slice(0, size);
    fingerprinter.compute(words(new Random(5), 300));
    fingerprinter.compute('hello there');
    expect(fingerprinter.record.slice(0, size)).toEqual(alone);
  });

  test('has a bit for each distinct trigram, the same wherever it stands', () => {
    const bitsOf = (text: string): Set<number> => {
      fingerprinter.compute(text);
      const bits = new Set<number>();
      for (let bit = 0; bit < BITMAP_BITS; bit++) {
        if (((fingerprinter.record[bit >>> 5]! >>> (bit & 31)) & 1) !== 0) bits.add(bit);
      }
      return bits;
    };
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...'abcdefgh'), { minLength: 3, maxLength: 150 }), (letters) => {
        fingerprinter.compute(letters.join(''));
        const kept = fingerprinter.normaliser.toString();
        const expected = new Set<number>();
        for (let i = 0; i + 3 <= kept.length; i++) {
          const [bit] = bitsOf(kept.slice(i, i + 3));
          if (bit !== undefined) expected.add(bit);
        }
        expect(bitsOf(letters.join(''))).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test('spreads trigrams over all 256 bits', () => {
    fingerprinter.compute(words(new Random(8), 2000, 'abcdefghijkmnopqrstuvwxyz'));
    for (let word = 0; word < BITMAP_WORDS; word++) expect(fingerprinter.record[word]).toBe(0xffffffff);
  });
});
