import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fingerprinter } from '../../src/fingerprints/fingerprint.ts';
import { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import { PRIOR_NATS, PRIOR_TRIGRAMS, Similarity } from '../../src/fingerprints/similarity.ts';
import { Random } from '../../src/simulate/random.ts';
import { recordOf, type Token } from '../support/entries.ts';
import { tableBytes } from '../support/table.ts';

/** Quarters of a nat, so that sums are exact in whatever order they are taken. */
const NATS = Float32Array.from({ length: 16 }, (_, level) => level * 0.75);
const similarity = new Similarity(NATS);

const token = fc.record<Token>({ hash: fc.nat(60), level: fc.nat(15) });
const tokens = fc
  .uniqueArray(token, { selector: ({ hash }) => hash, maxLength: 40 })
  .map((all) => all.sort((a, b) => a.hash - b.hash));
const bits = fc.array(fc.nat(255), { maxLength: 200 });

function parts(a: readonly Token[], b: readonly Token[], aBits: readonly number[] = [], bBits: readonly number[] = []) {
  const r = similarity.compare(recordOf(a, aBits), 0, a.length, recordOf(b, bBits), 0, b.length);
  return { r, r1: similarity.r1, r3: similarity.r3 };
}

function natsOf(all: Iterable<number>): number {
  let sum = 0;
  for (const level of all) sum += NATS[level]!;
  return sum;
}

function r1Slowly(a: readonly Token[], b: readonly Token[]): number {
  const either = new Map<number, number>();
  const both = new Map<number, number>();
  for (const { hash, level } of a) either.set(hash, level);
  for (const { hash, level } of b) {
    const known = either.get(hash);
    if (known !== undefined) both.set(hash, Math.min(known, level));
    either.set(hash, Math.min(known ?? level, level));
  }
  return natsOf(both.values()) / (natsOf(either.values()) + PRIOR_NATS);
}

describe('R1', () => {
  test('is the share of idf that plain maps give', () => {
    fc.assert(
      fc.property(tokens, tokens, (a, b) => {
        expect(parts(a, b).r1).toBe(r1Slowly(a, b));
      }),
      { numRuns: 500 },
    );
  });

  test('of a text with itself is M / (M + 20)', () => {
    fc.assert(
      fc.property(tokens, (a) => {
        const mass = similarity.mass(recordOf(a, []), 0, a.length);
        expect(mass).toBe(natsOf(a.map(({ level }) => level)));
        expect(parts(a, a).r1).toBe(mass / (mass + 20));
      }),
    );
  });

  test('falls with a token that only one text has, and never rises when a shared one goes', () => {
    fc.assert(
      fc.property(tokens, tokens, fc.integer({ min: 1, max: 15 }), (a, b, level) => {
        const before = parts(a, b).r1;
        const more = parts([...a, { hash: 61, level }], b).r1;
        if (before > 0) expect(more).toBeLessThan(before);
        for (const { hash } of a) {
          if (!b.some((other) => other.hash === hash)) continue;
          const without = a.filter((other) => other.hash !== hash);
          expect(parts(without, b).r1).toBeLessThanOrEqual(before);
        }
      }),
    );
  });

  test('reads records in the middle of other words', () => {
    const a = [{ hash: 3, level: 15 }];
    const b = [
      { hash: 3, level: 15 },
      { hash: 9, level: 4 },
    ];
    const row = new Uint32Array(64).fill(0xffffffff);
    row.set(recordOf(a, [1]), 5);
    row.set(recordOf(b, [1]), 30);
    expect(similarity.compare(row, 5, 1, row, 30, 2)).toBe(parts(a, b, [1], [1]).r);
    expect(similarity.r1).toBe(11.25 / (11.25 + 3 + 20));
  });
});

describe('R', () => {
  test('is the same both ways, below 1, and the larger of its parts', () => {
    fc.assert(
      fc.property(tokens, tokens, bits, bits, (a, b, aBits, bBits) => {
        const { r, r1, r3 } = parts(a, b, aBits, bBits);
        expect(r).toBe(Math.max(r1, r3));
        expect(parts(b, a, bBits, aBits)).toEqual({ r, r1, r3 });
        expect(r).toBeGreaterThanOrEqual(0);
        expect(r).toBeLessThan(1);
      }),
    );
  });

  test('of nothing with nothing is nothing', () => {
    expect(parts([], [])).toEqual({ r: 0, r1: 0, r3: 0 });
  });
});

describe('R3', () => {
  const table = new FrequencyTable(tableBytes({ natsPerLevel: 1 }));
  const print = new Fingerprinter({ table, secretHi: 1, secretLo: 2, simhash: false });

  function compute(text: string): { record: Uint32Array; trigrams: Set<string> } {
    print.compute(text);
    const letters = print.normaliser.letters.subarray(0, print.normaliser.letterCount);
    const trigrams = new Set<string>();
    for (let i = 0; i + 3 <= letters.length; i++) trigrams.add(letters.subarray(i, i + 3).join());
    return { record: print.record.slice(0, print.recordWords), trigrams };
  }

  function r3Slowly(a: Set<string>, b: Set<string>): number {
    const shared = Array.from(a).filter((trigram) => b.has(trigram)).length;
    return shared / (a.size + b.size - shared + PRIOR_TRIGRAMS);
  }

  /** Two texts of up to 150 letters: the second has a share of the first one's letters in place and others after them. */
  function pair(random: Random): [string, string] {
    const letters = (count: number): string =>
      Array.from({ length: count }, () => 'abcdefghkmnoprstuvwz'.charAt(random.below(20))).join('');
    const first = letters(random.between(20, 150));
    const kept = Math.floor((first.length * random.below(101)) / 100);
    return [first, first.slice(0, kept) + letters(random.below(151 - kept))];
  }

  test('of texts up to 150 letters is within 0.15 of what their sets of trigrams give, and 0.025 in the mean', () => {
    let errors = 0;
    const count = 3000;
    for (let seed = 0; seed < count; seed++) {
      const [first, second] = pair(new Random(seed));
      const [a, b] = [compute(first), compute(second)];
      similarity.compare(a.record, 0, 0, b.record, 0, 0);
      const error = Math.abs(similarity.r3 - r3Slowly(a.trigrams, b.trigrams));
      expect(error, `seed ${seed}`).toBeLessThan(0.15);
      errors += error;
    }
    expect(errors / count).toBeLessThan(0.025);
  });

  test('of short texts is nearly exact', () => {
    const [a, b] = [compute('vote for the harbour bridge'), compute('vote for the harbour bridges')];
    similarity.compare(a.record, 0, 0, b.record, 0, 0);
    expect(similarity.r3).toBeCloseTo(r3Slowly(a.trigrams, b.trigrams), 1);
    expect(similarity.r3).toBeGreaterThan(0.45);
  });

  test('never rises when one text gets a trigram that the other lacks', () => {
    fc.assert(
      fc.property(bits, bits, fc.nat(255), (aBits, bBits, bit) => {
        fc.pre(!bBits.includes(bit));
        expect(parts([], [], [...aBits, bit], bBits).r3).toBeLessThanOrEqual(parts([], [], aBits, bBits).r3);
      }),
    );
  });

  test('of bitmaps so full that their count is noise is 0', () => {
    const first = (count: number): number[] => Array.from({ length: count }, (_, bit) => bit);
    expect(parts([], [], first(201), first(201)).r3).toBe(0);
    expect(parts([], [], first(200), first(200)).r3).toBeGreaterThan(0.9);
    expect(parts([], [], first(200), first(200)).r3).toBeLessThan(1);
  });
});
