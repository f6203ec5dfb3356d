import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { CampaignCollector, decodeAlert } from '../../src/cli/alert-lines.ts';
import { compareCampaigns, type Group } from '../../src/cli/compare-alerts.ts';
import type { DiffDocument } from '../../src/cli/diff-report.ts';
import type { Alert } from '../../src/model.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { postLine, simulate, type SimulatedPost } from '../../src/simulate/feed.ts';
import { alertId, alertOf, type AlertPost } from '../support/alerts.ts';
import { chorus, finish, start } from '../support/command.ts';
import { replayAll, START_MS, temporaryFolder, writeLines, type Replayed } from '../support/feeds.ts';

const folder = temporaryFolder();
const HOUR_MS = 3_600_000;

function posts(from: number, to: number, text: string): AlertPost[] {
  return Array.from({ length: to - from }, (_, i) => ({ account: `${text}-${from + i}`, text, seconds: from + i }));
}

function alertFile(name: string, alerts: readonly Alert[]): string {
  return writeLines(
    folder,
    name,
    alerts.map((alert) => JSON.stringify(alert)),
  );
}

const fileA = alertFile('a.ndjson', [
  alertOf(alertId(1), posts(0, 5, 'grown'), { status: 'open' }),
  alertOf(alertId(1), posts(0, 9, 'grown'), { revision: 2 }),
  alertOf(alertId(2), posts(100, 140, 'cut in two')),
  alertOf(alertId(3), posts(200, 206, 'gone')),
  alertOf(alertId(4), posts(300, 320, 'kept')),
  alertOf(alertId(5), posts(300, 320, 'kept'), { status: 'merged', mergedInto: alertId(4) }),
]);
const fileB = alertFile('b.ndjson', [
  alertOf(alertId(1), posts(2, 13, 'grown'), { windowMs: 86_400_000 }),
  alertOf(alertId(7), posts(100, 122, 'cut in two')),
  alertOf(alertId(8), posts(122, 140, 'cut in two')),
  alertOf(alertId(9), posts(300, 320, 'kept')),
]);

describe('the table', () => {
  test('tells what became of each campaign', async () => {
    const { code, stdout, stderr } = await chorus(['diff', fileA, fileB]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain('\u001b');
    const lines = stdout.split('\n').map((row) => row.trim().replaceAll(/ {2,}/g, ' | '));
    expect(lines).toEqual([
      `A | ${fileA}: 4 campaigns (6 lines, 1 alert merged into others, window 1h)`,
      `B | ${fileB}: 4 campaigns (4 lines, window 1h and 1d)`,
      'A and B are of one topology: their settings and tables are the same.',
      '',
      '1 only in A',
      'accounts | posts | first post (UTC) | text',
      '6 | 6 | 2025-02-04 09:03 | gone',
      alertId(3),
      '',
      '1 split: one in A, several in B',
      'accounts | added | removed | posts | first post (UTC) | text',
      '40 -> 22 + 18 | +0 | -0 | 40 -> 22 + 18 | 2025-02-04 09:01 | cut in two',
      `${alertId(2)} -> ${alertId(7)} + ${alertId(8)}`,
      '',
      '1 in both, with other accounts',
      'accounts | added | removed | posts | first post (UTC) | text',
      '9 -> 11 | +4 | -2 | 9 -> 11 | 2025-02-04 09:00 | grown',
      alertId(1),
      'added grown-9 (example), grown-10 (example), grown-11 (example) and 1 more',
      'removed grown-0 (example), grown-1 (example)',
      '',
      '1 only in A, 0 only in B, 1 split, 0 united, 0 regrouped, 1 with other accounts, 1 the same',
      '',
    ]);
  });

  test('is no way into the terminal of the reader', async () => {
    const nasty = alertFile('nasty.ndjson', [
      alertOf(alertId(1), posts(0, 9, '\u001b[2J\u202Eshout\nnow')),
      alertOf(alertId(2), [...posts(50, 59, 'x\u0007'), ...posts(60, 62, 'y')], { platforms: {} }),
    ]);
    const plain = alertFile('plain.ndjson', [alertOf(alertId(2), posts(50, 52, 'x\u0007'))]);
    const { stdout } = await chorus(['diff', nasty, plain]);
    expect(stdout).toContain('shout now');
    expect(stdout).not.toMatch(/[\u001b\u202E\u0007]/);
  });

  test('has the kinds that are asked for, and those that are the same only then', async () => {
    const { stdout } = await chorus(['diff', fileA, fileB, '--only', 'same,only_a']);
    expect(stdout).toContain('1 in both, the same');
    expect(stdout).toContain('1 only in A\n');
    expect(stdout).not.toContain('1 split: ');
    expect(stdout).toMatch(/1 only in A, 0 only in B, 1 split.*\n$/);
  });
});

describe('the document', () => {
  test('tells everything, the same bytes from gzip and standard input, whatever the order of the lines', async () => {
    const path = join(folder, 'diff.json');
    const { code, stdout } = await chorus(['diff', fileA, fileB, '--json', path]);
    expect([code, stdout.includes('1 only in A')]).toEqual([0, true]);
    const document = JSON.parse(readFileSync(path, 'utf8')) as DiffDocument;
    expect(document).toMatchObject({
      schema: 'chorus.diff.v1',
      a: { lines: 6, campaigns: 4, merged: 1, superseded: 1, rejected: { count: 0 }, windowMs: [HOUR_MS] },
      b: { lines: 4, campaigns: 4, merged: 0, superseded: 0, windowMs: [HOUR_MS, 24 * HOUR_MS] },
      totals: { only_a: 1, only_b: 0, split: 1, united: 0, regrouped: 0, changed: 1, same: 1 },
    });
    expect(document.groups.map(({ kind }) => kind)).toEqual(['only_a', 'split', 'changed', 'same']);
    expect(document.groups[2]).toMatchObject({
      a: [{ id: alertId(1), revision: 2, accountCount: 9, firstPostAt: '2025-02-04T09:00:00.000Z', text: 'grown' }],
      ties: [{ a: alertId(1), b: alertId(1), byId: true }],
      sharedAccounts: 7,
      removed: [{ platform: 'example', account: 'grown-0' }, { account: 'grown-1' }],
      uncompared: { a: 0, b: 0 },
    });
    expect(document.groups[3]!.a).toMatchObject([{ id: alertId(4), mergedIds: [alertId(5)] }]);

    const packed = join(folder, 'b.ndjson.gz');
    writeFileSync(packed, gzipSync(readFileSync(fileB)));
    const lines = readFileSync(fileA, 'utf8').trim().split('\n');
    const again = await chorus(['diff', '--json', '-', '-', packed], { stdin: lines.toReversed().join('\n') });
    const told = { ...(JSON.parse(again.stdout) as DiffDocument) };
    expect(told).toEqual({
      ...document,
      a: { ...document.a, input: '-' },
      b: { ...document.b, input: packed },
    });
    const twice = await chorus(['diff', '--json', '-', fileA, fileB]);
    expect(twice.stdout).toBe(readFileSync(path, 'utf8'));
  });
});

describe('exit codes', () => {
  test('--exit-code gives 1 for a difference of the kinds asked for, 0 for none', async () => {
    const codes = async (...args: string[]): Promise<number> => (await chorus(['diff', '--exit-code', ...args])).code;
    expect(await codes(fileA, fileB)).toBe(1);
    expect(await codes(fileA, fileA)).toBe(0);
    expect(await codes(fileA, fileB, '--only', 'only_b,same')).toBe(0);
    expect(await codes(fileA, fileB, '--only', 'changed')).toBe(1);
    expect(await codes(fileA, fileB, '--only', 'changed', '--min-change', '7')).toBe(0);
  });

  test('bad lines are counted and told, and 4 if they are most of a file', async () => {
    const some = join(folder, 'some.ndjson');
    writeFileSync(some, `{"schema":"chorus.alert.v1"}\n\n${readFileSync(fileA, 'utf8')}{"id":"p1","text":"post"}\nx\n`);
    const { code, stdout, stderr } = await chorus(['diff', some, fileB]);
    expect(code).toBe(0);
    expect(stdout).toContain('4 campaigns (9 lines, 1 alert merged into others, 3 rejected, window 1h)');
    expect(stderr).toContain(`chorus: ${some}: 3 of 9 lines rejected, must be alerts:`);
    expect(stderr).toContain(`missing_field: 2 lines, the first is ${some}:1: status is missing`);
    expect(stderr).toContain(`not_json: 1 line, the first is ${some}:10: the line is not JSON`);
    const feed = writeLines(folder, 'posts.ndjson', ['{"id":"p1"}', '{"id":"p2"}']);
    const swapped = await chorus(['diff', fileA, feed, '--exit-code']);
    expect(swapped.code).toBe(4);
    expect(swapped.stderr).toContain('schema is missing, must be chorus.alert.v1');
  });

  test('3 for an input that is not there or breaks off, and nothing is told of half a file', async () => {
    expect((await chorus(['diff', fileA, '/nowhere.ndjson'])).code).toBe(3);
    const cut = join(folder, 'cut.gz');
    const packed = gzipSync(readFileSync(fileB));
    writeFileSync(cut, packed.subarray(0, packed.length / 2));
    const { code, stdout, stderr } = await chorus(['diff', fileA, cut]);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain('cut.gz: the gzip data is cut short');
  });

  test('2 for what cannot be meant, all at once, and no file is touched', async () => {
    const before = readFileSync(fileA, 'utf8');
    const { code, stdout, stderr } = await chorus([
      'diff',
      fileA,
      fileB,
      '--min-change',
      '0',
      '--only',
      'same,only-a',
      '--json',
      fileA,
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--min-change: "0", must be an integer from 1');
    expect(stderr).toContain('--only: "only-a", must be one or more of only_a,only_b,');
    expect(stderr).toContain('is "only_a" meant?');
    expect(stderr).toContain(`--json: "${fileA}", must be another file than A and B`);
    expect(readFileSync(fileA, 'utf8')).toBe(before);
    const twice = await chorus(['diff', '-', '-']);
    expect([twice.code, twice.stderr]).toEqual([2, 'chorus: B: "-", must be a file where A is -\n']);
  });

  test('0 where the reader has gone', async () => {
    const child = start(['diff', '-', fileB]);
    child.stdout!.destroy();
    createReadStream(fileA).pipe(child.stdin!);
    const code = new Promise((resolve) => child.once('close', resolve));
    let stderr = '';
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    expect([await code, stderr]).toEqual([0, '']);
  });
});

/** Three campaigns of known sizes and times, one text that comes back after six hours, and much that nobody planned. */
const PLANTED = [
  { level: 'cosmetic', accounts: 6, name: 'small', delayMs: HOUR_MS, durationMs: HOUR_MS / 2 },
  { level: 'light', accounts: 30, name: 'middle', delayMs: 2 * HOUR_MS, durationMs: HOUR_MS },
  { level: 'obfuscated', accounts: 150, name: 'large', delayMs: 3 * HOUR_MS, durationMs: 2 * HOUR_MS },
  ...[1, 7].map((hours) => ({
    level: 'exact' as const,
    accounts: 20,
    name: `again ${hours}`,
    text: 'Tell councillor Odhran Vale: the harbour toll robs nurses twice a day, scrap it before Thursday!',
    delayMs: hours * HOUR_MS,
    durationMs: HOUR_MS / 2,
  })),
] as const;

describe('two replays of a feed with planted campaigns', () => {
  const feed: SimulatedPost[] = Array.from(
    simulate({
      seed: 5,
      posts: 12_000,
      startMs: START_MS,
      durationMs: 10 * HOUR_MS,
      campaigns: PLANTED,
      copying: 12,
    }),
  );
  const path = writeLines(
    folder,
    'feed.ndjson',
    feed.map(({ post }) => postLine(post)),
  );
  const plantedOf = new Map(feed.map(({ post, campaign }) => [`${post.platform} ${post.id}`, campaign]));
  const replays = new Map<string, Replayed>();

  async function replayWith(name: string, changes: Partial<Settings>): Promise<void> {
    replays.set(name, await replayAll([path], { settings: { ...DEFAULTS, ...changes } }));
  }

  beforeAll(async () => {
    await replayWith('five', {});
    await replayWith('eight', { minAccounts: 8 });
    await replayWith('day', { windowMs: 24 * HOUR_MS });
    await replayWith('eightDay', { minAccounts: 8, windowMs: 24 * HOUR_MS });
    await replayWith('brief', { windowMs: HOUR_MS / 6, limits: { ...DEFAULTS.limits, accountsListed: 30 } });
  });

  function groupsOf(a: string, b: string, final = false): Group[] {
    const [campaignsA, campaignsB] = [a, b].map((name) => {
      const { alerts, finals } = replays.get(name)!;
      const collector = new CampaignCollector();
      for (const alert of final ? finals : alerts) {
        const decoded = decodeAlert(JSON.stringify(alert));
        if (decoded.kind === 'alert') collector.take(decoded.alert);
      }
      return collector.campaigns();
    });
    return compareCampaigns(campaignsA!, campaignsB!, { minChange: 1 });
  }

  /** The planted campaign that has most of the posts. */
  function plantedIn(name: string, id: string): string | undefined {
    const members = replays.get(name)!.members.get(id)!;
    const names = members.map(({ platform, id: post }) => plantedOf.get(`${platform} ${post}`));
    return names.find((each) => names.filter((other) => other === each).length * 2 > names.length);
  }

  function groupWith(name: string, a: string, b: string): Group[] {
    return groupsOf(a, b).filter((group) => {
      return group.a.some(({ id }) => plantedIn(a, id) === name) || group.b.some(({ id }) => plantedIn(b, id) === name);
    });
  }

  test('a higher threshold loses the small campaign and no other planted one', () => {
    expect(groupWith('small', 'five', 'eight')).toMatchObject([{ kind: 'only_a' }]);
    for (const name of ['middle', 'large', 'again 1', 'again 7']) {
      expect(groupWith(name, 'five', 'eight')).toMatchObject([{ kind: 'same' }]);
    }
    expect(groupWith('small', 'eightDay', 'day')).toMatchObject([{ kind: 'only_b' }]);
    for (const { kind, a, b } of groupsOf('five', 'eight')) {
      expect(['only_a', 'changed', 'same']).toContain(kind);
      if (kind === 'only_a') for (const { accountCount } of a) expect(accountCount).toBeLessThan(8);
      for (const { accountCount } of b) expect(accountCount).toBeGreaterThanOrEqual(8);
    }
  });

  test('a window of a day unites what came back after six hours', () => {
    const united = groupWith('again 1', 'five', 'day');
    expect(united).toMatchObject([{ kind: 'united', a: [{}, {}], b: [{}], added: [], removed: [] }]);
    expect(groupWith('again 7', 'five', 'day')).toEqual(united);
    expect(groupWith('again 1', 'day', 'eight')).toMatchObject([{ kind: 'split' }]);
    expect(groupWith('middle', 'five', 'day')[0]!.kind).toMatch(/same|changed/);
  });

  test('the last revisions alone tell the same', () => {
    expect(groupsOf('five', 'day', true)).toEqual(groupsOf('five', 'day'));
  });

  test.each([
    ['five', 'eight'],
    ['five', 'day'],
    ['eight', 'day'],
    ['brief', 'five'],
    ['brief', 'eightDay'],
  ])('%s and %s: what the alerts tell is what the posts tell', (a, b) => {
    const told = groupsOf(a, b).flatMap((group) => group.ties.map((tie) => `${tie.a} ${tie.b}`));
    const wanted: string[] = [];
    for (const [idA, ofA] of replays.get(a)!.members) {
      for (const [idB, ofB] of replays.get(b)!.members) {
        const keys = new Set(ofB.map(({ platform, id }) => `${platform} ${id}`));
        const shared = ofA.filter(({ platform, id }) => keys.has(`${platform} ${id}`)).length;
        if (shared * 2 >= Math.min(ofA.length, ofB.length)) wanted.push(`${idA} ${idB}`);
      }
    }
    expect(wanted.length).toBeGreaterThan(5);
    expect(told.toSorted()).toEqual(wanted.toSorted());
  });

  test('the commands one after the other tell the same', async () => {
    const alerts = await Promise.all(
      ['5', '8'].map(async (minAccounts) => {
        const out = join(folder, `${minAccounts}.ndjson`);
        await finish(start(['replay', '--final', '--min-accounts', minAccounts, '--alerts', out, path]));
        return out;
      }),
    );
    const { code, stdout } = await chorus(['diff', '--json', '-', '--exit-code', ...alerts]);
    expect(code).toBe(1);
    const document = JSON.parse(stdout) as DiffDocument;
    const wanted = groupsOf('five', 'eight');
    expect(document.groups.map(({ kind, a }) => [kind, a.map(({ id }) => id)])).toEqual(
      wanted.map(({ kind, a }) => [kind, a.map(({ id }) => id)]),
    );
  });
});
