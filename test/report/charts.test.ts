import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccountBook } from '../../src/report/account-book.ts';
import { chartHtml, creationHistogram, timeline } from '../../src/report/charts.ts';
import { accountRows } from '../../src/report/evidence.ts';
import { networkHtml, networkOf, NODES_MAX } from '../../src/report/network.ts';
import { STYLE, THEMES } from '../../src/report/style.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { evidenceOf, postsOf } from './alerts.ts';

const DAY_MS = 86_400_000;
const moments = fc.integer({ min: Date.UTC(2006, 0), max: Date.UTC(2026, 0) });

describe('the timeline', () => {
  test('draws every post, in at most 60 bars that begin at round times', () => {
    fc.assert(
      fc.property(moments, fc.array(fc.nat(400 * DAY_MS), { minLength: 1, maxLength: 50 }), (start, offsets) => {
        const chart = timeline(
          offsets.map((offset) => ({ ms: start + offset, count: 2 })),
          1,
          '',
        )!;
        expect(chart.bars.length).toBeLessThanOrEqual(60);
        expect(chart.bars.reduce((sum, { count }) => sum + count, 0)).toBe(2 * offsets.length);
        expect(chart.bars[0]!.count).toBeGreaterThan(0);
        expect(chart.bars.at(-1)!.count).toBeGreaterThan(0);
        expect(chartHtml(chart, '')).not.toMatch(/NaN|Infinity|undefined/);
      }),
    );
  });

  test('says in words what it shows', () => {
    const chart = timeline(
      [0, 1, 1, 2, 65].map((second) => ({ ms: Date.UTC(2025, 1, 4, 9) + second * 1000, count: 1 })),
      60_000,
      'All of them.',
    )!;
    expect(chart.bars).toEqual([
      { label: '2025-02-04 09:00', count: 4 },
      { label: '2025-02-04 09:01', count: 1 },
    ]);
    expect(chart.description).toBe(
      '2 bars from 2025-02-04 09:00 UTC, one for each minute. The tallest, 4 posts, begins at 2025-02-04 09:00. All of them.',
    );
  });

  test('of no posts is none', () => {
    expect(timeline([], 1, '')).toBeUndefined();
  });
});

describe('the histogram of creation dates', () => {
  test('counts every account once, and reaches to the campaign', () => {
    fc.assert(
      fc.property(fc.array(moments, { minLength: 1, maxLength: 50 }), moments, (dates, campaign) => {
        const chart = creationHistogram(dates, campaign)!;
        expect(chart.bars.length).toBeLessThanOrEqual(60);
        expect(chart.bars.reduce((sum, { count }) => sum + count, 0)).toBe(dates.length);
        expect(chart.mark!.at).toBeGreaterThan(0);
        expect(chart.mark!.at).toBeLessThan(chart.bars.length);
        expect(chartHtml(chart, '')).not.toMatch(/NaN|Infinity|undefined/);
      }),
    );
  });

  test('has months of their own lengths', () => {
    const chart = creationHistogram([Date.UTC(2024, 0, 31), Date.UTC(2024, 1, 29, 23)], Date.UTC(2024, 11, 1))!;
    expect(chart.bars.slice(0, 3)).toEqual([
      { label: '2024-01', count: 1 },
      { label: '2024-02', count: 1 },
      { label: '2024-03', count: 0 },
    ]);
  });
});

describe('the network', () => {
  const evidence = evidenceOf(
    alertOf(alertId(1), postsOf(['one text'], 200, 20), { accountsListed: 1000, samplesListed: 1000 }),
  );
  const rows = accountRows(evidence);
  const book = new AccountBook();
  book.add(0, rows, evidence.alert.lastMs);
  book.add(1, rows.slice(150), evidence.alert.lastMs);

  test('is bounded, and shows first those with other campaigns', () => {
    const network = networkOf(rows, book, 0);
    expect(network.rows).toHaveLength(NODES_MAX);
    expect(
      network.rows
        .slice(0, 50)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(
      rows
        .slice(150)
        .map(({ key }) => key)
        .sort(),
    );
    expect(network.lines.filter(({ shared }) => shared === 1).length).toBeGreaterThan(100);
    expect(network.lines.length).toBeLessThanOrEqual((NODES_MAX * (6 + 3)) / 2);
  });

  test('is drawn the same each time, within its frame', () => {
    const draw = (): string => networkHtml(networkOf(rows, book, 0), rows.length);
    const svg = draw();
    expect(draw()).toBe(svg);
    const places = Array.from(
      svg.matchAll(/cx="([^"]+)" cy="([^"]+)"/g),
      ([, x, y]) => [Number(x), Number(y)] as const,
    );
    expect(places).toHaveLength(NODES_MAX);
    expect(places.every(([x, y]) => x >= 40 && x <= 680 && y >= 40 && y <= 400)).toBe(true);
    expect(new Set(places.map(String)).size).toBe(NODES_MAX);
    expect(svg).toContain('140 accounts are not drawn');
  });

  test('of accounts that nothing ties is not drawn', () => {
    const far = evidenceOf(alertOf(alertId(2), postsOf(['one text'], 6, 600)));
    const apart = new AccountBook();
    apart.add(0, accountRows(far), far.alert.lastMs);
    expect(networkHtml(networkOf(accountRows(far), apart, 0), 6)).toBe('');
  });
});

describe('the colours', () => {
  const luminance = (colour: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light! + 0.05) / (dark! + 0.05);
  };

  test.each(['light', 'dark'] as const)('of the %s theme can be read (WCAG 2.2 AA)', (name) => {
    const theme = THEMES[name];
    const pairs = [
      ...(['ink', 'muted', 'accent', 'mark'] as const).flatMap((ink) =>
        (['ground', 'panel', 'caution'] as const).map((ground) => [ink, ground] as const),
      ),
      ['addedInk', 'added'] as const,
      ['removedInk', 'removed'] as const,
    ];
    for (const [ink, ground] of pairs) {
      expect([ink, ground, contrast(theme[ink], theme[ground]) >= 4.5]).toEqual([ink, ground, true]);
    }
    // Bars need no more than to be seen.
    expect(contrast(theme.bar, theme.ground)).toBeGreaterThanOrEqual(3);
  });

  test('come with a style sheet that loads nothing', () => {
    expect(STYLE).not.toMatch(/url\(|@import|<|https?:/);
  });
});
