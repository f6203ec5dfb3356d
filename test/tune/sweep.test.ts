import { describe, expect, test } from 'vitest';
import { loadTable } from '../../src/cli/table.ts';
import type { Alert, Post } from '../../src/model.ts';
import { PostFiles } from '../../src/runtime/post-files.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { mutate } from '../../src/simulate/mutate.ts';
import { Random } from '../../src/simulate/random.ts';
import { gridOf, type Grid, type GridAxes } from '../../src/tune/grid.ts';
import { runGrid } from '../../src/tune/grid-run.ts';
import { isExplained, SEVERE_SCORE, sweep } from '../../src/tune/sweep.ts';
import { copies, line, replayAll, simulatedDay, temporaryFolder, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const TABLE = loadTable();
const NOTHING: GridAxes = { windowsMs: [], minAccounts: [], strongSimilarity: [], weakSimilarity: [] };
const MINUTE_MS = 60_000;
const ENGINE = 'chorus/test';

/** A simulated day in which posts of campaigns are deleted and edited as well. */
const DAY = simulatedDay(1500, 7);
const posts = DAY.map((text) => JSON.parse(text) as Post & { createdAt: string });
const DELETED = posts
  .filter((_, i) => i % 40 === 0)
  .map(({ id, platform, createdAt }) => {
    return JSON.stringify({ id, platform, createdAt: new Date(Date.parse(createdAt) + MINUTE_MS), deleted: true });
  });
const EDITED = posts
  .filter((_, i) => i % 50 === 1)
  .map((post) => {
    const editedAt = new Date(Date.parse(post.createdAt) + MINUTE_MS).toISOString();
    return JSON.stringify({ ...post, createdAt: editedAt, editedAt });
  });
/** Groups that only some of the settings find: a small one, slow ones, and reworded ones of a few accounts. */
const SMALL = copies(
  4,
  'Four neighbours ask the council of Skerrow for a lamp at the corner of Wharf Lane, please sign',
);
const REWORDED = [
  'The ferry to Brannock sails at six from tomorrow and nobody asked the fishermen, write to the harbour board tonight',
  'Fenna Brandsma wants to close the library of the old quarter on Mondays, tell her what you think before the vote',
].flatMap((text, group) => {
  const random = new Random(group);
  return Array.from({ length: 7 }, (_, i) =>
    line(`reworded-${group}-${i}`, mutate(text, 'light', 'en', random), 240 * i),
  );
});
const day = writeLines(folder, 'day.ndjson', [...DAY, ...DELETED, ...EDITED, ...SMALL, ...REWORDED]);

function shared(inputs: readonly string[] = [day]) {
  return { source: new PostFiles(inputs), table: TABLE, engine: ENGINE, sortMemoryBytes: 64 * 2 ** 20 };
}

/** Revisions in between are not made, so their numbers differ. */
function unnumbered(alert: Alert): Alert {
  return { ...alert, revision: 0 };
}

async function closedOf(grid: Grid): Promise<{ alert: Alert; members: readonly Post[] }[][]> {
  const closed: { alert: Alert; members: readonly Post[] }[][] = grid.cells.map(() => []);
  const onClosed = (cell: number, { alert, members }: { alert: Alert; members?: readonly Post[] }): void => {
    closed[cell]!.push({ alert, members: members! });
  };
  await runGrid({ ...shared(), cells: grid.cells, onClosed });
  return closed;
}

describe('the grid', () => {
  test('holds the configured setting once, whether or not it is named', () => {
    const axes = { ...NOTHING, windowsMs: [15 * MINUTE_MS, 60 * MINUTE_MS], minAccounts: [3, 5] };
    const named = gridOf(DEFAULTS, axes);
    expect(named.cells.length).toBe(4);
    expect(named.cells.filter(({ isConfigured }) => isConfigured)).toEqual([named.cells[named.configured]]);
    const unnamed = gridOf(DEFAULTS, { ...axes, minAccounts: [3, 3, 10] });
    expect(unnamed.cells.length).toBe(5);
    expect(unnamed.cells[unnamed.configured]!.settings).toEqual(DEFAULTS);
    expect(gridOf(DEFAULTS, NOTHING).cells.length).toBe(1);
  });

  test('leaves out what contradicts itself, and counts it', () => {
    const { cells, contradictory } = gridOf(DEFAULTS, {
      ...NOTHING,
      strongSimilarity: [0.4, 0.5],
      weakSimilarity: [0.34, 0.45],
    });
    expect(contradictory).toBe(1);
    expect(cells.map(({ strongSimilarity, weakSimilarity }) => [strongSimilarity, weakSimilarity])).toEqual([
      [0.4, 0.34],
      [0.42, 0.34],
      [0.5, 0.34],
      [0.5, 0.45],
    ]);
  });
});

describe('each cell', () => {
  const grid = gridOf(DEFAULTS, {
    windowsMs: [15 * MINUTE_MS, 60 * MINUTE_MS],
    minAccounts: [3, 10],
    strongSimilarity: [0.42, 0.9],
    weakSimilarity: [],
  });

  test('closes what a replay with its settings closes, with deletions and edits in the feed', async () => {
    const closed = await closedOf(grid);
    const sizes = new Set<string>();
    for (const [i, { settings }] of grid.cells.entries()) {
      const { finals, members } = await replayAll([day], { settings });
      const wanted = finals.filter(({ status }) => status === 'closed');
      expect(closed[i]!.map(({ alert }) => unnumbered(alert))).toEqual(wanted.map(unnumbered));
      for (const { alert, members: found } of closed[i]!) expect(found).toEqual(members.get(alert.id));
      sizes.add(`${wanted.length} ${wanted.reduce((sum, { accountCount }) => sum + accountCount, 0)}`);
    }
    // The cells would be equal to each other if a setting did not reach the stages.
    expect(sizes.size).toBeGreaterThanOrEqual(6);
    expect(closed.flat().some(({ alert }) => alert.removedCount > 0)).toBe(true);
  });

  test('is counted: alerts, accounts, explained, severity, and what changes', async () => {
    const closed = await closedOf(grid);
    const { cells } = await sweep({ ...shared(), grid });
    const accountsOf = (i: number) =>
      new Set(closed[i]!.flatMap(({ members }) => members.map((post) => `${post.platform} ${post.account}`)));
    const configured = accountsOf(grid.configured);
    for (const [i, cell] of cells.entries()) {
      const alerts = closed[i]!.map(({ alert }) => alert);
      const accounts = accountsOf(i);
      const scores = alerts.map(({ severity }) => severity.score).sort((a, b) => a - b);
      const explained = alerts.filter(isExplained).length;
      const kept = [...accounts].filter((account) => configured.has(account)).length;
      expect(cell).toMatchObject({
        alerts: alerts.length,
        accounts: accounts.size,
        posts: alerts.reduce((sum, { postCount }) => sum + postCount, 0),
        explained,
        explainedShare: explained / alerts.length,
        medianSeverity: scores[Math.ceil(scores.length / 2) - 1],
        severe: scores.filter((score) => score >= SEVERE_SCORE).length,
        change: {
          alerts: alerts.length - closed[grid.configured]!.length,
          accountsKeptShare: kept / configured.size,
          accountsNew: accounts.size - kept,
        },
      });
    }
    expect(cells[grid.configured]!.change).toEqual({ alerts: 0, accountsKeptShare: 1, accountsNew: 0 });
  });
});

test('an archive without alerts has no shares', async () => {
  const quiet = writeLines(folder, 'quiet.ndjson', [line('a', 'nothing happens in the harbour today at all', 0)]);
  const { cells } = await sweep({ ...shared([quiet]), grid: gridOf(DEFAULTS, NOTHING) });
  expect(cells).toMatchObject([{ alerts: 0, accounts: 0, explainedShare: null, medianSeverity: null, severe: 0 }]);
  expect(cells[0]!.change).toEqual({ alerts: 0, accountsKeptShare: null, accountsNew: 0 });
});

test('an interrupted reading is told, and what was read is counted', async () => {
  const five = writeLines(folder, 'five.ndjson', copies(6));
  const ending = new AbortController();
  const options = { ...shared([five, day]), grid: gridOf(DEFAULTS, NOTHING), signal: ending.signal };
  const { cells, run } = await sweep({ ...options, onProgress: () => ending.abort() });
  expect(run.interrupted).toBe(true);
  expect(cells[0]!.accounts).toBe(6);
});
