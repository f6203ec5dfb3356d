import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fingerprinter, type FingerprintSettings } from '../../src/fingerprints/fingerprint.ts';
import { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import { mix32 } from '../../src/fingerprints/hash.ts';
import { SORTED_MAX } from '../../src/fingerprints/layout.ts';
import { TOKENS_MAX } from '../../src/fingerprints/record.ts';
import { Random } from '../../src/simulate/random.ts';
import { tableBytes } from '../support/table.ts';
import { plainPrint } from './plain.ts';

const levelOf = (cell: number): number => mix32(cell) % 16;
const TABLES = {
  'nothing is frequent': new FrequencyTable(tableBytes({ natsPerLevel: 1, levelOf })),
  'a third is frequent': new FrequencyTable(
    tableBytes({ natsPerLevel: 1, levelOf, isFrequent: (cell) => mix32(cell) % 3 === 0 }),
  ),
  'nearly all is frequent': new FrequencyTable(
    tableBytes({ natsPerLevel: 1, levelOf, isFrequent: (cell) => mix32(cell) % 20 !== 0 }),
  ),
  'all is frequent': new FrequencyTable(tableBytes({ natsPerLevel: 1, levelOf, isFrequent: () => true })),
};
const SETTINGS = Object.values(TABLES).map((table, i) => ({ table, secretHi: i, secretLo: ~i, simhash: true }));
const PRINTS = SETTINGS.map((settings) => new Fingerprinter(settings));

function expectAsDefined(print: Fingerprinter, settings: FingerprintSettings, text: string): void {
  if (!print.compute(text)) return;
  const expected = plainPrint(print.normaliser, settings);
  expect(Array.from(print.keys.subarray(0, print.keyCount))).toEqual(expected.keys);
  expect([print.textHi, print.textLo]).toEqual(expected.text);
  expect([print.simHi, print.simLo]).toEqual(expected.simhash);
  expect(Array.from(print.record.subarray(0, print.recordWords))).toEqual(expected.record);
}

function wordsOf(seed: number, count: number, alphabet: string, longest: number): string {
  const random = new Random(seed);
  const letter = (): string => alphabet.charAt(random.below(alphabet.length));
  return Array.from({ length: count }, () => Array.from({ length: random.between(1, longest) }, letter).join('')).join(
    ' ',
  );
}

const alphabets = fc.constantFrom(
  'ab',
  'abcdefghkmnoprstuw',
  'абвгдежзик',
  '真相求的一是不了',
  'abcdef真相求的',
  'حقوقالناس',
);

describe('the kernel computes what the definitions say', () => {
  test('of texts of any length, over tables in which little or much is frequent', () => {
    const counts = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 30, max: 140 }));
    fc.assert(
      fc.property(fc.nat(), counts, alphabets, fc.integer({ min: 1, max: 12 }), (seed, count, alphabet, longest) => {
        const text = wordsOf(seed, count, alphabet, longest);
        for (const [i, print] of PRINTS.entries()) expectAsDefined(print, SETTINGS[i]!, text);
      }),
      { numRuns: 300 },
    );
  });

  test.each([1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 63, 64, 65, 255, 256, 257, 507, 508, 515, 1011, 1012])(
    'of one word of %i letters',
    (length) => {
      for (const [i, print] of PRINTS.entries())
        expectAsDefined(print, SETTINGS[i]!, 'abcdefg'.repeat(200).slice(0, length));
    },
  );

  const lengths = [TOKENS_MAX - 1, TOKENS_MAX, TOKENS_MAX + 1, SORTED_MAX - 1, SORTED_MAX, SORTED_MAX + 1, 600, 5000];
  test.each(lengths)('of %i words, few of them equal, and of as many equal ones', (count) => {
    for (const [i, print] of PRINTS.entries()) {
      expectAsDefined(print, SETTINGS[i]!, wordsOf(count, count, 'abcdefghkmnoprstuw', 9));
      expectAsDefined(print, SETTINGS[i]!, 'same '.repeat(count));
    }
  });

  test('whatever text and whichever table it had before', () => {
    const texts = ['hello there', wordsOf(1, 400, 'abcdefgh', 9), 'a', '求真相', wordsOf(2, 30, 'abcdefgh', 3)];
    for (const text of texts) {
      for (const other of texts) {
        for (const [i, print] of PRINTS.entries()) {
          expectAsDefined(print, SETTINGS[i]!, other);
          expectAsDefined(print, SETTINGS[i]!, text);
        }
      }
    }
  });
});

describe('a fingerprinter', () => {
  test('keeps its results while others compute', () => {
    const [first, second] = PRINTS as [Fingerprinter, Fingerprinter];
    const kept = (): unknown[] => [
      ...first.keys,
      ...first.record,
      first.textHi,
      first.textLo,
      first.simHi,
      first.simLo,
    ];
    first.compute('the ferry fares hurt every nurse on this island');
    const before = kept();
    second.compute('another text of other words, which is somewhat longer than the first one was');
    expect(kept()).toEqual(before);
  });

  test('that computes no SimHash64 has none, whatever another one left', () => {
    const without = new Fingerprinter({ ...SETTINGS[0]!, simhash: false });
    PRINTS[0]!.compute('good morning to everyone here');
    without.compute('good morning to everyone here');
    expect([without.simHi, without.simLo]).toEqual([0, 0]);
    expect(PRINTS[0]!.simHi).not.toBe(0);
  });
});
