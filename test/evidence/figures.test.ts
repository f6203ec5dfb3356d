import { describe, expect, test } from 'vitest';
import { checkedBaseline, creationOf, expectationOf } from '../../src/evidence/creation.ts';
import { POINTS_MAX, severityOf, type SeverityFacts } from '../../src/evidence/severity.ts';
import { techniquesOf, type TechniqueFacts } from '../../src/evidence/techniques.ts';
import { halfSpanMs, timingOf } from '../../src/evidence/timing.ts';
import { SEVERITY_PARTS, type AlertExplanation } from '../../src/model.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2025, 1, 4, 9);

describe('timing', () => {
  const at = (seconds: readonly number[]): Float64Array =>
    Float64Array.from(seconds, (second) => START_MS + 1000 * second);
  const of = (seconds: readonly number[], minutesListed = 10, postCount = seconds.length) => {
    const times = at(seconds);
    const [firstMs, lastMs] = [times[0] ?? 0, times.at(-1) ?? 0];
    return timingOf(times, { accountAt: (i) => `a${i % 6}`, firstMs, lastMs, postCount, minutesListed });
  };

  //            minute 0        1                 5
  //  seconds   0 10 30 59      60 65             300
  const SECONDS = [0, 10, 30, 59, 60, 65, 300];

  test('counts posts per minute, gaps, and the accounts of the first minute', () => {
    expect(of(SECONDS)).toEqual({
      perMinute: {
        listed: [
          { minute: '2025-02-04T09:00:00.000Z', postCount: 4 },
          { minute: '2025-02-04T09:01:00.000Z', postCount: 2 },
          { minute: '2025-02-04T09:05:00.000Z', postCount: 1 },
        ],
        leftOut: 0,
      },
      medianGapMs: 10_000,
      smallestGapMs: 1000,
      firstMinuteAccountCount: 4,
      spanMs: 300_000,
    });
  });

  test('lists the earliest minutes, and counts the posts of the others and those that are not kept', () => {
    const { perMinute } = of(SECONDS, 2, 100);
    expect(perMinute.listed.map(({ postCount }) => postCount)).toEqual([4, 2]);
    expect(perMinute.leftOut).toBe(94);
  });

  test('of one post, and of none', () => {
    expect(of([5])).toMatchObject({ medianGapMs: 0, smallestGapMs: 0, firstMinuteAccountCount: 1, spanMs: 0 });
    expect(of([])).toMatchObject({ perMinute: { listed: [], leftOut: 0 }, firstMinuteAccountCount: 0, spanMs: 0 });
  });

  test('the shortest stretch with half of the posts', () => {
    expect(halfSpanMs(at([0, 100, 101, 103, 400]))).toBe(3000);
    expect(halfSpanMs(at([0, 1000]))).toBe(0);
    expect(halfSpanMs(at([]))).toBe(0);
  });
});

describe('creation dates', () => {
  const day = (number: number): number => Date.UTC(2025, 0, 1) + number * DAY_MS + 5000;

  test('all on one day', () => {
    const creation = creationOf(
      Array.from({ length: 10 }, () => day(3)),
      undefined,
    )!;
    expect(creation).toMatchObject({ knownCount: 10, within: { days: 1, accountCount: 10, from: '2025-01-04' } });
    expect(creation.concentration).toBeGreaterThan(0.95);
    expect(creation.meaning).toBe(
      '10 of 10 accounts with a known creation date were made on 2025-01-04, 100 %; if accounts were made evenly over ten years (no distribution of this feed was given), it would be less than 0.1 %',
    );
  });

  test('spread over ten years', () => {
    const spread = Array.from({ length: 40 }, (_, i) => day(-i * 91));
    expect(creationOf(spread, undefined)!.concentration).toBeLessThan(0.05);
  });

  test('half within two weeks', () => {
    const half = [
      ...Array.from({ length: 20 }, (_, i) => day(i % 14)),
      ...Array.from({ length: 20 }, (_, i) => day(-200 - 160 * i)),
    ];
    const { concentration, within } = creationOf(half, undefined)!;
    expect(within).toMatchObject({ days: 30, from: '2025-01-01', accountCount: 20 });
    expect(concentration).toBeGreaterThan(0.4);
    expect(concentration).toBeLessThan(0.5);
  });

  test('fewer than five say nothing', () => {
    expect(creationOf([day(1), day(1), day(1), day(1)], undefined)).toBeUndefined();
  });

  test('are in no order', () => {
    const dates = Array.from({ length: 30 }, (_, i) => day((i * 37) % 400));
    expect(creationOf(dates.toReversed(), undefined)).toEqual(creationOf(dates, undefined));
  });

  test('where the whole feed was made in that month, it is nothing', () => {
    const baseline = checkedBaseline(
      { schema: 'chorus.creation.v1', months: { '2024-12': 1, '2025-01': 98, '2025-02': 1 } },
      'evidence.creation',
      'x.json',
    );
    const month = Array.from({ length: 31 }, (_, i) => day(i));
    const { concentration, meaning } = creationOf(month, expectationOf(baseline))!;
    expect(concentration).toBeLessThan(0.1);
    expect(meaning).toContain('of the accounts of this feed it is ');
    expect(creationOf(month, undefined)!.concentration).toBeGreaterThan(0.8);
  });

  test('a baseline of another shape is refused', () => {
    for (const value of [
      null,
      [],
      { schema: 'chorus.creation.v1' },
      { schema: 'chorus.creation.v1', months: {} },
      { schema: 'chorus.creation.v1', months: { '2025-13': 1 } },
      { schema: 'x', months: { '2025-01': 1 } },
    ]) {
      expect(() => checkedBaseline(value, 'evidence.creation', 'x.json')).toThrow('chorus train --creation-out');
    }
  });
});

describe('severity', () => {
  const none: SeverityFacts = {
    accountCount: 0,
    halfSpanMs: 3_600_000,
    windowMs: 3_600_000,
    likeness: 0,
    disguisedShare: 0,
    concentration: 0,
    knownShare: 0,
    repeatShare: 0,
    explanations: [],
  };
  const explained = (share: number): AlertExplanation[] => [
    { name: 'greeting', share, postCount: 5, description: 'a', evidence: 'b', posts: [] },
  ];

  test('of nothing is 0, of everything 100', () => {
    expect(severityOf(none).score).toBe(0);
    const all = severityOf({
      ...none,
      accountCount: 1e6,
      halfSpanMs: 0,
      likeness: 1,
      disguisedShare: 1,
      concentration: 1,
      knownShare: 1,
      repeatShare: 1,
    });
    expect(all).toEqual({ score: 100, parts: POINTS_MAX });
  });

  test('is the sum of its parts, never below 0', () => {
    const some = severityOf({
      ...none,
      accountCount: 12,
      halfSpanMs: MINUTE_MS,
      likeness: 0.7,
      explanations: explained(0.2),
    });
    expect(Object.keys(some.parts)).toEqual([...SEVERITY_PARTS]);
    expect(Object.values(some.parts).reduce((sum, each) => sum + each, 0)).toBe(some.score);
    expect(some.parts).toMatchObject({ accounts: 13, speed: 25, likeness: 14, explained: -5 });
    expect(severityOf({ ...none, accountCount: 6, explanations: explained(1) })).toMatchObject({
      score: 0,
      parts: { explained: -25 },
    });
  });

  test('each part rises with what it stands for', () => {
    const rising = [
      [{ accountCount: 5 }, { accountCount: 10 }, { accountCount: 20 }, { accountCount: 128 }],
      [{ halfSpanMs: 30 * MINUTE_MS }, { halfSpanMs: 10 * MINUTE_MS }, { halfSpanMs: MINUTE_MS }],
      [{ likeness: 0.3 }, { likeness: 0.6 }, { likeness: 0.9 }],
      [{ disguisedShare: 0.1 }, { disguisedShare: 0.3 }, { disguisedShare: 0.5 }],
      [
        { concentration: 0.3, knownShare: 1 },
        { concentration: 0.8, knownShare: 1 },
      ],
      [
        { concentration: 1, knownShare: 0.1 },
        { concentration: 1, knownShare: 0.9 },
      ],
      [{ repeatShare: 0.1 }, { repeatShare: 0.5 }],
      [{ explanations: explained(0.9) }, { explanations: explained(0.4) }, { explanations: [] }],
    ];
    for (const steps of rising) {
      const scores = steps.map((step) => severityOf({ ...none, accountCount: 200, likeness: 0.9, ...step }).score);
      expect(scores).toEqual(scores.toSorted((a, b) => a - b));
      expect(new Set(scores).size).toBe(scores.length);
    }
  });
});

describe('techniques', () => {
  const facts: TechniqueFacts = {
    accountCount: 8,
    variantCount: 3,
    halfSpanMs: 5 * MINUTE_MS,
    tag: undefined,
    addressee: undefined,
    disguisedCount: 0,
    disguisedShare: 0,
  };
  const idsOf = (changes: Partial<TechniqueFacts>): string[] =>
    techniquesOf({ ...facts, ...changes }).map(({ id }) => id);

  test('Use Copypasta always', () => {
    expect(techniquesOf(facts)).toEqual([
      {
        framework: 'DISARM',
        version: '1.6',
        id: 'T0084.001',
        name: 'Use Copypasta',
        because: '8 accounts posted 3 near-identical texts',
      },
    ]);
    expect(techniquesOf({ ...facts, variantCount: 1 })[0]!.because).toBe('8 accounts posted one text');
  });

  test('flooding by many accounts at once, of a tag, or at somebody', () => {
    expect(idsOf({ accountCount: 20 })).toEqual(['T0084.001', 'T0049']);
    expect(idsOf({ accountCount: 20, tag: ['#toll', 0.5], addressee: ['vale', 0.49] })).toEqual([
      'T0084.001',
      'T0049',
      'T0049.002',
    ]);
    expect(idsOf({ accountCount: 20, addressee: ['vale', 0.8] })).toEqual(['T0084.001', 'T0049', 'T0049.005']);
    expect(idsOf({ accountCount: 19, tag: ['#toll', 1] })).toEqual(['T0084.001']);
    expect(idsOf({ accountCount: 90, halfSpanMs: 61 * MINUTE_MS })).toEqual(['T0084.001']);
  });

  test('disguised letters', () => {
    expect(idsOf({ disguisedCount: 2, disguisedShare: 0.1 })).toEqual(['T0084.001', 'T0049.004', 'T0121.001']);
    expect(idsOf({ disguisedCount: 1, disguisedShare: 0.2 })).toEqual(['T0084.001']);
  });
});
