import { describe, expect, test } from 'vitest';
import { parseFeedBound } from '../../src/cli/feed-bound.ts';
import type { ConfigProblem } from '../../src/errors.ts';

const NOW_MS = Date.UTC(2025, 1, 4, 9);

function parsed(text: string): unknown {
  const problems: ConfigProblem[] = [];
  const bound = parseFeedBound('--from', text, NOW_MS, problems);
  if (problems.length > 0) return problems[0]!.name;
  return bound?.kind === 'time' ? new Date(bound.timeMs).toISOString() : Array.from(bound!.offsets);
}

describe('a bound of a feed', () => {
  test.each([
    ['36h', '2025-02-02T21:00:00.000Z'],
    ['90s', '2025-02-04T08:58:30.000Z'],
    ['2025-02-03', '2025-02-03T00:00:00.000Z'],
    ['2025-02-03T10:30+02:00', '2025-02-03T08:30:00.000Z'],
  ])('%s is a time', (text, iso) => {
    expect(parsed(text)).toBe(iso);
  });

  test('offsets of partitions', () => {
    expect(parsed('0:1200,12:0')).toEqual([
      [0, 1200],
      [12, 0],
    ]);
  });

  test.each([
    '',
    'yesterday',
    '36',
    '2025-02-30',
    '2025-02-03T10:30',
    '0:1,0:2',
    '0:-1',
    '0:1,',
    '1e3:2',
    '0:99999999999999999',
  ])('"%s" is none', (text) => {
    expect(parsed(text)).toBe('--from');
  });
});
