import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { alertId, alertOf } from '../support/alerts.ts';
import { chorus } from '../support/command.ts';
import { temporaryFolder, writeLines } from '../support/feeds.ts';
import { fullAlert, HOSTILE_TEXTS, postsOf } from '../report/alerts.ts';

const folder = temporaryFolder();
const LINES = [
  fullAlert(alertId(1), HOSTILE_TEXTS.slice(0, 10), '=1+1'),
  fullAlert(alertId(2), ['one', 'two'], 'words'),
  alertOf(alertId(3), postsOf(['three'], 5), { status: 'open' }),
  alertOf(alertId(3), postsOf(['three'], 8), { revision: 2 }),
].map((alert) => JSON.stringify(alert));
const file = writeLines(folder, 'alerts.ndjson', LINES);
const reversed = writeLines(folder, 'reversed.ndjson', LINES.toReversed());

async function exported(to: string, input: string, flags: readonly string[] = []): Promise<string> {
  const { code, stdout, stderr } = await chorus(['export', '--to', to, '--out', '-', ...flags, input]);
  expect([code, stderr]).toEqual([0, '-: 3 campaigns\n']);
  return stdout;
}

function tables(out: string): Record<string, Record<string, string>[]> {
  const read = (name: string): Record<string, string>[] => {
    return parse(readFileSync(join(out, name)), { columns: true, record_delimiter: '\r\n', bom: true });
  };
  return Object.fromEntries(readdirSync(out).map((name) => [name, read(name)]));
}

describe.each(['gexf', 'graphml', 'stix'])('--to %s', (format) => {
  test('is the same to standard output and to a file, whatever the order of lines', async () => {
    const text = await exported(format, file);
    expect(await exported(format, reversed)).toBe(text);
    const out = join(folder, `out.${format}`);
    expect((await chorus(['export', '--to', format, '--out', out, file])).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(text);
    expect(text).toContain('account-1');
  });
});

describe('--to csv', () => {
  test('writes four tables that fit each other', async () => {
    const out = join(folder, 'tables');
    expect((await chorus(['export', '--to', 'csv', '--out', out, file])).code).toBe(0);
    const found = tables(out);
    expect(Object.keys(found).sort()).toEqual(['accounts.csv', 'campaigns.csv', 'pairs.csv', 'posts.csv']);
    expect(found['campaigns.csv']!.map((row) => [row['campaign'], row['accounts'], row['severity']])).toEqual([
      [alertId(1), '30', '61'],
      [alertId(2), '6', '61'],
      [alertId(3), '8', '40'],
    ]);
    const accounts = new Set(found['accounts.csv']!.map((row) => row['account_key']));
    expect(found['accounts.csv']).toHaveLength(30 + 6 + 8);
    for (const row of found['pairs.csv']!) {
      expect([accounts.has(row['account_a']), accounts.has(row['account_b'])]).toEqual([true, true]);
    }
    // The six accounts of the second campaign are in the first too.
    expect(found['pairs.csv']!.filter((row) => row['campaigns'] === '2')).toHaveLength(15);
    expect(found['pairs.csv']).toHaveLength((30 * 29) / 2 + (8 * 7) / 2);
    expect(found['posts.csv']).toHaveLength(30 + 6 + 8);

    const same = join(folder, 'same');
    expect((await chorus(['export', '--to', 'csv', '--out', same, reversed])).code).toBe(0);
    expect(tables(same)).toEqual(found);
  });

  test('begins with a byte-order mark where that is asked for, and ends lines as RFC 4180 does', async () => {
    const out = join(folder, 'marked');
    expect((await chorus(['export', '--to', 'csv', '--bom', '--out', out, file])).code).toBe(0);
    for (const name of readdirSync(out)) {
      const text = readFileSync(join(out, name), 'utf8');
      expect(text.startsWith('\uFEFF"')).toBe(true);
      expect(text.endsWith('"\r\n')).toBe(true);
    }
  });

  test('takes complete lists from the members', async () => {
    const input = writeLines(folder, 'long.ndjson', [
      JSON.stringify(alertOf(alertId(3), postsOf(['three'], 20), { accountsListed: 4, samplesListed: 4 })),
    ]);
    const members = postsOf(['three'], 20).map(({ account, seconds }) => {
      const createdAt = new Date(Date.UTC(2025, 1, 4, 9) + seconds * 1000).toISOString();
      return JSON.stringify({ campaign: alertId(3), post: `p ${account}`, account, platform: 'example', createdAt });
    });
    const path = writeLines(folder, 'members.ndjson', members);
    const out = join(folder, 'complete');
    expect((await chorus(['export', '--to', 'csv', '--members', path, '--out', out, input])).code).toBe(0);
    const found = tables(out);
    expect(found['accounts.csv']).toHaveLength(20);
    expect(found['pairs.csv']).toHaveLength(190);
  });
});

test('--to misp writes a feed: an event for each campaign, and a manifest that names them', async () => {
  const out = join(folder, 'feed');
  expect((await chorus(['export', '--to', 'misp', '--out', out, file])).code).toBe(0);
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Record<string, { info: string }>;
  const ids = Object.keys(manifest);
  expect(readdirSync(out).sort()).toEqual([...ids.map((id) => `${id}.json`), 'manifest.json'].sort());
  for (const id of ids) {
    const { Event } = JSON.parse(readFileSync(join(out, `${id}.json`), 'utf8')) as {
      Event: { uuid: string; info: string };
    };
    expect([Event.uuid, Event.info]).toEqual([id, manifest[id]!.info]);
  }
});

describe('what cannot be done is refused', () => {
  const input = writeLines(folder, 'input.ndjson', LINES);
  const taken = join(folder, 'taken.txt');
  writeFileSync(taken, '');

  test.each([
    [
      ['--to', 'gefx', '--out', '-', file],
      '--to: "gefx", must be one of csv, gexf, graphml, misp, stix; is "gexf" meant?',
    ],
    [['--to', 'csv', '--out', '-', file], 'a folder: this format is several files'],
    [['--to', 'csv', '--out', taken, file], 'a folder ('],
    [['--to', 'gexf', '--out', folder, file], 'a file: this format is one'],
    [['--to', 'stix', '--out', input, input], 'another file than the inputs'],
    [['--to', 'stix', '--bom', '--out', '-', file], 'left out: only csv has it'],
    [['--to', 'stix', '--out', '-', '--members', '-', '-'], 'a file where the alerts are -'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await chorus(['export', ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  test('and the input is as it was', () => {
    expect(readFileSync(input, 'utf8')).toBe(`${LINES.join('\n')}\n`);
  });
});
