import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashLetters } from '../../src/fingerprints/hash.ts';
import { PREFIXES, PRINT, simhash } from '../../src/fingerprints/kernel.ts';
import { LETTERS_MAX } from '../../src/fingerprints/layout.ts';
import { hammingDistance, popcount32 } from '../../src/fingerprints/simhash.ts';

/** Computes with spare room in the array, as the fingerprinter has it. */
function quickly(letters: readonly number[]): bigint {
  const units = Uint16Array.from(letters);
  const prefixes = new Int32Array(letters.length + 9).fill(-1);
  for (let count = 0; count <= letters.length; count++) prefixes[count] = hashLetters(units, 0, count);
  return computed(prefixes, letters.length);
}

function computed(prefixes: Int32Array, count: number): bigint {
  PREFIXES.set(prefixes);
  simhash(count);
  return (BigInt(PRINT[2]!) << 32n) | BigInt(PRINT[3]!);
}

/** Prefix hashes of a text of one letter, made without going over it again for each. */
function prefixesOfOne(letter: number, count: number): Int32Array {
  const prefixes = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) prefixes[i + 1] = Math.imul(prefixes[i]!, 0x01000193) + letter;
  return prefixes;
}

/** The hash of one feature is the SimHash64 of a text that has no other. */
function featureHash(letters: readonly number[]): bigint {
  return quickly(letters.slice(0, 4));
}

/** SimHash64 by its definition: a counter a bit. */
function slowly(letters: readonly number[]): bigint {
  const features: bigint[] = [];
  if (letters.length < 4) features.push(featureHash(letters));
  for (let i = 0; i + 4 <= letters.length; i++) features.push(featureHash(letters.slice(i, i + 4)));
  let result = 0n;
  for (let bit = 0n; bit < 64n; bit++) {
    const count = features.filter((feature) => ((feature >> bit) & 1n) === 1n).length;
    if (2 * count > features.length) result |= 1n << bit;
  }
  return result;
}

const letters = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 0xffff }), { maxLength: 12 }),
  fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 60 }),
  fc.array(fc.integer({ min: 97, max: 122 }), { maxLength: 400 }),
  fc.array(fc.integer({ min: 97, max: 98 }), { minLength: 1000, maxLength: 1100 }),
);

describe('the hash of a feature', () => {
  test('sets each of the 64 bits in about half of the 4-grams, whichever letter differs', () => {
    for (const place of [0, 1, 2, 3]) {
      const counts = new Uint32Array(64);
      for (let letter = 0; letter < 4000; letter++) {
        const hash = featureHash([97, 98, 99, 100].with(place, letter));
        for (let bit = 0; bit < 64; bit++) counts[bit]! += Number((hash >> BigInt(bit)) & 1n);
      }
      for (const count of counts) expect(Math.abs(count / 4000 - 0.5)).toBeLessThan(0.06);
    }
  });

  test('differs between short texts, and between a short text and a longer one', () => {
    const texts = [[1], [2], [1, 2], [2, 1], [1, 2, 3], [3, 2, 1], [1, 2, 3, 4], [4, 3, 2, 1]];
    expect(new Set(texts.map(featureHash)).size).toBe(texts.length);
  });
});

describe('SimHash64', () => {
  test('is what 64 counters say', () => {
    fc.assert(
      fc.property(letters, (text) => {
        expect(quickly(text)).toBe(slowly(text));
      }),
      { numRuns: 400 },
    );
  });

  test('a tie of an even number of features leaves the bit clear', () => {
    const text = [1, 2, 3, 4, 5];
    const [first, second] = [featureHash(text.slice(0, 4)), featureHash(text.slice(1))];
    expect(quickly(text)).toBe(first & second);
  });

  test('a long text of one letter is its one feature, however many planes the counters need', () => {
    const one = featureHash([7, 7, 7, 7]);
    for (const count of [4, 259, 65_539, LETTERS_MAX]) {
      expect(computed(prefixesOfOne(7, count), count)).toBe(one);
    }
  });

  test('what lies beyond the count, and texts before, do not count', () => {
    const text = Array.from({ length: 20 }, (_, i) => (i * 7919) % 26);
    const expected = slowly(text);
    computed(prefixesOfOne(9, 5000), 5000);
    expect(quickly(text)).toBe(expected);
    computed(prefixesOfOne(9, 515), 515);
    expect(quickly(text)).toBe(expected);
  });

  test.each([506, 507, 508, 509, 511, 512, 515, 516, 1010, 1011, 1012, 1023])(
    'of %i letters, near a multiple of a batch',
    (count) => {
      const text = Array.from({ length: count }, (_, i) => (i * i * 31) % 26);
      expect(quickly(text)).toBe(slowly(text));
    },
  );
});

describe('bits', () => {
  test.each([
    [0, 0],
    [1, 1],
    [0x80000000, 1],
    [0x55555555, 16],
    [0xffff0000, 16],
    [-1, 32],
  ])('of %i: %i', (word, bits) => {
    expect(popcount32(word)).toBe(bits);
  });

  test('are those that the digits of the word have', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(word, word, word, word, (aHi, aLo, bHi, bLo) => {
        const differing = ((BigInt(aHi) << 32n) | BigInt(aLo)) ^ ((BigInt(bHi) << 32n) | BigInt(bLo));
        expect(hammingDistance(aHi, aLo, bHi, bLo)).toBe(differing.toString(2).replaceAll('0', '').length);
        expect(popcount32(aHi | 0)).toBe(aHi.toString(2).replaceAll('0', '').length);
      }),
    );
  });

  test('64 at the most', () => {
    expect(hammingDistance(0, 0, 0xffffffff, 0xffffffff)).toBe(64);
    expect(hammingDistance(0xffffffff, 5, -1 >>> 0, 5)).toBe(0);
  });
});
