import { readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SweepCell } from '../../src/tune/sweep.ts';
import { chorus } from '../support/command.ts';
import { replayAll, simulatedDay, temporaryFolder, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const day = writeLines(folder, 'day.ndjson', simulatedDay(1000));

interface SweepDocument {
  readonly schema: string;
  readonly posts: number;
  readonly interrupted: boolean;
  readonly cells: readonly SweepCell[];
}

describe('chorus sweep', () => {
  test('writes a table, JSON and a plot, and marks the configured setting', async () => {
    const before = readFileSync(day);
    const [json, plot] = [join(folder, 'sweep.json'), join(folder, 'sweep.svg')];
    const args = ['sweep', '--windows', '15m,1h', '--min-accounts', '3,5', '--json', json, '--plot', plot, day];
    const { code, stdout } = await chorus(args);
    expect(code).toBe(0);
    const document = JSON.parse(readFileSync(json, 'utf8')) as SweepDocument;
    expect(document).toMatchObject({ schema: 'chorus.sweep.v1', posts: 1000, interrupted: false });
    expect(document.cells.map(({ windowMs, minAccounts }) => [windowMs / 60_000, minAccounts])).toEqual([
      [15, 3],
      [15, 5],
      [60, 3],
      [60, 5],
    ]);
    const { finals } = await replayAll([day]);
    const closed = finals.filter(({ status }) => status === 'closed').length;
    expect(document.cells.find(({ isConfigured }) => isConfigured)!.alerts).toBe(closed);

    expect(stdout).toContain('1,000 posts');
    const rows = stdout.split('\n').filter((row) => /^\*?\s+(15m|1h)\s/.test(row));
    expect(rows.length).toBe(4);
    expect(rows.filter((row) => row.startsWith('*')).map((row) => row.split(/\s+/).slice(1, 4))).toEqual([
      ['1h', '5', String(closed)],
    ]);

    const svg = readFileSync(plot, 'utf8');
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    // Nothing but the name of the namespace leads anywhere.
    expect(svg.match(/https?:/g)!.length).toBe(1);
    expect(svg).not.toMatch(/<script|<image|href=|NaN|undefined/);
    // Four panels, four cells in each.
    expect(svg.match(/<circle cx/g)!.length).toBe(16);
    expect(svg.match(/class="configured"/g)!.length).toBe(4);
    expect(readFileSync(day)).toEqual(before);
  });

  test('takes thresholds and standard input, and writes JSON to standard output alone', async () => {
    const args = [
      'sweep',
      '--windows',
      '1h',
      '--min-accounts',
      '5',
      '--strong',
      '.42,.5',
      '--weak',
      '.34,.45',
      '--json',
      '-',
      '-',
    ];
    const { code, stdout } = await chorus(args, { stdin: readFileSync(day) });
    expect(code).toBe(0);
    const { cells } = JSON.parse(stdout) as SweepDocument;
    expect(cells.map(({ strongSimilarity, weakSimilarity }) => [strongSimilarity, weakSimilarity])).toEqual([
      [0.42, 0.34],
      [0.5, 0.34],
      [0.5, 0.45],
    ]);
  });

  test('tells all that is wrong at once, and touches no file', async () => {
    const json = join(folder, 'none.json');
    const args = ['sweep', '--windows', '15m,fast', '--min-accounts', '1', '--weak', '.2', '--json', json, day];
    const { code, stderr } = await chorus(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--windows: "fast", must be a duration/);
    expect(stderr).toMatch(/--min-accounts: "1", must be an integer from 2/);
    expect(stderr).toMatch(/--weak: 0.2, must be at least link.similarity/);
    expect(existsSync(json)).toBe(false);
    const many = await chorus([
      'sweep',
      '--windows',
      Array.from({ length: 101 }, (_, i) => `${i + 1}m`).join(','),
      day,
    ]);
    expect([many.code, many.stderr]).toEqual([2, expect.stringContaining('at most 100 combinations')]);
    const same = await chorus(['sweep', '--json', day, day]);
    expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('neither an input nor another output')]);
  });

  test('says what cannot be read by its exit code', async () => {
    const missing = await chorus(['sweep', join(folder, 'missing.ndjson')]);
    expect(missing.code).toBe(3);
    const junk = writeLines(folder, 'junk.ndjson', ['{"id":1}', '{"id":2}', '{"id":3}']);
    const rejected = await chorus(['sweep', '--format', 'canonical', junk]);
    expect([rejected.code, rejected.stderr]).toEqual([4, expect.stringContaining('3 of 3 lines rejected')]);
  });
});
