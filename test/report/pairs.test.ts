import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { smallestGapMs, type AccountRow } from '../../src/report/evidence.ts';
import { PairBook, reachOf } from '../../src/report/pairs.ts';

function linked(counts: readonly number[], reach: number): number {
  let sum = 0;
  for (const count of counts) for (let i = 0; i < count; i++) sum += Math.min(reach, count - 1 - i);
  return sum;
}

describe('the reach', () => {
  test('is the largest that keeps to the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 8 }), fc.integer({ min: 1, max: 2000 }), (counts, pairsMax) => {
        const { reach, leftOut } = reachOf(counts, pairsMax);
        const whole = linked(counts, Infinity);
        expect(leftOut).toBe(whole - linked(counts, reach));
        if (reach > 1) expect(linked(counts, reach)).toBeLessThanOrEqual(pairsMax);
        if (leftOut > 0) expect(linked(counts, reach + 1)).toBeGreaterThan(pairsMax);
      }),
    );
  });

  test('leaves nothing out of 10,000 small campaigns', () => {
    expect(reachOf(Array.from({ length: 10_000 }, () => 10))).toEqual({ reach: 9, leftOut: 0 });
  });
});

function row(key: string, times: readonly number[]): AccountRow {
  return {
    key,
    platform: 'x',
    account: key,
    handle: undefined,
    createdMs: undefined,
    postCount: times.length,
    firstMs: times[0]!,
    lastMs: times.at(-1)!,
    earlierCampaigns: undefined,
    disclosure: undefined,
    times,
  };
}

const times = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 6 }).map((list) => list.sort((a, b) => a - b));
const campaigns = fc.array(
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...'abcdefgh'), times), { selector: ([key]) => key, minLength: 1 })
    .map((rows) =>
      rows.map(([key, own]) => row(key, own)).sort((a, b) => a.firstMs - b.firstMs || (a.key < b.key ? -1 : 1)),
    ),
  { maxLength: 5 },
);

test('pairs are those of a naive twin', () => {
  fc.assert(
    fc.property(campaigns, fc.integer({ min: 1, max: 8 }), (all, reach) => {
      const book = new PairBook(reach);
      const naive = new Map<string, { campaigns: number[]; gapMs: number; startMs: number; endMs: number }>();
      for (const [number, rows] of all.entries()) {
        const endMs = 2000 + number;
        book.add(number, rows, endMs);
        for (const [i, one] of rows.entries()) {
          for (const [k, other] of rows.entries()) {
            if (k <= i || k > i + reach) continue;
            const name = [one.key, other.key].sort().join(' ');
            const known = naive.get(name) ?? { campaigns: [], gapMs: Infinity, startMs: Infinity, endMs: 0 };
            const gaps = one.times.flatMap((a) => other.times.map((b) => Math.abs(a - b)));
            naive.set(name, {
              campaigns: [...known.campaigns, number],
              gapMs: Math.min(known.gapMs, ...gaps),
              startMs: Math.min(known.startMs, Math.max(one.firstMs, other.firstMs)),
              endMs: Math.max(known.endMs, endMs),
            });
          }
        }
      }
      const found = Array.from(book.pairs(), ({ a, b, ...rest }) => [`${a} ${b}`, rest] as const);
      expect(found.map(([name]) => name)).toEqual(Array.from(naive.keys()).sort());
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(naive));
    }),
  );
});

test('the gap of accounts without known posts is none', () => {
  expect(smallestGapMs([], [1])).toBe(Infinity);
});
