import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/cli/config.ts';
import { formatDuration, parseDurationMs } from '../../src/cli/duration.ts';
import { nearest } from '../../src/cli/suggest.ts';
import { ConfigError, type ConfigProblem } from '../../src/errors.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();

function fileOf(yaml: string): string {
  const file = join(folder, 'chorus.yaml');
  writeFileSync(file, yaml);
  return file;
}

function problemsOf(yaml: string, overrides: Record<string, string> = {}): readonly ConfigProblem[] {
  try {
    loadConfig({ file: fileOf(yaml), overrides });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  test('is the defaults without a file', () => {
    const { settings, table, sortMemoryBytes } = loadConfig({});
    expect(settings).toEqual(DEFAULTS);
    expect(table).toBeUndefined();
    expect(sortMemoryBytes).toBeGreaterThan(0);
    expect(sortMemoryBytes).toBeLessThanOrEqual(2 ** 30);
  });

  test.each(['', '# nothing\n', '---\n', 'limits:\n'])('may be empty: %j', (yaml) => {
    expect(loadConfig({ file: fileOf(yaml) }).settings).toEqual(DEFAULTS);
  });

  test('takes every setting', () => {
    const yaml = `
window: 90m
minAccounts: 7
lateness: 5m
updateInterval: 30s
durationMax: 30d
link: { similarity: 0.35, hammingMax: 8 }
core: { strongAccounts: 6, strongSimilarity: 0.5, weakAccounts: 9, weakSimilarity: 0.36, massMinNats: 15, unitesSimilarity: 0.4 }
families: { simhash: false }
secret: open sesame
table: mine.chdf.gz
limits:
  postsPerCampaign: 5000
  variantsPerCampaign: 5000
  accountsPerCampaign: 5000
  variantsListed: 5
  accountsListed: 6
  samplesListed: 7
  minutesListed: 8
  participants: 9000
  retractions: 7000
  sortMemoryBytes: 2097152
`;
    const { settings, table, sortMemoryBytes } = loadConfig({ file: fileOf(yaml) });
    expect([table, sortMemoryBytes]).toEqual(['mine.chdf.gz', 2_097_152]);
    expect(settings).toMatchObject({
      windowMs: 5_400_000,
      latenessMs: 300_000,
      updateIntervalMs: 30_000,
      secret: 'open sesame',
    });
    expect(settings.families).toEqual({ simhash: false });
    const unchanged = (one: object, other: object): string[] =>
      Object.entries(one).flatMap(([key, value]) => {
        const twin = (other as Record<string, unknown>)[key];
        if (typeof value === 'object')
          return unchanged(value as object, twin as object).map((name) => `${key}.${name}`);
        return value === twin ? [key] : [];
      });
    expect(unchanged(settings, DEFAULTS)).toEqual([]);
    expect(Object.keys(settings)).toEqual(Object.keys(DEFAULTS));
  });

  test('is overruled by the command line and the environment', () => {
    const sources = {
      file: fileOf('window: 2h\nsecret: a\n'),
      overrides: { window: '3h', table: undefined },
      secret: 'b',
    };
    expect(loadConfig(sources).settings).toMatchObject({ windowMs: 10_800_000, secret: 'b' });
  });

  test.each([
    ['window: 500ms', 'window'],
    ['window: 22d', 'window'],
    ['window: 1h30', 'window'],
    ['window: 3600', 'window'],
    ['minAccounts: 1', 'minAccounts'],
    ['minAccounts: 5.5', 'minAccounts'],
    ['minAccounts: "5"', 'minAccounts'],
    ['minAccounts: null', 'minAccounts'],
    ['families: { simhash: "yes" }', 'families.simhash'],
    ['secret: 12', 'secret'],
    ['secret: ""', 'secret'],
    ['core: 5', 'core'],
    ['core: [1]', 'core'],
    ['core: { weakSimilarity: 0.2 }', 'core.weakSimilarity'],
    ['core: { strongSimilarity: 0.33 }', 'core.strongSimilarity'],
    ['durationMax: 30m', 'durationMax'],
    ['limits: { sortMemoryBytes: 10 }', 'limits.sortMemoryBytes'],
    ['core: { weakSimilarity: .nan }', 'core.weakSimilarity'],
    ['__proto__: { window: 1h }', '__proto__'],
    ['constructor: 1', 'constructor'],
    ['window: 1h\nwindow: 2h', 'config'],
    ['a: [', 'config'],
    ['just a text', 'config'],
    ['- 1', 'config'],
    ['a: &a [1]\nb: *a', 'config'],
  ])('refuses %j', (yaml, name) => {
    const problems = problemsOf(yaml);
    expect(problems.map((problem) => problem.name)).toContain(name);
    for (const { bound } of problems) expect(bound).not.toBe('');
  });

  test('tells all problems at once', () => {
    expect(problemsOf('window: 1\nwindo: 2\ncore: { x: 1 }', { minAccounts: 'x' })).toHaveLength(4);
  });
});

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
  ])('%s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.each(['', '5', 'h', '-1h', '1 h', '1H', '1e3s', '0.5ms', '99999999999999d', '1h30m', '１h'])(
    'not %j',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );

  test('are written so that they can be read again, where one unit is enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 59 }), fc.constantFrom('s', 'm'), (count, unit) => {
        const ms = parseDurationMs(`${count}${unit}`)!;
        expect(parseDurationMs(formatDuration(ms))).toBe(ms);
      }),
    );
    expect(formatDuration(7_500_000)).toBe('2h 5m');
    expect(formatDuration(86_400_000)).toBe('1d');
  });
});

test('a slip finds the name that was meant, and something else none', () => {
  const names = ['window', 'minAccounts', 'core.weakSimilarity', 'limits.samplesListed'];
  expect(nearest('windwo', names)).toBe('window');
  expect(nearest('minaccounts', names)).toBe('minAccounts');
  expect(nearest('weakSimilarity', names)).toBe('core.weakSimilarity');
  expect(nearest('zebra', names)).toBeUndefined();
});
